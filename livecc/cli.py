"""What all command lines share: logging, one-line errors, a clean end on SIGTERM."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from livecc.driver_watch import TERMINATED, end_with_driver
from livecc.errors import LiveccError
from livecc.files import DISK_FULL
from livecc.scoring import Outcome, ScoreJob
from livecc.scoring import run_job as run_scoring

INTERRUPTED = 130
Number = TypeVar("Number", int, float)


def run(
    main: Callable[[argparse.Namespace], int | None],
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Parse the arguments, call `main`, and exit with its status.

    A LiveccError is printed as one message without a traceback (exit 1); so is a full disk.
    SIGTERM, which Slurm sends before a time limit, unwinds like an exception, so that temporary
    files and worker processes go away.
    """
    logging.basicConfig(
        level=os.environ.get("LIVECC_LOG", "INFO").upper(),
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    http = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "openai")
    for noisy in (*http, "filelock", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    end_with_driver()
    try:
        status = main(options) or 0
    except LiveccError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`... | head`); there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in DISK_FULL
        hint = "; free some space and start again: everything that was finished is kept"
        print(f"error: {where}{os.strerror(error.errno)}{hint if full else ''}", file=sys.stderr)
        status = 1
    sys.exit(status)


def run_job(
    prepare: Callable[[argparse.Namespace], ScoreJob[Any]], parser: argparse.ArgumentParser
) -> NoReturn:
    """Run the command line of a score stage; `prepare` makes its job of the arguments."""

    def main(options: argparse.Namespace) -> None:
        outcome = Outcome(
            cache=options.cache,
            output=options.output,
            stats=options.stats,
            retry_failed=options.retry_failed,
            coverage=options.coverage,
            covers=options.covers,
            gate=gate_of(options),
            gpus=options.gpus,
        )
        run_scoring(prepare(options), outcome)

    run(main, parser)


def gate_of(options: argparse.Namespace) -> dict[str, Any]:
    """The gate that the arguments give; empty for a stage without one."""
    gates: dict[str, dict[str, Any]] = getattr(options, "gates", {})
    return gates.get(options.track) or getattr(options, "gate", {})


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)


def spare_pandas() -> None:
    """Let pyarrow do without pandas, in a script that makes no use of it.

    pyarrow imports pandas, where it is installed, to look whether what it converts is a Series.
    That takes longer than a job of the select stage.
    """
    sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas.

    None in sys.modules would say so too, but pyarrow's C++ code takes it for the module.
    """

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def add_shard(parser: argparse.ArgumentParser) -> None:
    """--track and --shard, which name a job."""
    parser.add_argument("--track", required=True, choices=["pretrain", "sft"])
    parser.add_argument("--shard", required=True, help="name of the shard, for caches and messages")


def add_transcripts(parser: argparse.ArgumentParser) -> None:
    """--transcripts, for stages that look at the text."""
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")


def add_scoring(parser: argparse.ArgumentParser) -> None:
    """The arguments of every score stage."""
    add_shard(parser)
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--output", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where and how a model runs, and where its scores are kept."""
    parser.add_argument(
        "--cache", required=True, type=Path, metavar="FOLDER", help="root of the score cache"
    )
    parser.add_argument(
        "--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: %(default)s"
    )
    parser.add_argument("--gpus", type=int, default=1, help="GPUs to take, on cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the model")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument(
        "--retry-failed", action="store_true", help="score again what failed before"
    )
    parser.add_argument(
        "--coverage", type=Path, metavar="JSON", help="where to note the gate, for later runs"
    )
    parser.add_argument("--covers", default="", metavar="TOKEN", help="what to note beside it")


def add_gate(parser: argparse.ArgumentParser) -> None:
    """--score and --gate: which clips are worth scoring."""
    add_scores(parser)
    parser.add_argument(
        "--gate",
        default={},
        type=json_object,
        metavar="JSON",
        help="thresholds on earlier scores (default: none)",
    )
    parser.add_argument(
        "--gates",
        default={},
        type=json_object,
        metavar="JSON",
        help='the gates of several tracks, {"sft": {...}}; that of --track is taken',
    )


def add_scores(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--score",
        action="append",
        default=[],
        type=named_path,
        metavar="STAGE=PARQUET",
        help="score table of an earlier stage; may be repeated",
    )


def at_least(least: Number) -> Callable[[str], Number]:
    """The type of an argument that is a number of the same kind as `least`, and not below it."""
    kind = type(least)

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        # A comparison with NaN is false.
        if value is None or not value >= least:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r}: must be {what}, {least} at least")
        return value

    return parse


def json_object(text: str) -> dict[str, Any]:
    """The type of an argument that is a JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object, {...}")
    return value


def named_path(text: str) -> tuple[str, Path]:
    """The type of an argument that is a name, an equals sign and a file."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: must be NAME=FILE")
    return name, Path(path)
