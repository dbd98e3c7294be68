from __future__ import annotations

import inspect
import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from livecc.errors import LiveccError
from livecc.inference import causal_network as model_module
from livecc.inference.causal_model import load_causal_model
from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.pass_plan import PassCosts
from livecc.stages.score_lm_loss.prompts import LossRequest
from tests.support.tiny_language_models import CHATML, WORDS, plain_loss, save_model, save_tokenizer

STRATEGIES = {
    "llama": "token tree",
    "qwen2": "token tree",
    "gpt2": "token tree",
    "mistral": "token tree up to 96 tokens, one by one above",
    "gemma2": "token tree up to 4096 tokens, one by one above",
    "bloom": "one by one",
    "mamba": "one by one",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a tiny random chat model by architecture, made when first asked for."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = save_model(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return get


def video(name, n_clips, words=12, context=True, skip=()):
    """Clips of one video whose contexts grow; `skip` leaves holes."""
    rng = np.random.default_rng(sum(map(ord, name)))
    stream = [WORDS[i] for i in rng.integers(0, len(WORDS), n_clips * words)]
    return [
        LossRequest(
            f"{name}#{i}",
            f"Title of {name}",
            " ".join(stream[: i * words]) if context else None,
            " ".join(stream[i * words : (i + 1) * words]),
        )
        for i in range(n_clips)
        if i not in skip
    ]


def score(engine, groups):
    results = [result for batch in engine.score(groups) for result in batch]
    assert len({r.key for r in results}) == len(results)
    return {r.key: r for r in results}


# The plan of a model of a real size depends on what its clips share. In a model as small as these,
# attention is most of the work. So trees are made to pay here; clips of different videos are rows.
PLANS = {
    "trees": PassCosts(pair=0.0, enough=256),
    "joined trees": PassCosts(pair=0.0, enough=4096),
    "rows": PassCosts(pair=0.0, enough=256),
    "padded rows": PassCosts(pair=0.0, enough=4096),
}


def as_planned(plan, groups):
    """The groups, or each clip by itself for a plan of rows."""
    if plan is None or "rows" not in plan:
        return groups
    return [[clip] for group in groups for clip in group]


def load(folder, plan="trees", **options):
    engine = LossEngine.load(folder, device="cpu", **options)
    if plan:
        engine.costs = PLANS[plan]
    return engine


@pytest.mark.parametrize("plan", [None, *PLANS])
@pytest.mark.parametrize("tokens_per_batch", [57, 4096])
@pytest.mark.parametrize("kind", STRATEGIES)
def test_losses_equal_the_plain_way(models, kind, tokens_per_batch, plan):
    folder = models(kind)
    engine = load(folder, plan, tokens_per_batch=tokens_per_batch)
    assert engine.strategy == STRATEGIES[kind]
    groups = [
        video("a", 5, skip=(2,)),
        video("b", 3, context=False),
        video("c", 2, words=3),
        video("d", 1),
    ]
    results = score(engine, iter(as_planned(plan, groups)))
    for request in (request for group in groups for request in group):
        result = results[request.key]
        expected = plain_loss(folder, request.title, request.context, request.text)
        assert result.loss == pytest.approx(expected, abs=1e-5)
        assert result.error is None
        assert result.tokens > 3
        assert result.prompt_tokens > 30
        assert result.dropped_context_words == 0


def test_soft_capped_head_is_not_taken_for_a_plain_one(models):
    assert not load(models("gemma2")).model.plain_head
    assert load(models("llama")).model.plain_head


def test_sliding_window_uses_both_ways(models, monkeypatch):
    engine = load(models("mistral"))
    masked = []
    original = model_module.CausalModel.token_losses

    def spy(self, ids, rows, targets, **options):
        masked.append(options.get("mask") is not None)
        return original(self, ids, rows, targets, **options)

    monkeypatch.setattr(model_module.CausalModel, "token_losses", spy)
    score(engine, [video("short", 2, words=2, context=False)])
    assert masked
    assert all(masked)
    masked.clear()
    score(engine, [video("long", 3, words=30)])
    assert masked == [False] * 3


@pytest.mark.parametrize("plan", PLANS)
def test_losses_do_not_depend_on_what_is_scored_together(models, plan):
    engine = load(models("llama"), plan)
    groups = as_planned(plan, [video("a", 6), video("b", 4, context=False), video("c", 3)])
    together = score(engine, groups)
    for group in groups:
        for request in group:
            alone = score(engine, [[request]])[request.key]
            assert alone.loss == pytest.approx(together[request.key].loss, abs=5e-6)
            assert alone.tokens == together[request.key].tokens
            assert alone.prompt_tokens == together[request.key].prompt_tokens


@pytest.mark.parametrize("plan", PLANS)
def test_scoring_twice_gives_the_same_numbers(models, plan):
    engine = load(models("qwen2"), plan, tokens_per_batch=300)
    groups = as_planned(plan, [video("a", 6), video("b", 4)])
    assert score(engine, groups) == score(engine, groups)


def rename_cache(module, name, monkeypatch):
    """Let a module take keys and values as `name` alone; returns what it was given under it."""
    original = module.forward
    own = {"cache", "past_key_values"} & inspect.signature(original).parameters.keys()
    given = []

    def forward(**options):
        if options.keys() & {"cache", "past_key_values"} - {name}:
            raise TypeError(f"forward() takes {name}, not {sorted(options)}")
        if name in options:
            given.append(options.pop(name))
            options |= dict.fromkeys(own, given[-1])
        return original(**options)

    known = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
    forward.__signature__ = inspect.Signature([known])
    monkeypatch.setattr(module, "forward", forward)
    return given


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_keys_and_values_are_carried_whatever_the_model_calls_them(models, monkeypatch, name):
    engine = load(models("llama"), tokens_per_batch=57)
    expected = score(engine, [video("a", 5)])
    network = engine.model.network
    rename_cache(network, name, monkeypatch)
    given = rename_cache(network.base_model, name, monkeypatch)
    assert score(engine, [video("a", 5)]) == expected
    assert len(given) > 1


@pytest.mark.parametrize("kind", STRATEGIES)
def test_no_call_of_a_model_is_deprecated(models, kind):
    folder = models(kind)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        score(load(folder, tokens_per_batch=57), [video("a", 5)])
    assert [str(w.message) for w in told if "deprecated" in str(w.message)] == []


def test_equal_clips_share_every_token(models):
    engine = load(models("llama"))
    first, second = (LossRequest(key, "t", "before", "the same words") for key in "xy")
    results = score(engine, [[first, second]])
    assert results["x"].loss == results["y"].loss


class Passes:
    """Records the shape of each forward pass and whether it has a mask."""

    def __init__(self, monkeypatch):
        self.seen = []
        original = model_module.CausalModel.token_losses

        def spy(model, ids, rows, targets, **options):
            self.seen.append((np.atleast_2d(ids).shape, options.get("mask") is not None))
            return original(model, ids, rows, targets, **options)

        monkeypatch.setattr(model_module.CausalModel, "token_losses", spy)


def test_clips_that_share_nothing_pass_without_a_mask(models, monkeypatch):
    engine = load(models("llama"), "rows", tokens_per_batch=4096)
    passes = Passes(monkeypatch)
    groups = [video(name, 1, words=40, context=False) for name in "abcdef"]
    results = score(engine, groups)
    assert not any(masked for _, masked in passes.seen)
    # A row is no short pass here, so only rows of nearly its length join it.
    read = sum(r.prompt_tokens + r.tokens - 1 for r in results.values())
    assert read <= sum(n * width for (n, width), _ in passes.seen) <= read * 1.05


def test_short_rows_of_like_length_share_a_pass(models, monkeypatch):
    engine = load(models("llama"), "padded rows", tokens_per_batch=4096)
    passes = Passes(monkeypatch)
    score(engine, [video(name, 1, words=40, context=False) for name in "abcdef"])
    ((shape, masked),) = passes.seen
    assert shape[0] == 6
    assert not masked


def test_trees_of_different_videos_do_not_share_a_pass(models, monkeypatch):
    engine = load(models("llama"), "trees", tokens_per_batch=4096)
    passes = Passes(monkeypatch)
    score(engine, [video(name, 3, words=60) for name in "abc"])
    assert len(passes.seen) == 3
    joined = load(models("llama"), "joined trees", tokens_per_batch=4096)
    passes.seen.clear()
    score(joined, [video(name, 3, words=60) for name in "abc"])
    assert len(passes.seen) == 1


def test_first_tokens_of_a_long_row_need_no_mask(models, monkeypatch):
    engine = load(models("llama"), "rows", tokens_per_batch=100)
    passes = Passes(monkeypatch)
    score(engine, [video("a", 1, words=60, context=False)])
    assert [masked for _, masked in passes.seen][:2] == [False, True]


def test_groups_are_read_as_they_are_needed(models):
    engine = load(models("llama"), tokens_per_batch=200)
    read = []

    def groups():
        for i in range(6):
            read.append(i)
            yield video(f"v{i}", 3)

    batches = engine.score(groups())
    next(batches)
    assert len(read) < 3


def test_paper_mode_sums_token_zero_and_does_not_count_it(models):
    folder = models("llama")  # its token 0 is "!"
    request = LossRequest("k", "title", "before", "Please! try! output")
    default = score(load(folder), [[request]])["k"]
    paper = score(load(folder, mode="paper"), [[request]])["k"]
    assert default.tokens == paper.tokens
    assert paper.loss == pytest.approx(default.loss * default.tokens / (default.tokens - 2))
    only = score(load(folder, mode="paper"), [[LossRequest("k", "t", None, "!!")]])["k"]
    assert only.loss is None
    assert "token 0" in only.error


@pytest.mark.parametrize("text", ["", " ", "  "])
def test_empty_text_is_an_error_of_its_clip(models, text):
    good = LossRequest("good", "t", None, "some words")
    results = score(load(models("llama")), [[LossRequest("bad", "t", None, text), good]])
    assert results["bad"].loss is None
    assert results["bad"].error == "the clip has no text"
    assert results["good"].loss > 0


def test_half_a_surrogate_pair_is_an_error_of_its_clip(models):
    result = score(load(models("llama")), [[LossRequest("k", "\ud83d", None, "words")]])["k"]
    assert "surrogate" in result.error


def test_loss_that_is_not_finite_is_an_error(models, monkeypatch):
    def broken(_self, _ids, rows, _targets, **_options):
        return np.full(len(rows), np.nan, np.float32), None

    engine = load(models("llama"))
    monkeypatch.setattr(model_module.CausalModel, "token_losses", broken)
    result = score(engine, [[LossRequest("k", "t", None, "words")]])["k"]
    assert result.loss is None
    assert "nan" in result.error


class Memory:
    """Lets forward passes fail as a full device does, above a number of attended tokens."""

    def __init__(self, monkeypatch, error):
        self.most = 10**9
        self.failures = 0
        original = model_module.CausalModel.token_losses

        def limited(model, ids, rows, targets, **options):
            past = options.get("past")
            if ids.size + (past[0][0].shape[2] if past else 0) > self.most:
                self.failures += 1
                raise error
            return original(model, ids, rows, targets, **options)

        monkeypatch.setattr(model_module.CausalModel, "token_losses", limited)


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: not enough memory"),
    ],
)
@pytest.mark.parametrize("plan", PLANS)
def test_out_of_memory_halves_the_batch_and_goes_on(models, monkeypatch, error, plan):
    engine = load(models("llama"), plan, tokens_per_batch=4096)
    groups = as_planned(plan, [video("a", 5), video("b", 5, context=False)])
    expected = score(engine, groups)
    memory = Memory(monkeypatch, error)
    memory.most = 300
    results = score(engine, groups)
    assert memory.failures > 0
    assert engine.budget.tokens < 300
    for key, result in expected.items():
        assert results[key].loss == pytest.approx(result.loss, abs=5e-6)


