"""Files of labels and of samples: what is wrong with a bad one is said, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.labels import files
from livecc.labels.files import SampledClip, SampleFile, read_labels, read_sample, write_sample

LABEL = {"clip": "a.mp4#0-9", "label": "good", "at": "2026-01-31T12:00:00.000Z", "by": "ann"}
CLIP = {"clip": "a.mp4#0-9", "stratum": "kept: far", "probability": 0.5}


def labels_file(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "track": "sft", "selection": "default", "labels": [LABEL], **changes}


def sample_file(**changes: Any) -> dict[str, Any]:
    made = {"version": 1, "track": "sft", "selection": "default", "seed": 0, "clips": [CLIP]}
    return {**made, **changes}


def test_labels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    more = {"clip": "b", "label": "bad", "comment": "not known"}
    path.write_text(json.dumps(labels_file(labels=[LABEL, more], page="not known")))
    read = read_labels(path)
    assert [(one.clip, one.good, one.by) for one in read.labels] == [
        ("a.mp4#0-9", True, "ann"),
        ("b", False, None),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_labels(path) == read


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", 'has no "labels"'),
        (b"null", 'has no "labels"'),
        (sample_file(), "give a sample by --sample"),
        (labels_file(version=2), "version is 2"),
        (labels_file(version=None), "version is None"),
        (labels_file(labels={}), r"\$\.labels"),
        (labels_file(labels=[LABEL, 5]), r"\$\.labels\[1\]"),
        (labels_file(labels=[{**LABEL, "label": "fine"}]), r"'fine'.*\$\.labels\[0\]\.label"),
        (labels_file(labels=[{"label": "good"}]), "clip"),
        (labels_file(labels=[{**LABEL, "clip": 7}]), r"\$\.labels\[0\]\.clip"),
        (labels_file(labels=[LABEL, {**LABEL, "at": "noon"}]), r"labels\[1\]\.at is not a time"),
        (labels_file(labels=[{**LABEL, "by": ["ann"]}]), r"\$\.labels\[0\]\.by"),
        (labels_file(track=3), r"\$\.track"),
    ],
)
def test_bad_labels(tmp_path: Path, content: Any, told: str) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(LiveccError, match=told) as error:
        read_labels(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (labels_file(), "not a file of livecc sample-for-labels"),
        (sample_file(clips=[{**CLIP, "probability": 0}]), r"\$\.clips\[0\]\.probability"),
        (sample_file(clips=[{**CLIP, "probability": 1e-320}]), r"\$\.clips\[0\]\.probability"),
        (sample_file(clips=[{**CLIP, "probability": 1.5}]), r"\$\.clips\[0\]\.probability"),
        (sample_file(clips=[CLIP, CLIP]), r"clips\[1\] is there twice"),
        (
            sample_file(clips=[CLIP, {**CLIP, "clip": "b", "probability": 0.4}]),
            "a stratum have one probability",
        ),
        (sample_file(seed="x"), r"\$\.seed"),
    ],
)
def test_bad_samples(tmp_path: Path, content: Any, told: str) -> None:
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(content))
    with pytest.raises(LiveccError, match=told) as error:
        read_sample(path)
    assert str(error.value).startswith(f"{path}: ")


def test_no_file_and_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LiveccError, match="no such file"):
        read_labels(tmp_path / "none.json")
    with pytest.raises(LiveccError, match="no such file"):
        read_labels(tmp_path)
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(labels_file()))
    monkeypatch.setattr(files, "MAX_LABELS_BYTES", 20)
    with pytest.raises(LiveccError, match="larger than"):
        read_labels(path)


def test_a_sample_is_read_as_written(tmp_path: Path) -> None:
    clips = [SampledClip(f"v{n}.mp4#0-9", "kept: far", 3 / 7) for n in range(3)]
    sample = SampleFile(1, "sft", "default", 4, clips)
    path = tmp_path / "sample.json"
    write_sample(path, sample)
    assert read_sample(path) == sample
    assert sample.sizes() == {"kept: far": 7}
    assert set(json.loads(path.read_text())) == {"version", "track", "selection", "seed", "clips"}
