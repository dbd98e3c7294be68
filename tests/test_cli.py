"""How the command lines of rules start and end."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

BEGIN = """
import argparse, atexit, sys, threading, time
from livecc import cli
from livecc.errors import LiveccError
from livecc.running.spare_pandas import spare_pandas

"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("work", "status"),
    [
        ("return None", 0),
        ("return 3", 3),
        ("raise LiveccError('so it is')", 1),
        ("raise RuntimeError('a fault')", 1),
        ("sys.exit(4)", 4),
        ("sys.exit('as libraries do')", 1),
        ("raise KeyboardInterrupt", 130),
    ],
)
def test_a_script_ends_with_its_status_and_leaves_memory_as_it_is(work: str, status: int) -> None:
    result = run(
        f"""
        class Large:
            def __del__(self):
                print("freed")

        large = Large()

        def later():
            time.sleep(0.2)
            print("a thread's work")

        def main(options):
            sys.stdout.write("no line break; ")
            atexit.register(print, "what was to be done at the end")
            threading.Thread(target=later).start()
            {work}

        cli.run(main, argparse.ArgumentParser(), [])
        """
    )
    assert result.returncode == status, result.stderr
    assert result.stdout == "no line break; a thread's work\nwhat was to be done at the end\n"


def test_a_full_disk_at_the_very_end_is_no_success() -> None:
    result = run(
        """
        sys.stdout = open("/dev/full", "w")
        cli.run(lambda options: print("lost"), argparse.ArgumentParser(), [])
        """
    )
    assert result.returncode != 0


def test_pyarrow_does_not_import_pandas_until_somebody_asks() -> None:
    result = run(
        """
        spare_pandas()
        import pyarrow.parquet
        table = pyarrow.table({"a": [1, 2], "b": ["x", None]})
        assert "pandas" not in sys.modules
        assert table.to_pandas().a.sum() == 3
        import pandas
        assert pyarrow.array(pandas.Series([1, 2])).to_pylist() == [1, 2]
        """
    )
    assert result.returncode == 0, result.stderr


def test_pandas_that_is_there_is_used() -> None:
    result = run(
        """
        import pandas
        spare_pandas()
        import pyarrow
        assert pyarrow.array(pandas.Series([1, 2])).to_pylist() == [1, 2]
        """
    )
    assert result.returncode == 0, result.stderr
