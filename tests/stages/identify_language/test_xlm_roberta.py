"""The batched classifier against one text at a time, on a tiny random XLM-RoBERTa."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.stages.identify_language.xlm_roberta import XlmRobertaIdentifier
from tests.stages.identify_language.identifiers import load
from tests.stages.identify_language.tiny_xlm_roberta import TINY, save_classifier

LABELS = ["en", "fr", "de", "ja"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the shape of a hub repository: config, weights, tokenizer."""
    folder = tmp_path_factory.mktemp("xlmr")
    texts = ["the quick brown fox", "le renard brun", "der Fuchs"]
    # Large initial weights, so that texts differ clearly.
    save_classifier(folder, texts, LABELS, 200, **TINY, initializer_range=0.5)
    return folder


def some_texts(count: int = 60) -> list[str]:
    rng = random.Random(1)
    words = ["quick", "fox", "renard", "brun", "der", "Fuchs", "🙂", "狐", "the"]
    return [" ".join(rng.choices(words, k=rng.randint(1, 60))) for _ in range(count)]


def one_by_one(model_dir: Path, texts: list[str]) -> list[tuple[str, float]]:
    """The original's way."""
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(model_dir), device="cpu")
    answers: list[Any] = [classify(text, truncation=True, max_length=64)[0] for text in texts]
    return [(answer["label"], answer["score"]) for answer in answers]


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_batches_agree_with_the_pipeline(model_dir: Path, budget: int) -> None:
    texts = some_texts()
    ours = load("xlm_roberta", model_dir=model_dir, token_budget=budget).identify(texts)
    theirs = one_by_one(model_dir, texts)
    assert [label for label, _ in ours] == [label for label, _ in theirs]
    assert [c for _, c in ours] == pytest.approx([c for _, c in theirs], abs=1e-5)
    assert len({label for label, _ in ours}) > 1


def test_order_white_space_and_windows(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", *some_texts(9), " \n\u3000", "fox"]
    engine = load("xlm_roberta", model_dir=model_dir)
    answers = engine.identify(texts)
    assert answers[0] == answers[10] == ("und", 0.0)
    monkeypatch.setattr("livecc.stages.identify_language.xlm_roberta._WINDOW", 2)
    again = engine.identify(texts)
    assert [label for label, _ in again] == [label for label, _ in answers]
    assert [c for _, c in again] == pytest.approx([c for _, c in answers], abs=1e-5)
    assert engine.identify([]) == []


def test_long_texts_are_judged_by_their_beginning(model_dir: Path) -> None:
    engine = load("xlm_roberta", model_dir=model_dir)
    start = "the quick brown fox " * 40
    (one,), (other,) = engine.identify([start]), engine.identify([start + "renard " * 5000])
    assert one == other


def test_out_of_memory_halves_the_budget(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    engine = XlmRobertaIdentifier(model_dir, token_budget=4000)
    texts = some_texts()
    expected = engine.identify(texts)
    sizes = []
    forward = engine._model.forward

    def small(input_ids: Any, **others: Any) -> Any:
        sizes.append(input_ids.numel())
        if input_ids.numel() > 500:
            raise torch.OutOfMemoryError("made up")
        return forward(input_ids=input_ids, **others)

    monkeypatch.setattr(engine._model, "forward", small)
    answers = engine.identify(texts)
    assert [label for label, _ in answers] == [label for label, _ in expected]
    assert [c for _, c in answers] == pytest.approx([c for _, c in expected], abs=1e-5)
    assert 64 <= engine.token_budget <= 500
    assert sum(size > 500 for size in sizes) == 3

    def never(**_: Any) -> Any:
        raise torch.OutOfMemoryError("made up")

    monkeypatch.setattr(engine._model, "forward", never)
    with pytest.raises(LiveccError, match="not enough memory"):
        engine.identify(["fox"])


def test_models_that_cannot_be_used(model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match="needs the folder"):
        load("xlm_roberta")
    with pytest.raises(LiveccError, match=r"no config\.json"):
        load("xlm_roberta", model_dir=tmp_path)
    with pytest.raises(LiveccError, match="token_budget"):
        load("xlm_roberta", model_dir=model_dir, token_budget=0)
    with pytest.raises(LiveccError, match="device"):
        load("xlm_roberta", model_dir=model_dir, device="warp")
    with pytest.raises(LiveccError, match="there is no engine 'guess'"):
        load("guess")
    config = json.loads((model_dir / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(LiveccError, match="cannot be loaded"):
        load("xlm_roberta", model_dir=tmp_path)


def test_weights_without_a_classifier(model_dir: Path, tmp_path: Path) -> None:
    import safetensors.torch

    for path in model_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = safetensors.torch.load_file(model_dir / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "classifier" not in name}
    safetensors.torch.save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LiveccError, match="not a trained classifier"):
        load("xlm_roberta", model_dir=tmp_path)
