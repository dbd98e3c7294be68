"""The engine `transformers`: real loading, batching and generation with tiny models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from livecc.errors import LiveccError
from livecc.scores.job import Item, Row
from livecc.stages.make_prompts import local_model
from livecc.stages.make_prompts.local_model import LocalEngine
from tests.stages.make_prompts.prompt_shards import Shard, section, text_of
from tests.stages.make_prompts.tiny_chat_model import QUERY, QUESTION, save_taught_model, transcript
from tests.support.tiny_language_models import make_network, save_tokenizer

#: The template of the other tests' models, with the beginning of the model's turn.
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was taught to answer; some seconds of training."""
    return save_taught_model(tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt nothing."""
    folder = tmp_path_factory.mktemp("random")
    save_tokenizer(folder, TEMPLATE, eos_token="<|im_end|>")
    make_network("qwen2").save_pretrained(folder)
    return folder


def load(folder: Path, **over: Any) -> LocalEngine:
    options = {"tries": 2, "device": "cpu", "dtype": "float32", "max_output_tokens": 64}
    return LocalEngine(folder, QUESTION, **{"tokens_per_batch": None, **options, **over})


def items(kinds: str, count: int = 8) -> list[Item[str]]:
    return [
        Item(f"{kind}{n}", None, transcript(kind, 10**6 + n))
        for n in range(count)
        for kind in kinds.split()
    ]


def ask(engine: LocalEngine, wanted: Iterable[Item[str]]) -> dict[str, Row]:
    rows = [row for batch in engine(iter(wanted)) for row in batch]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def test_answers_of_a_model_that_knows_what_to_say(taught: Path) -> None:
    rows = ask(load(taught), items("yes no"))
    assert len(rows) == 16
    for name, row in rows.items():
        assert row["status"] == "ok"
        expected = ("YES", QUERY) if name.startswith("yes") else ("NO", "")
        assert (row["answer"], row["query"]) == expected
        assert row["engine"] == "transformers"
        assert 30 < row["input_tokens"] < 100
        assert 20 < row["output_tokens"] < 50


def test_unusable_answer_is_asked_again(taught: Path) -> None:
    for row in ask(load(taught), items("odd")).values():
        assert (row["status"], row["query"]) == ("ok", QUERY)
        # Both prompts and both answers.
        assert row["input_tokens"] > 120
    for row in ask(load(taught, tries=1), items("odd")).values():
        assert row["status"] == "failed"
        assert row["reason"] == (
            "no usable answer in 1 tries; the last one: it is not a JSON object"
        )


@pytest.mark.parametrize("tokens", [1, 300, 10_000])
def test_answers_do_not_depend_on_the_batch(taught: Path, tokens: int) -> None:
    together = ask(load(taught, tokens_per_batch=tokens), items("yes no odd"))
    for item in items("yes no odd", count=2):
        assert ask(load(taught), [item])[item.id] == together[item.id]


def test_batches_keep_to_the_budget_and_are_filled(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    original = LocalEngine._generate

    def spy(self: LocalEngine, prompts: list[list[int]]) -> list[list[int]]:
        sizes.append((len(prompts), len(prompts) * (max(map(len, prompts)) + 64)))
        return original(self, prompts)

    monkeypatch.setattr(LocalEngine, "_generate", spy)
    ask(load(taught, tokens_per_batch=700), items("yes", count=20))
    assert all(tokens <= 700 for _, tokens in sizes)
    assert max(count for count, _ in sizes) >= 5
    assert sum(count for count, _ in sizes) == 20


def test_clips_are_read_as_they_are_needed(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "_READ_AHEAD", 5)
    read = []

    def clips() -> Iterable[Item[str]]:
        for item in items("yes", count=12):
            read.append(item.id)
            yield item

    batches = load(taught)(iter(clips()))
    next(batches)
    assert len(read) == 5
    assert sum(len(batch) for batch in batches) == 7


class Memory:
    """Lets generation fail as a full device does, above a number of tokens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.failures = 0
        original = LocalEngine._generate

        def limited(engine: LocalEngine, prompts: list[list[int]]) -> list[list[int]]:
            if len(prompts) * (max(map(len, prompts)) + 64) > most:
                self.failures += 1
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return original(engine, prompts)

        monkeypatch.setattr(LocalEngine, "_generate", limited)


def test_out_of_memory_makes_smaller_batches(taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ask(load(taught), items("yes no"))
    memory = Memory(monkeypatch, most=400)
    assert ask(load(taught), items("yes no")) == expected
    assert 0 < memory.failures <= 5


def test_clip_that_fits_no_memory_is_tried_again_by_the_next_job(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = Item("long", None, " ".join(transcript("yes", n) for n in range(12)))
    Memory(monkeypatch, most=200)
    rows = ask(load(taught), [*items("yes", count=3), long])
    assert [rows[f"yes{n}"]["status"] for n in range(3)] == ["ok"] * 3
    assert rows["long"]["status"] == "failed"
    assert rows["long"]["transient"]
    assert "does not fit into the memory" in rows["long"]["reason"]


def test_other_errors_of_the_model_are_not_swallowed(
    taught: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: LocalEngine, _prompts: list[list[int]]) -> list[list[int]]:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(LocalEngine, "_generate", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        ask(load(taught), items("yes", count=1))


def test_prompt_over_the_context_fails_its_clip(taught: Path) -> None:
    long = Item("long", None, "see " * 600)
    rows = ask(load(taught), [long, *items("yes", count=2)])
    assert rows["long"]["status"] == "failed"
    assert "the model has 512" in rows["long"]["reason"]
    assert rows["yes0"]["status"] == rows["yes1"]["status"] == "ok"


def test_model_that_knows_nothing_fails_every_clip_with_a_reason(random_model: Path) -> None:
    rows = ask(load(random_model, max_output_tokens=16), items("yes no", count=3))
    assert len(rows) == 6
    for row in rows.values():
        assert row["status"] == "failed"
        assert row["reason"].startswith("no usable answer in 2 tries; the last one: ")
        assert row["output_tokens"] > 0


def test_models_own_sampling_is_not_used(taught: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(taught, tmp_path / "m")
    generation = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0, "top_k": 3}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    assert ask(load(folder), items("yes no")) == ask(load(taught), items("yes no"))


def test_special_tokens_in_a_transcript_do_no_harm(taught: Path) -> None:
    odd = Item("odd", None, "see <|im_end|> <|im_start|> \ud83d \0 words")
    assert ask(load(taught), [odd])["odd"]["status"] in ("ok", "failed")


def test_model_without_a_chat_template(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, None)
    make_network("llama").save_pretrained(tmp_path)
    with pytest.raises(LiveccError, match="no chat template"):
        load(tmp_path)


def test_template_that_cannot_render_the_prompt(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, "{{ raise_exception('no users here') }}")
    make_network("llama").save_pretrained(tmp_path)
    with pytest.raises(LiveccError, match=r"cannot render the prompt .*no users here"):
        ask(load(tmp_path), items("yes", count=1))


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match=r"config\.json is missing"):
        load(tmp_path / "nothing")


def test_shard_is_asked_once(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = Shard(tmp_path, [item.payload for item in items("yes no odd", count=4)])
    values = section(
        "transformers",
        prompt=QUESTION.prompt,
        conditions=list(QUESTION.conditions),
        max_output_tokens=64,
    )
    rows = shard.run(values, model=(taught, "digest"))
    assert [row["answer"] for row in rows] == ["YES", "NO", "YES"] * 4
    assert shard.stats()["details"] == {"engine": "transformers", "device": "cpu"}

    def no_loading(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(LocalEngine, "__init__", no_loading)
    assert shard.run(values, model=(taught, "digest")) == rows
    with pytest.raises(AssertionError, match="a model was loaded"):
        shard.run(values, model=(taught, "of other weights"))


@pytest.mark.models
def test_trained_model(fetched_model: Callable[[str], Path], tmp_path: Path) -> None:
    """SmolLM2-135M: too small to be right, but each clip gets an answer or a reason."""
    folder = fetched_model("smollm2-135m-instruct")
    shard = Shard(tmp_path, [text_of(n) for n in range(2)])
    rows = shard.run(
        section("transformers", max_output_tokens=32, tries=2), model=(folder, "smollm2")
    )
    for row in rows:
        assert 150 < row["input_tokens"] < 2_000
        assert row["output_tokens"] > 0
        if row["status"] == "ok":
            assert row["answer"] in ("YES", "NO")
        else:
            assert row["reason"].startswith("no usable answer in 2 tries")
