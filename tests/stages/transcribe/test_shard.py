"""From the table of records to transcripts, through the score cache, with a real model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecc.files.atomic import read_json, write_json
from livecc.files.lines import read_jsonl
from livecc.files.parquet import write_table
from livecc.formats.tables import schema
from livecc.stages.transcribe import shard as transcribe_shard
from livecc.stages.transcribe.shard import COLUMNS, _write
from tests.support.places import REPOSITORY

MEDIA = REPOSITORY / "demo" / "media"
NAMES = ("paper_boat.mp4", "slow_garden.mp4", "gone.mp4")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, fetched_model: Callable[[str], Path]
) -> Path:
    """A folder with records, receipt, and what a job made of them."""
    folder = tmp_path_factory.mktemp("shard")
    write_json(
        folder / "receipt.json",
        {
            "model": "whisper-tiny.en",
            "folder": str(fetched_model("whisper-tiny.en")),
            "digest": "d1",
        },
    )
    records = [
        {"line": k + 1, "video": name, "title": f"About {name}", "category": "", "status": "ok"}
        for k, name in enumerate(NAMES)
    ]
    records.insert(1, {"line": 9, "video": "song.mp4", "title": "", "status": "dropped"})
    write_table(folder / "records.parquet", schema("records"), records)
    run(folder)
    return folder


def command(folder: Path, *more: str, name: str = "a") -> list[str]:
    flags = {
        "track": "sft",
        "shard": name,
        "records": folder / "records.parquet",
        "videos": MEDIA,
        "receipt": folder / "receipt.json",
        "cache": folder / "cache",
        "output": folder / f"{name}.jsonl.zst",
        "stats": folder / f"{name}.json",
        "beam-size": 1,
        "threads": 2,
        "device": "cpu",
    }
    script = str(REPOSITORY / "scripts" / "transcribe.py")
    return [sys.executable, script, *(f"--{key}={value}" for key, value in flags.items()), *more]


def run(folder: Path, *more: str, name: str = "a") -> str:
    done = subprocess.run(
        command(folder, *more, name=name), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def rows(folder: Path, name: str = "a") -> list[dict[str, Any]]:
    return list(read_jsonl(folder / f"{name}.jsonl.zst"))


@pytest.mark.models
def test_a_transcript_for_every_record_that_goes_on(finished: Path) -> None:
    boat, garden, gone = rows(finished)
    assert [row["video"] for row in (boat, garden, gone)] == list(NAMES)
    assert list(boat) == ["video", "title", "category", *transcribe_shard.COLUMNS]
    assert boat["status"] == "ok"
    assert boat["title"] == "About paper_boat.mp4"
    assert (boat["engine"], boat["model"]) == ("faster_whisper", "whisper-tiny.en")
    assert (boat["language"], boat["language_probability"]) == ("en", 1.0)
    assert len(boat["words"]) == len(boat["start"]) == len(boat["end"]) == len(boat["confidence"])
    assert "paper" in boat["words"]
    assert boat["duration"] == pytest.approx(91.4, abs=0.1)
    assert 0 < boat["speech_seconds"] < boat["duration"]
    assert boat["dropped_words"] == sum(boat["dropped_reasons"].values())
    times = [time for pair in zip(boat["start"], boat["end"], strict=True) for time in pair]
    assert times == sorted(times)
    assert all(round(time, 2) == time for time in times)
    for row in (garden, gone):
        assert row["status"] == "failed"
        assert row["words"] == row["start"] == row["end"] == row["confidence"] == []
    assert gone["reason"] == "no such file"
    assert garden["reason"] in ("the file has no audio track", "the audio is silent")


@pytest.mark.models
def test_the_job_tells_what_it_did(finished: Path) -> None:
    stats = read_json(finished / "a.json")
    assert (stats["items"], stats["scored"], stats["failed"]) == (3, 3, 2)
    details = stats["details"]
    assert (details["engine"], details["compute_type"]) == ("faster_whisper", "int8")
    assert details["windows"] >= 3
    assert details["batch_places"] % 8 == 0
    assert details["words"] == len(rows(finished)[0]["words"])
    assert details["duration"] > details["speech_seconds"] > 0


@pytest.mark.models
def test_second_job_finds_everything_in_the_cache(finished: Path) -> None:
    again = run(finished, name="b")
    stats = read_json(finished / "b.json")
    # The missing file is looked for again; no window needs the model.
    assert (stats["found"], stats["scored"]) == (2, 1)
    assert stats["details"]["windows"] == 0
    assert rows(finished, "b") == rows(finished)
    assert "mean occupancy" in again


@pytest.mark.models
def test_a_job_with_nothing_missing_imports_no_model_library(
    finished: Path, tmp_path: Path
) -> None:
    """Nor does it read a file of the model; a video is known by its content."""
    receipt = read_json(finished / "receipt.json")
    write_json(tmp_path / "receipt.json", {**receipt, "folder": str(tmp_path)})
    shutil.copy(MEDIA / NAMES[0], tmp_path / "renamed.mp4")
    shutil.copy(MEDIA / NAMES[1], tmp_path / NAMES[1])
    videos = ["renamed.mp4", NAMES[1]]
    records = [{"line": k, "video": name, "status": "ok"} for k, name in enumerate(videos, 1)]
    write_table(tmp_path / "records.parquet", schema("records"), records)
    more = [f"--records={tmp_path / 'records.parquet'}", f"--videos={tmp_path}"]
    more.append(f"--receipt={tmp_path / 'receipt.json'}")
    python, *rest = command(finished, *more, name="n")
    done = subprocess.run(
        [python, "-X", "importtime", *rest], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    imported = {
        line.rsplit("|", 1)[1].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "orjson" in imported
    assert not imported & {"faster_whisper", "ctranslate2", "onnxruntime", "torch", "av"}
    renamed, garden = rows(finished, "n")
    boat = rows(finished)[0]
    assert renamed == {**boat, "video": "renamed.mp4", "title": None, "category": None}
    assert garden["status"] == "failed"
    assert read_json(finished / "n.json")["found"] == 2


@pytest.mark.models
def test_what_changes_words_is_another_fingerprint(finished: Path) -> None:
    def folders() -> int:
        return len(list((finished / "cache" / "transcribe").iterdir()))

    before = folders()
    run(finished, "--batch-size=2", "--decode-timeout-seconds=100", name="c")
    assert folders() == before
    run(finished, "--max-seconds=10", name="d")
    assert folders() == before + 1
    assert [row["status"] for row in rows(finished, "d")] == ["failed"] * 3
    assert rows(finished, "d")[0]["reason"].startswith("too long: ")


@pytest.mark.models
def test_a_model_that_is_none_is_one_message(finished: Path, tmp_path: Path) -> None:
    receipt = read_json(finished / "receipt.json")
    write_json(tmp_path / "receipt.json", {**receipt, "folder": str(tmp_path), "digest": "d2"})
    flags = [f"--receipt={tmp_path / 'receipt.json'}", f"--cache={tmp_path}"]
    done = subprocess.run(
        command(finished, *flags, name="e"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "contains no model.bin" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (finished / "e.jsonl.zst").exists()


def test_words_are_cleaned_behind_the_cache(tmp_path: Path) -> None:
    made = ["so", "[Music]", "Tom\u200b", "&amp;", "你好，", "世界"]
    row = {
        **dict.fromkeys(COLUMNS),
        **{"words": made, "start": list(range(6)), "end": list(range(1, 7))},
        **{"confidence": [n / 10 for n in range(6)], "dropped_words": 0, "dropped_reasons": {}},
    }
    record = {"title": "t", "category": "c"}
    written, details = {}, {}
    for clean in (False, True):
        path = tmp_path / "transcripts.jsonl"
        _write(path, [(record, ("v", row))], details, clean=clean)
        (written[clean],) = read_jsonl(path)
        assert details["words"] == len(written[clean]["words"])
    assert written[False]["words"] == made
    assert not written[False].keys() & {"cleaned", "unspaced"}
    assert written[True]["words"] == ["so", "Tom", "&", "你好，", "世界"]
    assert written[True]["start"] == [0, 2, 3, 4, 5]
    assert written[True]["confidence"] == [0, 0.2, 0.3, 0.4, 0.5]
    assert written[True]["cleaned"] == {
        "entities": 1,
        "sound marks": 1,
        "invisible characters": 1,
    }
    assert written[True]["unspaced"]
    assert row["words"] == made


#: Writes down which videos a process opens.
_LOOK = """
import sys

