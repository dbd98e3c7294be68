"""Language identification by a sequence classifier such as XLM-RoBERTa.

The original uses a transformers text-classification pipeline with truncation and the model
papluca/xlm-roberta-base-language-detection. The label is the most probable class and the confidence
its softmax probability, in fp32. Here texts of similar length share a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason
from livecc.inference.memory import within_memory
from livecc.stages.identify_language.engine import UNDETERMINED

# Texts tokenized and sorted by length together; bounds the memory for their ids.
_WINDOW = 4096
# Padded tokens in a batch: a GPU needs many; on a CPU, more do not fit into its cache.
_GPU_TOKEN_BUDGET = 16_384
_CPU_TOKEN_BUDGET = 1_024


class XlmRobertaIdentifier:
    """A classifier loaded from a local folder (config.json, weights, tokenizer files).

    `token_budget`: maximum padded tokens per batch, None for the device's default; halved
    permanently when memory runs out. Raises LiveccError when the folder has no complete
    classifier.
    """

    @classmethod
    def load(cls, setup: Setup) -> Self:
        if "" not in setup.models:
            raise LiveccError(
                "the language engine xlm_roberta needs the folder of its model; "
                "give its receipt, or use the engine langid"
            )
        budget = setup.options["tokens_per_batch"]
        return cls(setup.models[""], device=setup.device, token_budget=budget)

    def __init__(
        self,
        model_dir: Path | str,
        *,
        device: str = "cpu",
        token_budget: int | None = None,
    ) -> None:
        model_dir = Path(model_dir)
        if not (model_dir / "config.json").is_file():
            raise LiveccError(
                f"{model_dir}: no config.json; the language engine xlm_roberta needs a model folder"
            )
        if token_budget is not None and token_budget < 1:
            raise LiveccError(f"token_budget is {token_budget}; it must be at least 1")
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                model_dir, local_files_only=True, trust_remote_code=False
            )
            self._model, loading = AutoModelForSequenceClassification.from_pretrained(
                model_dir,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
        # A file of weights that is damaged, or no such file, may raise any exception.
        except Exception as error:
            raise LiveccError(
                f"{model_dir}: cannot be loaded as a classifier ({load_reason(error)})"
            ) from None
        if loading["missing_keys"]:
            # transformers would initialise them randomly and continue.
            missing = ", ".join(sorted(loading["missing_keys"])[:3])
            raise LiveccError(
                f"{model_dir}: the weights lack {missing}; it is not a trained classifier"
            )
        try:
            self._device = torch.device(device)
            self._model.to(self._device).eval()
        except (RuntimeError, AssertionError) as error:
            raise LiveccError(f'the device "{device}" cannot be used ({error})') from None
        labels = self._model.config.id2label
        self._labels = [str(labels[index]) for index in range(self._model.config.num_labels)]
        self._max_tokens = _max_tokens(self._tokenizer, self._model.config)
        default = _CPU_TOKEN_BUDGET if self._device.type == "cpu" else _GPU_TOKEN_BUDGET
        self.token_budget = token_budget or default

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label, confidence) of each text; "und" and 0 for white space only.

        A text longer than the model's maximum is truncated. Raises LiveccError when memory does not
        suffice for a single text.
        """
        results = [UNDETERMINED] * len(texts)
        spoken = [index for index, text in enumerate(texts) if text.strip()]
        for low in range(0, len(spoken), _WINDOW):
            window = spoken[low : low + _WINDOW]
            ids = self._tokenizer(
                [texts[index] for index in window],
                truncation=True,
                max_length=self._max_tokens,
                return_attention_mask=False,
                return_token_type_ids=False,
            )["input_ids"]
            # Longest first, so memory runs out at the beginning or never.
            order = sorted(range(len(window)), key=lambda k: -len(ids[k]))
            done = 0
            while done < len(order):
                size = max(1, self.token_budget // len(ids[order[done]]))
                batch = order[done : done + size]
                answers = within_memory(
                    partial(self._classify, [ids[k] for k in batch]), self._device
                )
                if answers is None:
                    self._halve_budget(len(ids[order[done]]), len(batch))
                    continue
                for k, answer in zip(batch, answers, strict=True):
                    results[window[k]] = answer
                done += len(batch)
        return results

    def _classify(self, ids: Sequence[Sequence[int]]) -> list[tuple[str, float]]:
        """Results for one batch of token ids."""
        import torch

        longest = max(map(len, ids))
        tokens = np.full((len(ids), longest), self._tokenizer.pad_token_id, np.int64)
        mask = np.zeros((len(ids), longest), np.int64)
        for row, text in enumerate(ids):
            tokens[row, : len(text)] = text
            mask[row, : len(text)] = 1
        with torch.inference_mode():
            logits = self._model(
                input_ids=torch.from_numpy(tokens).to(self._device),
                attention_mask=torch.from_numpy(mask).to(self._device),
            ).logits
            confidence, label = logits.float().softmax(dim=-1).max(dim=-1)
            values, indices = confidence.tolist(), label.tolist()
        return [(self._labels[i], value) for i, value in zip(indices, values, strict=True)]

    def _halve_budget(self, tokens: int, texts: int) -> None:
        if texts == 1:
            raise LiveccError(
                f"{self._device}: not enough memory to identify the language of one text of "
                f"{tokens} tokens; give the job more memory or use another device"
            )
        self.token_budget = max(tokens, tokens * texts // 2)


def _max_tokens(tokenizer: Any, config: Any) -> int:
    """The maximum input length of the model, including special tokens.

    Tokenizers without a maximum report a huge number. RoBERTa models reserve the positions up to
    the padding id, so 514 positions hold 512 tokens.
    """
    positions = int(config.max_position_embeddings)
    if "roberta" in str(config.model_type):
        positions -= int(config.pad_token_id) + 1
    return min(positions, int(tokenizer.model_max_length))
