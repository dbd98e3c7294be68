"""scripts/transcribe.py on files of a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from livecc.files.atomic import read_json, write_json
from livecc.files.lines import read_jsonl
from livecc.files.parquet import write_table
from livecc.formats.tables import schema
from tests.support.places import SCRIPTS


def run_script(
    folder: Path,
    names: list[str],
    work: Path,
    models: dict[str, tuple[str, Path]],
    *flags: str,
    **more: Any,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """(Line of the output by video, stats). `models`: flag of a receipt -> name and weights."""
    receipts = {}
    for flag, (name, place) in models.items():
        receipts[flag] = work / f"{flag}.json"
        write_json(receipts[flag], {"model": name, "folder": str(place), "digest": name})
    records = [
        {"line": k, "video": name, "title": "", "category": "", "status": "ok"}
        for k, name in enumerate(names, 1)
    ]
    write_table(work / "records.parquet", schema("records"), records)
    arguments = {
        "track": "sft",
        "shard": "a",
        "records": work / "records.parquet",
        "videos": folder,
        "cache": work / "cache",
        "output": work / "a.jsonl.zst",
        "stats": work / "a.json",
        "threads": 2,
        "device": "cpu",
        **receipts,
        **more,
    }
    done = subprocess.run(
        [
            *(sys.executable, str(SCRIPTS / "transcribe.py")),
            *(f"--{key.replace('_', '-')}={value}" for key, value in arguments.items()),
            *flags,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    rows = list(read_jsonl(work / "a.jsonl.zst"))
    assert [row["video"] for row in rows] == names
    return {row["video"]: row for row in rows}, read_json(work / "a.json")
