"""Shared by all command lines: logging, one-line errors, clean termination on SIGTERM."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from livecc.errors import LiveccError
from livecc.files.atomic import DISK_FULL
from livecc.files.leftovers import without_temporary_names
from livecc.files.paths import paths_expanded
from livecc.formats.video_paths import OUTSIDE
from livecc.running.driver_watch import TERMINATED, end_with_driver
from livecc.running.spare_pandas import spare_pandas
from livecc.terminal import LogFormatter, say, say_exception

if TYPE_CHECKING:
    from livecc.declaration import CachedStage

INTERRUPTED = 130


def run(
    main: Callable[[argparse.Namespace], int | None],
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Parse the arguments of a rule's script, call `main`, and exit with its status."""
    start_logging()
    spare_pandas()
    options = parser.parse_args(arguments)
    for name, value in vars(options).items():
        setattr(options, name, paths_expanded(value))
    atexit.register(_leave)
    with _status_kept(), faults_told():
        finish(lambda: main(options))
    raise AssertionError("finish ends the process")


_status = 0


@contextmanager
def _status_kept() -> Iterator[None]:
    """Keep the exit status of what ends the process, for `_leave`."""
    global _status
    try:
        yield
    except SystemExit as end:
        # A text is printed, and stands for a failure.
        _status = 1 if isinstance(end.code, str) else int(end.code or 0)
        raise


def _leave() -> NoReturn:
    """End the process at once; called after all other functions that `run` lets register.

    To free everything that torch and transformers hold takes a second of a processor's time.
    """
    status = _status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # As the interpreter does.
            status = status or 120
    os._exit(status)


@contextmanager
def faults_told() -> Iterator[None]:
    """Print the traceback of any other error that ends the process, and exit with status 1."""
    try:
        yield
    except Exception as error:
        say_exception(error)
        sys.exit(1)


def start_logging() -> None:
    """Log to standard error, at the level of $LIVECC_LOG and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter())
    logging.basicConfig(level=os.environ.get("LIVECC_LOG", "INFO").upper(), handlers=[handler])
    http = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "openai")
    for noisy in (*http, "filelock", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def finish(work: Callable[[], int | None]) -> NoReturn:
    """Run a command and exit with its status.

    A LiveccError or a full disk is printed as one message without a traceback (exit 1). SIGTERM,
    which Slurm sends before a time limit, unwinds like an exception, so that temporary files are
    removed and worker processes end.
    """
    signal.signal(signal.SIGTERM, _terminate)
    end_with_driver()
    try:
        status = work() or 0
    except LiveccError as error:
        say(f"error: {without_temporary_names(str(error))}", to=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        say("interrupted", to=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it (`... | head`), so there is nothing to report to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        if error.errno is None:
            raise
        told = os.strerror(error.errno)
        if error.filename:
            told = f"{os.fsdecode(error.filename)}: {told}"
        elif str(error):
            # Libraries put the name into the text.
            told = str(error)
        full = error.errno in DISK_FULL
        hint = "; free some space and start again: everything that was finished is kept"
        say(f"error: {without_temporary_names(told)}{hint if full else ''}", to=sys.stderr)
        status = 1
    sys.exit(status)


def run_stage(stage: CachedStage) -> NoReturn:
    """The command line of a stage with a score cache."""
    # Imported here, because `livecc --help` needs no stages.
    from livecc.declaration import imported
    from livecc.scores.job import run_job
    from livecc.stages.job_spec import JobSpec, parser_of

    def main(options: argparse.Namespace) -> None:
        spec = JobSpec.of_options(stage, options)
        run_job(imported(stage.prepare)(spec))

    run(main, parser_of(stage))


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)


def add_videos_outside(parser: argparse.ArgumentParser) -> None:
    """Add --videos-outside: which videos outside of their folder may be opened."""
    parser.add_argument(
        "--videos-outside",
        default="none",
        choices=OUTSIDE,
        help="videos outside of their folder that may be opened (default: none)",
    )


def add_external(parser: argparse.ArgumentParser) -> None:
    """Add --external, which workflows with external scores pass."""
    from livecc.sections import json_object

    parser.add_argument("--external", default={}, type=json_object, help=argparse.SUPPRESS)


def add_made_with(parser: argparse.ArgumentParser) -> None:
    """Add --made-with, which the workflow passes to see later whether settings have changed."""
    parser.add_argument(
        "--made-with", default="", metavar="DIGEST", help="digest of the settings, to be recorded"
    )
