#!/usr/bin/env python3
"""The paper's preset over a made-up dump: both tracks, then the same in other shards.

Writes a dump in the form of YT-Temporal-1B whose videos are links to the demo's, and tiny models
with random weights. Runs `presets/paper.yaml` on them, prints `livecc paper-counts`, cuts the
sources into another number of shards and runs again, and last with one more download. Fails if the
merged files then differ, if anything was scored again, or if more than one shard ran for the video.

    python -m benchmarks.bench_paper_preset --models FOLDER [--videos 20000] [--shards 10 37]

FOLDER holds whisper-tiny.en and centerface, as `models/` does after `make demo`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from livecc.formats.layout import Layout
from livecc.selecting.paper_counts import CATEGORIES
from tests.sources import caption_files
from tests.support.tiny_language_models import WORDS

REPOSITORY = Path(__file__).resolve().parents[1]
#: The videos are links to media elsewhere.
LINKS = {"videos_outside": "links"}
MEDIA = sorted((REPOSITORY / "demo" / "media").glob("*.mp4"))
ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, required=True, help="whisper-tiny.en, centerface")
    parser.add_argument("--videos", type=int, default=20_000)
    parser.add_argument("--shards", type=int, nargs=2, default=(10, 37))
    parser.add_argument("--folder", type=Path, help="keep everything here (default: temporary)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, arguments.models.resolve(), arguments.videos, *arguments.shards)


def measure(folder: Path, models: Path, videos: int, shards: int, others: int) -> None:
    write_dump(folder, videos)
    add_download(folder, "first", seed=0)
    write_models(folder / "models", models)
    write_config(folder, shards)
    _, merged = run(folder, f"{videos:,} videos in {shards} shards")
    command = [sys.executable, "-m", "livecc.commands", "paper-counts", "results"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    print(told.stdout)
    newline = b"\n"
    print({name: f"{data.count(newline):,} lines" for name, data in merged.items()})

    scored = rows_in_cache(folder)
    print(f"rows in the cache: {dict(scored)}")
    write_config(folder, others)
    _, again = run(folder, f"the same in {others} shards")
    assert again == merged, "the merged files differ"
    assert rows_in_cache(folder) == scored, "something was scored again"

    add_download(folder, "second", seed=1)
    jobs, _ = run(folder, "and one more video")
    more = rows_in_cache(folder) - scored
    print(f"rows added to the cache: {dict(more)}")
    assert jobs["clip_captions"] == 1, jobs


def rows(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Videos as the dump holds them: good ones, and some that each rule on facts drops."""
    chance = random.Random(seed)
    words = [word.strip(",.") for word in WORDS]
    for _ in range(count):
        spoken = chance.choices(words, k=chance.randint(80, 240))
        pause = chance.choice([0.1, 0.25, 0.4, 0.5, 0.6])
        starts = [round(2 + pause * k, 2) for k in range(len(spoken))]
        yield {
            "id": "".join(chance.choices(ID_LETTERS, k=11)),
            "title": " ".join(chance.choices(words, k=6)),
            "categories": [chance.choice([*CATEGORIES, "Music", "Comedy", "Entertainment"])],
            "duration": chance.choice([20, 60, 120, 180, 240, 300, 900]),
            "language": "en",
            "formats": [{"vcodec": "avc1", "height": chance.choice([360, 480, 720, 1080])}],
            "subtitles_words": spoken,
            "subtitles_t_start": starts,
            "subtitles_t_end": [round(start + pause, 2) for start in starts],
        }


def write_dump(folder: Path, videos: int, per_file: int = 2500) -> None:
    """The dump in files of `per_file`; videos link to the demo's media, one in 20 is missing."""
    for name in ("dump", "videos"):
        (folder / name).mkdir()
    made = enumerate(rows(videos))
    for first in range(0, videos, per_file):
        path = folder / "dump" / f"yttemporal1b_train_{first // per_file:04d}.jsonl.gz"
        with gzip.open(path, "wt", compresslevel=1) as stream:
            for number, row in islice(made, per_file):
                stream.write(json.dumps(row) + "\n")
                if number % 20:
                    link = folder / "videos" / f"{row['id']}.mp4"
                    link.symlink_to(MEDIA[number % len(MEDIA)])


