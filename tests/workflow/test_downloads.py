"""Two commands from a folder as yt-dlp fills it to the training files of both tracks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from livecc.files.lines import read_lines
from livecc.files.parquet import read_rows
from tests.sources import caption_files
from tests.sources.downloads import info, write
from tests.support.places import REPOSITORY
from tests.workflow.warm import warm_python

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

MEDIA = REPOSITORY / "demo" / "media"
#: Videos of which the sound is heard.
HEARD = ("short_note", "presenter")
FORMATS = {
    "json3": caption_files.json3,
    "srv3": caption_files.srv3,
    "vtt": caption_files.vtt,
    "srv1": caption_files.srv1,
}
#: Nothing that a model of this size would have to score is at stake here.
QUICK: dict[str, Any] = {
    "score_lm_loss": {"enabled": False},
    "probe_videos": {"enabled": False},
    "score_talking_head": {"enabled": False},
    "score_active_speaker": {"enabled": False},
    "selections": {
        "default": {
            # Facts of videos are rules, of what page and summary say, too.
            "pretrain": {"language": None, "duration": {"min": 1}, "on_unknown": "keep"},
            "sft": {"language": None},
        }
    },
}


def add(folder: Path, stem: str, name: str, number: int, **more: Any) -> None:
    """A video with its info, and captions of one of four formats, in one or two languages."""
    kinds: dict[str, Any] = {}
    if number % 3 == 0:
        # People have typed them.
        kinds = {"subtitles": {"en": [{"ext": "vtt"}]}, "automatic_captions": {}}
    write(folder / f"{stem}.info.json", info(name, **{**kinds, **more}))
    extension, made = list(FORMATS.items())[number % len(FORMATS)]
    lines = caption_files.speech(number, 24)
    language = "en" if number % 3 == 0 else "en-orig"
    write(folder / f"{stem}.{language}.{extension}", made(lines))
    if number % 5 == 0:
        write(folder / f"{stem}.de.{extension}", made(caption_files.speech(number + 1000, 24)))


def fill(folder: Path) -> dict[str, str]:
    """300 videos as they come; id -> what is to become of it: "line", "problem" or "waits"."""
    wanted: dict[str, str] = {}
    for number in range(300):
        name = f"vid{number:08d}"
        stem, place, fate = f"A talk, part {number}. [{name}]", folder, "line"
        if 240 <= number < 250:
            extension, made = list(FORMATS.items())[number % len(FORMATS)]
            write(folder / f"{stem}.en.{extension}", made(caption_files.speech(number, 24)))
        elif 250 <= number < 260:
            write(folder / f"{stem}.info.json", info(name, automatic_captions={}))
        elif 260 <= number < 265:
            add(folder, stem, name, number)
            write(folder / f"{stem}.mp4.part", b"half")
            fate = "waits"
        elif 265 <= number < 270:
            write(folder / f"{stem}.info.json", info(name, live_status="is_live"))
            write(folder / f"{stem}.live_chat.json", "{}")
        elif 270 <= number < 280:
            add(folder / "Плейлист – 列表" / "よい", f"動画 {number} ｜ «{name}»", name, number)
        elif 280 <= number < 285:
            add(folder, f"{'long ' * 36}{number} [{name}]", name, number)
        elif 285 <= number < 290:
            write(folder / f"{stem}.info.json", info(name, language="de"))
            write(folder / f"{stem}.en.vtt", caption_files.vtt(caption_files.speech(number, 24)))
        elif 290 <= number < 295:
            write(folder / f"{stem}.info.json", info(name))
            write(folder / f"{stem}.en-orig.json3", '{"events": [')
            fate = "problem"
        else:
            title = {"title": "\x1b[31mred\x07"} if number >= 295 else {}
            add(place, stem, name, number, **title)
        wanted[name] = fate
    for number, media in enumerate(HEARD):
        name = f"vid{number:08d}"
        shutil.copy(MEDIA / f"{media}.mp4", folder / f"A talk, part {number}. [{name}].mp4")
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - 3600,) * 2)
    return wanted


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.parquet")):
        yield from read_rows(path)


def test_every_video_is_in_a_training_file_or_has_a_reason(
    tmp_path: Path, fetched_model: Callable[[str], Path]
) -> None:
    whisper = fetched_model("whisper-tiny.en")
    wanted = fill(tmp_path / "down")
    made = subprocess.run(
        [sys.executable, "-m", "livecc.commands", "init", "down", "--shards", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    quick = {
        **QUICK,
        "transcribe": {"model": str(whisper), "beam_size": 1},
    }
    (tmp_path / "quick.yaml").write_text(yaml.safe_dump(quick))
    command = [warm_python(), "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "local"), "--cores", "2"]
    command += ["--configfile", "my.yaml", "quick.yaml"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-5000:]
    assert "\x1b[31mred" not in run.stdout

    results = tmp_path / "results"
    lines: dict[str, dict[str, Any]] = {}
    for path in (results / "sources" / "videos" / "lines").iterdir():
        for _, line in read_lines(path):
            record = json.loads(line or b"")
            lines[record["id"]] = record
    waits = {name for name, fate in wanted.items() if fate == "waits"}
    assert lines.keys() == wanted.keys() - waits
    told = json.loads((results / "sources" / "videos" / "assigned.json").read_text())
    assert sum(n for reason, (n, _) in told["left_out"].items() if "half-written" in reason) >= 5
    problems = {name for name, record in lines.items() if record.get("problem")}
    assert {name for name, fate in wanted.items() if fate == "problem"} <= problems

    for track in ("pretrain", "sft"):
        merged = next((results / track / "default").glob("*_with_seeks.jsonl")).read_bytes()
        kept = {json.loads(line)[0]["content"][0]["video"] for line in merged.splitlines()[:-1]}
        assert kept, track
        of_lines = {row["video"]: row for row in rows(results / track / "videos")}
        assert of_lines.keys() == {record["video"] for record in lines.values()}
        dropped = {
            row["video"]: row["why"]
            for row in rows(results / track / "default" / "decisions")
            if not row["kept"]
        }
        for name, record in lines.items():
            video = record["video"]
            row = of_lines[video]
            accounted = video in kept or video in dropped or row["reason"] or not row["clips"]
            assert accounted, (track, name, row)
        failed = {video for video, row in of_lines.items() if row["status"] == "failed"}
        if track == "pretrain":
            assert {lines[name]["video"] for name in problems} <= failed
            assert len(kept) > 100
        else:
            heard = {lines[f"vid{number:08d}"]["video"] for number in range(len(HEARD))}
            assert kept <= heard
            # Nobody has downloaded the others.
            assert len(of_lines) - len(failed) <= len(HEARD) + 30

    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout + again.stderr
