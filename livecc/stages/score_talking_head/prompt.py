"""The token ids of "these frames, then this question", for Qwen2-VL.

The chat template writes one `<|image_pad|>` per image, but the model expects one per merged patch,
so its id is repeated. The model's own processor repeats it in the text before tokenization; the ids
are the same, because special tokens split the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livecc.errors import LiveccError

IMAGE_TOKEN = "<|image_pad|>"


class FramesPrompt:
    """The prompt for `frames` images and a `question`; `tokenizer` has the chat template."""

    def __init__(self, tokenizer: Any, frames: int, question: str) -> None:
        content = [{"type": "image"}] * frames + [{"type": "text", "text": question}]
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        self.image_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        if ids.count(self.image_id) != frames:
            raise LiveccError(
                f"the chat template of the tokenizer writes {ids.count(self.image_id)}"
                f" {IMAGE_TOKEN} for {frames} pictures; it is not one of Qwen2-VL"
            )
        self._ids = ids

    def length(self, tokens_per_image: int) -> int:
        """Number of tokens of the prompt if every image takes `tokens_per_image`."""
        images = self._ids.count(self.image_id)
        return len(self._ids) + images * (tokens_per_image - 1)

    def ids(self, tokens_per_image: int) -> list[int]:
        """The token ids, with the image id repeated `tokens_per_image` times for every image."""
        expanded: list[int] = []
        for token in self._ids:
            expanded.extend([token] * (tokens_per_image if token == self.image_id else 1))
        return expanded


def answer_id(tokenizer: Any, answer: str) -> int:
    """The token id of `answer`. Raises LiveccError when it is not a single token."""
    ids: Sequence[int] = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise LiveccError(
            f"the answer {answer!r} is {len(ids)} tokens of this model; choose a word that is one"
        )
    return ids[0]
