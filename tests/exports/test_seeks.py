"""Side files of offsets, and the readers of both trainers on the training files of all splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.exports.export import export
from livecc.exports.formats import SEEKS
from tests.exports.trainer_readers import (
    conversation,
    livecc_offsets,
    streaming_vlm_offsets,
    streaming_vlm_phrases,
)
from tests.support.releases import lines_of, make_release


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_readers_of_both_trainers_open_every_split(tmp_path: Path, track: str) -> None:
    release = make_release(tmp_path, track, split={"validation": 0.3, "test": 0.2})
    paths = export(SEEKS, release, {})
    assert set(paths) == {"train", "validation", "test"}
    for split in paths:
        merged = release.merged(split)
        expected = [json.loads(line) for line in lines_of(release, split)]
        assert expected
        offsets = streaming_vlm_offsets(merged)
        assert offsets == livecc_offsets(merged)
        assert [conversation(merged, offset) for offset in offsets] == expected


def test_streaming_vlm_says_every_word_of_a_sample(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    export(SEEKS, release, {})
    merged = release.merged("train")
    for offset in streaming_vlm_offsets(merged):
        sample = conversation(merged, offset)
        video = sample[0]["content"][0]
        words = [word for _, _, word in sample[1]["content"][0]["text_stream"]]
        phrases = streaming_vlm_phrases(sample, video["video_end"] - video["video_start"])
        assert " ".join(filter(None, phrases)).split() == words


def test_files_of_one_selection_have_names_of_their_own(tmp_path: Path) -> None:
    """Neither of another split, nor another name for a training file."""
    release = make_release(tmp_path, split={"validation": 0.3})
    paths = export(SEEKS, release, {})
    assert sorted(path.name for path in paths.values()) == [
        "livecc_pretrain_default_seeks.jsonl",
        "livecc_pretrain_default_validation_seeks.jsonl",
    ]
    folder = release.merged("train").parent
    assert len(list(folder.glob("*_with_seeks.jsonl"))) == 2


def test_a_file_without_offsets_is_told(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    merged = release.merged("train")
    merged.write_bytes(b"".join(lines_of(release)))
    with pytest.raises(LiveccError, match="the last line is not a list of offsets"):
        export(SEEKS, release, {})
