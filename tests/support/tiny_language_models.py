"""Tiny random chat models of several architectures, and the plain way to a clip's loss."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)
CORPUS = (
    "In my video on the circle division problem, I referenced Euler's characteristic formula, "
    "and here I would like to share a particularly nice proof of this fact. It's very different "
    "from the inductive proof, typically given. You are a helpful assistant. Video Title "
    "Previous transcription Please try to output the possible speech transcription of the video."
)
WORDS = CORPUS.split()
_SIZE: dict[str, Any] = {"vocab_size": 420, "hidden_size": 32, "num_hidden_layers": 2}
_HEADS: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2}
# Weights large enough that the context matters.
_WIDE: dict[str, Any] = {"initializer_range": 0.4}


def save_tokenizer(folder: Path, template: str | None = CHATML, **options: Any) -> None:
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["!", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([CORPUS], trainer)
    options = {"model_max_length": 4096, **options}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **options)
    if template is not None:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def make_network(kind: str) -> Any:
    import torch
    import transformers as hf

    torch.manual_seed(1)
    if kind == "llama":
        config = hf.LlamaConfig(**_SIZE, **_HEADS, **_WIDE, intermediate_size=64)
        return hf.LlamaForCausalLM(config)
    if kind == "qwen2":
        config = hf.Qwen2Config(**_SIZE, **_HEADS, **_WIDE, intermediate_size=64)
        return hf.Qwen2ForCausalLM(config)
    if kind == "gpt2":
        config = hf.GPT2Config(vocab_size=420, n_embd=32, n_layer=2, n_head=4, **_WIDE)
        return hf.GPT2LMHeadModel(config)
    if kind == "mistral":
        config = hf.MistralConfig(
            **_SIZE, **_HEADS, **_WIDE, intermediate_size=64, sliding_window=96
        )
        return hf.MistralForCausalLM(config)
    if kind == "gemma2":
        config = hf.Gemma2Config(
            **_SIZE,
            **_HEADS,
            **_WIDE,
            intermediate_size=64,
            head_dim=8,
            sliding_window=4096,
            attn_logit_softcapping=3.0,
            final_logit_softcapping=5.0,
        )
        return hf.Gemma2ForCausalLM(config)
    if kind == "bloom":
        config = hf.BloomConfig(vocab_size=420, hidden_size=32, n_layer=2, n_head=4, **_WIDE)
        return hf.BloomForCausalLM(config)
    if kind == "mamba":
        config = hf.MambaConfig(**_SIZE, **_WIDE, state_size=8)
        return hf.MambaForCausalLM(config)
    if kind == "bert":
        config = hf.BertConfig(
            **_SIZE, **_WIDE, num_attention_heads=4, intermediate_size=64, is_decoder=False
        )
        return hf.BertLMHeadModel(config)
    raise ValueError(kind)


def save_model(folder: Path, kind: str = "llama", template: str | None = CHATML) -> Path:
    save_tokenizer(folder, template)
    make_network(kind).save_pretrained(folder)
    return folder


@cache
def _plain_model(folder: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The eager kernel is the one that does all that every architecture asks for.
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    return AutoTokenizer.from_pretrained(folder), model


def plain_loss(folder: Path, title: str, context: str | None, text: str) -> float:
    """One clip, one sequence, logits for every position; the answer by counting its tokens."""
    import torch

    tokenizer, model = _plain_model(folder)
    if context is None:
        request = (
            f"Video Title: {title}\nPlease try to output the possible speech transcription of the "
            "video from start to end."
        )
    else:
        request = (
            f"Video Title: {title}\nPrevious transcription: {context}\nPlease try to output the "
            "possible speech transcription of the video following previous transcription."
        )
    head = (
        f"<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n{request}"
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    prompt = tokenizer(head, add_special_tokens=False).input_ids
    whole = tokenizer(head + text + "<|im_end|>\n", add_special_tokens=False).input_ids
    assert whole[: len(prompt)] == prompt
    end = len(whole) - 2  # end of turn, newline
    ids = torch.tensor([whole])
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0]
    first = len(prompt)
    return float(
        torch.nn.functional.cross_entropy(logits[first - 1 : end - 1].float(), ids[0, first:end])
    )