@pytest.mark.parametrize("plan", PLANS)
def test_clip_that_fits_no_memory_is_an_error_and_the_others_are_scored(models, monkeypatch, plan):
    engine = load(models("llama"), plan)
    groups = as_planned(plan, [video("a", 8, words=20), video("b", 3)])
    expected = score(engine, groups)
    memory = Memory(monkeypatch, torch.cuda.OutOfMemoryError("CUDA out of memory"))
    sizes = {key: result.prompt_tokens + result.tokens for key, result in expected.items()}
    most = memory.most = sizes["a#5"]
    results = score(engine, groups)
    assert results.keys() == expected.keys()
    failed = {key for key, result in results.items() if result.loss is None}
    assert failed
    assert "a#0" not in failed
    for key, result in results.items():
        if key in failed:
            # A tree's smallest pass may hold the end of a clip and the beginning of the next.
            assert sizes[key] > most - (64 if "trees" in plan else 0)
            assert "does not fit into the memory" in result.error
        else:
            assert sizes[key] <= most + 1
            assert result.loss == pytest.approx(expected[key].loss, abs=5e-6)


def test_clip_read_alone_that_does_not_fit_is_an_error(models, monkeypatch):
    engine = load(models("bloom"))
    memory = Memory(monkeypatch, MemoryError())
    memory.most = 150
    group = [LossRequest("small", "t", None, "a word"), *video("a", 2, words=150)]
    results = score(engine, [group])
    assert results["small"].loss > 0
    assert "memory" in results["a#1"].error