def note(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".mp4"):
        sys.stderr.write(f"opened {arguments[0]}\\n")

sys.addaudithook(note)
"""


def test_a_video_outside_of_its_folder_is_refused_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a model loaded."""
    videos, outside = tmp_path / "videos", tmp_path / "secret"
    for folder in (videos, outside):
        folder.mkdir()
    (outside / "a.mp4").write_bytes(b"a secret")
    (videos / "file.mp4").symlink_to(outside / "a.mp4")
    (videos / "folder").symlink_to(outside)
    names = ["file.mp4", "folder/a.mp4", "../secret/a.mp4", str(outside / "a.mp4")]
    record = {"line": 1, "status": "ok", "reason": "", "title": "t", "category": "Sports"}
    records = [{**record, "video": name} for name in names]
    write_table(tmp_path / "records.parquet", schema("records"), records)
    receipt = {"model": "none", "folder": str(tmp_path / "none"), "digest": "0" * 32}
    write_json(tmp_path / "receipt.json", receipt)
    for name in ("none", "look"):
        (tmp_path / name).mkdir()
    (tmp_path / "look" / "sitecustomize.py").write_text(_LOOK)
    path = os.pathsep.join([str(tmp_path / "look"), os.environ["PYTHONPATH"]])
    monkeypatch.setenv("PYTHONPATH", path)
    told = run(tmp_path, f"--videos={videos}")
    assert "opened" not in told
    assert [row["video"] for row in rows(tmp_path)] == names
    for row in rows(tmp_path):
        assert row["status"] == "failed"
        assert "leads out of the folder of the videos" in row["reason"]
        assert row["words"] == []
    # Allowed, one is opened, and needs the model that is not there.
    done = subprocess.run(
        command(tmp_path, f"--videos={videos}", "--videos-outside=links", name="b"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"opened {videos / 'file.mp4'}" in done.stderr