def add_download(folder: Path, name: str, seed: int) -> None:
    """Captions as yt-dlp lays them down, in a folder beside the dump."""
    path = folder / "downloads" / f"{name}.en.json3"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(caption_files.json3(caption_files.speech(seed)))
    # What is younger than a minute may still be written.
    os.utime(path, (time.time() - 600, time.time() - 600))


def write_models(folder: Path, models: Path) -> None:
    """Tiny models of the preset's architectures; the classifier says "en" of all."""
    import torch
    from transformers import XLMRobertaForSequenceClassification

    from tests.stages.identify_language.tiny_xlm_roberta import TINY, save_classifier
    from tests.stages.score_talking_head.tiny_qwen2_vl import write_tiny_qwen2_vl
    from tests.support.tiny_language_models import save_model
    from tests.workflow.both_tracks import random_active_speaker

    folder.mkdir()
    for name in ("whisper-tiny.en", "centerface"):
        (folder / name).symlink_to(models / name)
    save_model(folder / "lm", "qwen2")
    write_tiny_qwen2_vl(folder / "vl")
    random_active_speaker(folder / "light_asd")
    save_classifier(folder / "xlm", WORDS, ("en", "fr"), 200, **TINY)
    network = XLMRobertaForSequenceClassification.from_pretrained(
        folder / "xlm", trust_remote_code=False
    )
    with torch.no_grad():
        network.classifier.out_proj.bias.copy_(torch.tensor([6.0, 0.0]))
    network.save_pretrained(folder / "xlm")


def write_config(folder: Path, shards: int) -> None:
    """What differs from the preset: models of another size, and bounds of their losses."""
    losses = {"min": 1.5, "max": 50}
    settings = {
        "device": "cpu",
        "models_folder": "models",
        "sources": {
            "dump": {
                "shards": shards,
                "from": [
                    {"format": "yttemporal1b", "paths": ["dump"]},
                    {"format": "captions", "paths": ["downloads"]},
                ],
            }
        },
        "tracks": {
            "pretrain": {"sources": ["dump"], "videos": "videos", **LINKS},
            "sft": {
                "from": {"track": "pretrain", "selection": "paper"},
                "videos": "videos",
                **LINKS,
            },
        },
        "transcribe": {"model": "whisper-tiny.en"},
        "describe_video": {"model": "models/xlm"},
        "identify_language": {"model": "models/xlm"},
        "score_lm_loss": {"model": "models/lm"},
        "score_talking_head": {"model": "models/vl"},
        "score_active_speaker": {"detector": "centerface"},
        "make_prompts": {"engine": "template"},
        "selections": {
            "paper": {"pretrain": {"lm_loss": losses}, "sft": {"lm_loss": losses}},
            "paper_script": {"pretrain": {"lm_loss": losses}, "sft": {"lm_loss": losses}},
        },
        "report": {"media": "none"},
    }
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))


def run(folder: Path, what: str) -> tuple[Counter[str], dict[str, bytes]]:
    """Run Snakemake; prints its times; returns jobs by rule and the merged files."""
    preset = str(REPOSITORY / "presets" / "paper.yaml")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "local")]
    command += ["--configfile", preset, "my.yaml", "--cores", "2"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (folder / "snakemake.log").open("w") as log:
        status = subprocess.run(
            command, cwd=folder, env=environment, stdout=log, stderr=log, check=False
        ).returncode
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = (folder / "snakemake.log").read_text()
    assert status == 0, output[-5000:]
    jobs = Counter(
        line.split("(Rule: ")[1].rstrip(")")
        for line in output.splitlines()
        if line.startswith("Finished jobid:")
    )
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss // 1024
    print(
        f"{what}: {seconds:.0f} s, {spent:.0f} s of processor time, {jobs.total()} jobs, {peak} MB"
    )
    results = Layout(str(folder / "results"))
    merged = {
        str(path.relative_to(folder)): path.read_bytes()
        for track in ("pretrain", "sft")
        for path in sorted(Path(results.manifest(track, "paper")).parents[1].glob("*/*.jsonl"))
    }
    assert merged
    return jobs, merged


def rows_in_cache(folder: Path) -> Counter[str]:
    """Stage -> rows of all segments of its score cache."""
    cache = folder / "results" / "cache"
    return Counter(
        path.relative_to(cache).parts[0]
        for path in cache.rglob("*.jsonl")
        for line in path.read_bytes().splitlines()
        if b'"key":' in line
    )


if __name__ == "__main__":
    main()