def test_other_errors_of_the_model_are_not_swallowed(models, monkeypatch):
    engine = load(models("llama"))
    memory = Memory(monkeypatch, RuntimeError("shape mismatch"))
    memory.most = 1
    with pytest.raises(RuntimeError, match="shape mismatch"):
        score(engine, [video("a", 1)])


def test_sizes_that_the_budget_allows(models):
    engine = load(models("llama"), tokens_per_batch=100)
    assert engine.budget.new_tokens(0) == 100
    assert engine.budget.ran_out()
    assert engine.budget.new_tokens(0) == 64
    assert not engine.budget.ran_out()
    for _ in range(32):
        engine.budget.succeeded()
    assert engine.budget.new_tokens(0) == 100


# What can be wrong with a model folder.


def test_folder_without_a_model(tmp_path):
    with pytest.raises(LiveccError, match=r"config\.json is missing"):
        load(tmp_path / "nothing")


def test_tokenizer_without_chat_template(tmp_path):
    with pytest.raises(LiveccError, match="no chat template"):
        load(save_model(tmp_path, template=None))


def test_folder_without_weights(models, tmp_path):
    shutil.copytree(models("llama"), tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    with pytest.raises(LiveccError, match="cannot be loaded as a causal language model"):
        load(tmp_path / "m")


def test_folder_with_cut_weights(models, tmp_path):
    shutil.copytree(models("llama"), tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20_000])
    with pytest.raises(LiveccError, match="cannot be loaded as a causal language model"):
        load(tmp_path / "m")


