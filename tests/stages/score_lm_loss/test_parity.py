"""The rows that the original printed, on real captions."""

from __future__ import annotations

import gzip
import itertools
import json

import pytest
import transformers

from livecc.files.atomic import read_json, write_json
from livecc.formats.records import Transcript
from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.prompts import LossRequest


def read(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def model(test_data, tmp_path_factory):
    """The model of the rows; saved by transformers 5, so rewritten for version 4."""
    source = test_data / "parity" / "tiny-qwen2"
    if not transformers.__version__.startswith("4."):
        return source
    folder = tmp_path_factory.mktemp("tiny-qwen2")
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    tokenizer = read_json(folder / "tokenizer_config.json")
    tokenizer["additional_special_tokens"] = tokenizer.pop("extra_special_tokens")
    tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_json(folder / "tokenizer_config.json", tokenizer)
    config = read_json(folder / "config.json")
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    write_json(folder / "config.json", config)
    return folder


def spoken(clip):
    """The text that the stage scores, of words as paper mode takes them from the input."""
    start, end, words = zip(*clip["content"], strict=True)
    transcript = Transcript(clip["video"], clip["title"], "", words, start, end)
    return transcript.spoken(0, len(words))


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_losses_are_the_originals(test_data, model, track):
    clips = read(test_data / "parity" / f"lm_{track}_clips.jsonl.gz")
    expected = read(test_data / "parity" / f"lm_{track}_expected.jsonl.gz")
    assert len(clips) == len(expected) > 10
    groups = [
        [
            LossRequest(
                str(i),
                clip["title"],
                clip.get("previous"),
                spoken(clip),
            )
            for i, clip in group
        ]
        for _, group in itertools.groupby(enumerate(clips), key=lambda pair: pair[1]["video"])
    ]
    engine = LossEngine.load(model, device="cpu", mode="paper")
    assert engine.strategy == "token tree"
    results = {result.key: result for batch in engine.score(groups) for result in batch}
    for i, row in enumerate(expected):
        assert results[str(i)].loss == pytest.approx(row[2], abs=1e-5), clips[i]["video"]
