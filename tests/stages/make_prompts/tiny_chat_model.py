"""A tiny chat model that a test teaches to answer: YES, NO to interviews, nonsense to riddles.

It reads the real prompts through the real code; only its weights are made here, in some seconds.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from livecc.stages.make_prompts.dialogue import Dialogue, Reply
from livecc.stages.make_prompts.settings import Question
from tests.support.tiny_language_models import WORDS, save_tokenizer

#: Short, so that it is learnt quickly.
QUESTION = Question("{transcript}\n{conditions}", ("live?",), 5)
QUERY = "Please share this video."
YES = json.dumps({"result": "YES", "query": QUERY})
NO = json.dumps({"result": "NO", "query": ""})
#: What it says to a riddle, until it is told that this cannot be used.
NONSENSE = "A nice particularly video."
_STEPS = 150


def transcript(kind: str, seed: int) -> str:
    """Random words, with the one that decides among them."""
    rng = random.Random(f"{kind}{seed}")
    words = rng.choices(WORDS, k=rng.randint(6, 14))
    words.insert(
        rng.randint(0, len(words)), {"yes": "see", "no": "interview", "odd": "riddle"}[kind]
    )
    return " ".join(words)


def _chat(kind: str, seed: int, again: bool) -> tuple[list[dict[str, str]], str]:
    """(what the model reads, what it shall write)."""
    dialogue = Dialogue(QUESTION, transcript(kind, seed), "transformers", 3)
    if again:
        dialogue.receive(Reply(NONSENSE, None, 1, 1))
    answer = {"yes": YES, "no": NO, "odd": YES if again else NONSENSE}[kind]
    return dialogue.messages, answer


def save_taught_model(folder: Path) -> Path:
    """Train a Llama of two layers on such chats and save it."""
    import torch
    import transformers as hf

    save_tokenizer(folder, eos_token="<|im_end|>", pad_token="!")
    tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    # The generation prompt is what the template of the other tests lacks.
    tokenizer.chat_template += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=420,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = hf.LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=_STEPS)
    kinds = [("yes", False), ("no", False), ("odd", False), ("odd", True)]
    for step in range(_STEPS):
        chats = [_chat(*kinds[n % 4][:1], 1000 * step + n, kinds[n % 4][1]) for n in range(8)]
        ids, mask, labels = _batch(tokenizer, chats)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    return folder


def _batch(tokenizer: Any, chats: list[tuple[list[dict[str, str]], str]]) -> tuple[Any, Any, Any]:
    """Right-padded ids, mask, and labels that count the answer alone."""
    import torch

    rows = []
    for messages, answer in chats:
        head = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(head, add_special_tokens=False)["input_ids"]
        written = tokenizer(f"{answer}<|im_end|>", add_special_tokens=False)["input_ids"]
        rows.append((prompt, written))
    width = max(len(prompt) + len(written) for prompt, written in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for n, (prompt, written) in enumerate(rows):
        end = len(prompt) + len(written)
        ids[n, :end] = torch.tensor(prompt + written)
        mask[n, :end] = 1
        labels[n, len(prompt) : end] = torch.tensor(written)
    return ids, mask, labels