def test_folder_with_missing_layers(models, tmp_path):
    shutil.copytree(models("llama"), tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(LiveccError, match="weights are missing"):
        load(tmp_path / "m")


def test_code_of_the_folder_is_not_run(tmp_path, monkeypatch):
    """Also where somebody says yes at the terminal."""
    canary = tmp_path / "canary"
    folder = tmp_path / "m"
    save_tokenizer(folder)
    names = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": names}))
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w')\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(LiveccError, match="code that comes with the model, which is never run"):
        load_causal_model(folder, device="cpu", dtype="float32")
    assert not canary.exists()


def test_pickled_objects_are_not_loaded(models, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(models("llama"), folder)
    (folder / "model.safetensors").unlink()
    canary = tmp_path / "canary"

    class Evil:
        def __reduce__(self):
            return Path.touch, (canary,)

    torch.save({"model.norm.weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(LiveccError, match="pickled objects, which are never loaded"):
        load(folder)
    assert not canary.exists()


def test_model_that_looks_ahead_is_refused(tmp_path):
    with pytest.raises(LiveccError, match="not a causal language model"):
        load(save_model(tmp_path, "bert"))


def test_token_that_the_model_does_not_know_is_an_error_of_its_clip(models, tmp_path):
    from transformers import AutoTokenizer

    shutil.copytree(models("llama"), tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    tokenizer.add_tokens([f"<extra{i}>" for i in range(100)])
    tokenizer.save_pretrained(tmp_path / "m")
    bad, good = LossRequest("bad", "<extra99>", None, "words"), LossRequest("good", "t", "", "I")
    results = score(load(tmp_path / "m"), [[bad, good]])
    assert results["bad"].error == "the model does not know the token '<extra99>'"
    assert results["good"].loss > 0


def test_options_that_are_wrong(models):
    folder = models("llama")
    with pytest.raises(LiveccError, match="mode is 'papr'"):
        load(folder, mode="papr")
    with pytest.raises(LiveccError, match="dtype is 'int8'"):
        load(folder, dtype="int8")
    with pytest.raises(LiveccError, match="device 'gpu'"):
        LossEngine.load(folder, device="gpu")
    with pytest.raises(LiveccError, match="tokens_per_batch is 0"):
        load(folder, tokens_per_batch=0)
    if not torch.cuda.is_available():
        with pytest.raises(LiveccError, match="no CUDA GPU"):
            LossEngine.load(folder, device="cuda")


def test_half_precision_is_close_and_sums_in_fp32(models):
    group = video("a", 4)
    exact = score(load(models("llama")), [group])
    engine = load(models("llama"), dtype="bfloat16")
    assert engine.strategy == "token tree"
    half = score(engine, [group])
    for key, result in exact.items():
        assert half[key].loss == pytest.approx(result.loss, rel=0.05)


def test_rotary_base_that_transformers_4_would_not_see_is_refused(models, tmp_path):
    import transformers

    shutil.copytree(models("llama"), tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config.pop("rope_theta", None)
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": 777.0}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    if transformers.__version__.startswith("4."):
        with pytest.raises(LiveccError, match="777"):
            load(tmp_path / "m")
    else:
        assert load(tmp_path / "m").strategy == "token tree"


def test_template_name_does_not_matter(tmp_path):
    """The scored tokens are found by character offsets, whatever the turn marks are."""
    save_model(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    save_tokenizer(tmp_path / "b", CHATML + "{# another #}")
    request = LossRequest("k", "t", "c", "some words")
    assert score(load(tmp_path / "a"), [[request]]) == score(load(tmp_path / "b"), [[request]])
