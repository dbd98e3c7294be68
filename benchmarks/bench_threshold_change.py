#!/usr/bin/env python3
"""A threshold change, from the edited configuration to the merged file and the summary.

Writes synthetic results of the pre-training track (no stage runs), lets Snakemake record them
(`--touch`), selects once, then edits a threshold and times `snakemake` with the real Snakefile. The
ceiling is the unavoidable work: a Snakemake run with nothing to do, and selecting and merging in
one running process. The table of samples, the card and the page, made afterwards, are timed apart.

    python -m benchmarks.bench_threshold_change [--shards 200] [--clips 500] [--within 60]
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.made_up_results import GATE, STAGES, MadeUpResults, shard_names
from livecc.files.atomic import write_bytes, write_json
from livecc.files.yaml_files import DEFAULTS_FILE, read_yaml
from livecc.formats.layout import Layout
from livecc.models.fetch import describe
from livecc.selecting.merge_samples import merge
from livecc.selecting.select_samples import select_shard
from livecc.stages.tracks import PRETRAIN

REPOSITORY = Path(__file__).resolve().parents[1]

THRESHOLDS = {
    "words_per_second": {"min": 1, "max": 4},
    "language": {"labels": ["en"], "min_confidence": 0.7},
    "lm_loss": {"min": 1.5, "max": 6.5},
    "talking_head": {"below": 0.6},
}


def make_project(folder: Path, shards: int, clips: int, words: int) -> None:
    """Inputs and all results up to the scores, recorded by Snakemake."""
    results = folder / "results"
    made_up = MadeUpResults(results, words)
    for name in shard_names(shards):
        write_bytes(folder / "input" / f"{name}.jsonl", b'{"video": "not read"}\n')
        made_up.write_shard(name, clips)
    write_config(folder, max_loss=6.5)
    config = read_yaml(DEFAULTS_FILE)
    for model in (config["score_lm_loss"]["model"], config["score_talking_head"]["detector"]):
        receipt = {"model": model, "source": describe(model)["source"], "folder": "."}
        receipt |= {"licence": "none", "digest": "none"}
        write_json(results / "models" / f"{model}.json", receipt)
    snakemake(folder, "--touch", "--until", "score_talking_head")


def write_config(folder: Path, max_loss: float, everything: bool = False) -> None:
    """`everything`: with the table of samples, the card and the page, made after merging."""
    thresholds: dict[str, Any] = {**THRESHOLDS, "lm_loss": {"min": 1.5, "max": max_loss}}
    settings: dict[str, Any] = {
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"}},
        "selections": {"default": {"pretrain": thresholds}},
        "score_lm_loss": {"gate": GATE},
        "score_talking_head": {"gate": GATE},
    }
    if not everything:
        settings |= {"exports": {"formats": []}, "report": {"enabled": False}}
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))


def snakemake(folder: Path, *flags: str) -> Counter[str]:
    """Run Snakemake in `folder`; returns how often each rule ran."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "local")]
    command += ["--configfile", "my.yaml", "--cores", "2", *flags]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{output[-3000:]}")
    finished = (line for line in output.splitlines() if line.startswith("Finished jobid:"))
    return Counter(line.split("(Rule: ")[1].rstrip(")") for line in finished)


def in_one_process(folder: Path, shards: int) -> None:
    """Select and merge without Snakemake, in this process."""
    layout = Layout(str(folder / "results"))
    made = folder / "one"
    for name in shard_names(shards):
        files = layout.shard("pretrain", name)
        select_shard(
            track=PRETRAIN,
            thresholds=THRESHOLDS,
            gates={},
            transcripts=Path(files.transcripts),
            clips=Path(files.clips),
            scores={stage: Path(files.scores(stage.name)) for stage in STAGES},
            decisions=made / f"{name}.parquet",
            samples=made / f"{name}.jsonl",
            counts=made / f"{name}.json",
        )
    merge([made / f"{name}.jsonl" for name in shard_names(shards)], made / "merged.jsonl")


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(seconds, CPU seconds of this process and its children, result of `work`)."""
    started, before = time.monotonic(), _cpu()
    result = work()
    return time.monotonic() - started, _cpu() - before, result


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def time_the_rest(folder: Path, shards: int) -> None:
    """A change with all that is made after merging, and the ceilings."""
    write_config(folder, max_loss=4.0, everything=True)
    seconds, cpu, _ = timed(lambda: snakemake(folder))
    print(f"{'another, with table, card and page':<44}{seconds:>10.1f}{cpu:>10.1f}")
    seconds, cpu, _ = timed(lambda: snakemake(folder))
    print(f"{'ceiling: nothing changed':<44}{seconds:>10.1f}{cpu:>10.1f}")
    seconds, cpu, _ = timed(lambda: in_one_process(folder, shards))
    print(f"{'ceiling: select and merge in one process':<44}{seconds:>10.1f}{cpu:>10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--clips", type=int, default=500, help="per shard")
    parser.add_argument("--words", type=int, default=150, help="per clip")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--within", type=float, metavar="SECONDS", help="fail if slower")
    parser.add_argument("--change-only", action="store_true", help="no ceilings, table and page")
    options = parser.parse_args()
    best = math.inf
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder, options.shards, options.clips, options.words)
        ran = snakemake(folder)
        if any(rule.startswith(("clip_", "score_", "identify_")) for rule in ran):
            sys.exit(f"a score was made: {dict(ran)}")
        print(f"{'':<44}{'seconds':>10}{'CPU s':>10}  jobs")
        for repeat in range(options.repeats):
            write_config(folder, max_loss=5.0 - repeat / 10)
            seconds, cpu, ran = timed(lambda: snakemake(folder))
            best = min(best, seconds)
            jobs = ", ".join(f"{count} {rule}" for rule, count in sorted(ran.items()))
            print(f"{'a threshold changed':<44}{seconds:>10.1f}{cpu:>10.1f}  {jobs}")
        if not options.change_only:
            time_the_rest(folder, options.shards)
        merged = folder / "results/pretrain/default/livecc_pretrain_default_with_seeks.jsonl"
        summary = json.loads((folder / "results/summary.json").read_text())
        kept = summary["pretrain"]["selections"]["default"]["samples"]
        total = summary["pretrain"]["selections"]["default"]["clips"]
        size = merged.stat().st_size / 1e6
        print(f"{total} clips, of which {kept} are kept at the end: {size:.0f} MB")
    if options.within is not None and best > options.within:
        sys.exit(f"a threshold change took {best:.1f} s, more than {options.within:g} s")


if __name__ == "__main__":
    main()
