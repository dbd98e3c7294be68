#!/usr/bin/env python3
"""What other thresholds would keep, from the stored scores alone; nothing is run or changed.

    what_if.py --configfile my.yaml --set lm_loss.max=3 --set language.min_confidence=0.9

holds these settings against the selection as configured. Without --set, the configuration is held
against what the last run decided.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc import config as configuration
from livecc.what_if import ENTERS, LEAVES, answer, changed_clips, spread
from livecc.what_if_output import check_output, write_clips
from livecc.what_if_question import ask
from livecc.what_if_report import render


def main(options: argparse.Namespace) -> None:
    from rich.console import Console

    if options.output:
        check_output(options.output)
    config = configuration.load(options.configfile)
    question = ask(config, options.track, options.selection, options.set, options.against)
    found = answer(question, options.threads)
    shown = {
        change: list(changed_clips(question, spread(found, change, options.show)))
        for change in (ENTERS, LEAVES)
    }
    name = f"{question.folder.name}, selection {question.selection}"
    asked = " with ".join([name, *([", ".join(options.set)] if options.set else [])])
    if options.against:
        against = f"selection {options.against}"
    else:
        against = f"{name} as configured" if options.set else "its last run"
    console = Console(markup=False, highlight=False, soft_wrap=False)
    render(console, question, found, asked, against, shown)
    if options.output:
        count = write_clips(options.output, changed_clips(question, found.changed))
        console.print(f"\n{options.output}: {count:,} clips", soft_wrap=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        type=Path,
        metavar="YAML",
        help="as for snakemake; later files lie upon earlier ones",
    )
    parser.add_argument("--track", help="needed where both have inputs")
    parser.add_argument("--selection", help="whose thresholds to begin with (default: default)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="RULE.BOUND=VALUE",
        help="a threshold to change: lm_loss.max=3, language.labels=en,de, talking_head=none, "
        "on_unscored=keep; may be repeated",
    )
    parser.add_argument("--against", metavar="SELECTION", help="hold against this selection")
    parser.add_argument(
        "--show",
        type=cli.at_least(0),
        default=3,
        metavar="N",
        help="clips to show of each kind (default: 3)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write all clips that enter and leave, with text (.jsonl, .jsonl.gz, .jsonl.zst, "
        ".parquet)",
    )
    parser.add_argument(
        "--threads",
        type=cli.at_least(1),
        default=min(8, os.cpu_count() or 1),
        help="default: %(default)s",
    )
    cli.spare_pandas()
    cli.run(main, parser)
