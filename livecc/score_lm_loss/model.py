"""A causal language model that gives token losses without holding logits for every position.

Vocabulary logits are what fills the memory: 4,000 positions times 152,000 words is 2.4 GB in fp32.
Here they exist only for scored positions, a few megabytes at a time.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livecc.errors import LiveccError
from livecc.files import read_json

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

# Logits made at a time when the head is a plain matrix: 64 MB in fp32 on the CPU, 512 MB on a GPU,
# which needs more rows to be busy.
_LOGITS_PER_CHUNK = {"cpu": 2**24, "cuda": 2**27}

# Config entries that change the logits after the head's matrix product, by architecture
# (Gemma 2, Cohere, Granite); the neutral values are those that change nothing.
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier")

KeyValues = list[tuple["torch.Tensor", "torch.Tensor"]]


@dataclass
class CausalModel:
    """A loaded model and what is known about it.

    `plain_head`: the logits are the head's matrix product and nothing else, so it may be applied
    to chosen hidden states. `vocabulary`: number of logits per position.
    """

    network: Any
    source: str
    device: torch.device
    plain_head: bool
    vocabulary: int

    def token_losses(
        self,
        ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        targets: NDArray[np.int64],
        *,
        positions: NDArray[np.int64] | None = None,
        mask: torch.Tensor | None = None,
        past: KeyValues | None = None,
        keep: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], KeyValues | None]:
        """Negative log-likelihood (nats, fp32) of `targets` [m] after the tokens at `rows` [m].

        ids [n]: the tokens of one forward pass. positions [n]: their place in their own sequence
        (None: 0..n-1). mask [1, 1, n, p + n]: what is added to the attention scores (None: causal).
        past: keys and values [1, heads, p, d] per layer of p earlier tokens. keep: which of the
        p + n tokens' keys and values to return (None: none).
        """
        import torch
        from transformers import DynamicCache

        with torch.inference_mode():
            cache = DynamicCache() if keep is not None or past else None
            for layer, (keys, values) in enumerate(past or []):
                assert cache is not None
                cache.update(keys, values, layer)
            inputs: dict[str, Any] = {
                "input_ids": self._tensor(ids)[None],
                "use_cache": cache is not None,
            }
            if cache is not None:
                inputs["past_key_values"] = cache
            if positions is not None:
                inputs["position_ids"] = self._tensor(positions)[None]
            if mask is not None:
                inputs["attention_mask"] = mask
            losses = self._losses(inputs, rows, targets)
            kept = None if keep is None else self._keep(cache, keep)
        return losses, kept

    def _losses(
        self, inputs: dict[str, Any], rows: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        import torch

        if not self.plain_head:
            return self._losses_by_own_head(inputs, rows, targets)
        hidden = self.network.base_model(**inputs)[0][0]
        hidden = hidden[self._tensor(rows)]
        head = self.network.get_output_embeddings()
        target = self._tensor(targets)
        losses = torch.empty(len(rows), dtype=torch.float32)
        step = self._rows_per_chunk()
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            losses[chunk] = _nll(head(hidden[chunk]), target[chunk]).cpu()
        return losses.numpy()

    def _losses_by_own_head(
        self, inputs: dict[str, Any], rows: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        import torch

        places, inverse = np.unique(rows, return_inverse=True)
        if not len(places):
            self.network.base_model(**inputs)
            return np.empty(0, np.float32)
        if "logits_to_keep" in inspect.signature(self.network.forward).parameters:
            logits = self.network(**inputs, logits_to_keep=self._tensor(places)).logits[0]
        else:
            logits = self.network(**inputs).logits[0][self._tensor(places)]
        losses = torch.empty(len(rows), dtype=torch.float32)
        step = self._rows_per_chunk()
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            chosen = logits[self._tensor(inverse[chunk])]
            losses[chunk] = _nll(chosen, self._tensor(targets[chunk])).cpu()
        return losses.numpy()

    def _rows_per_chunk(self) -> int:
        most = _LOGITS_PER_CHUNK.get(self.device.type, _LOGITS_PER_CHUNK["cpu"])
        return max(1, most // self.vocabulary)

    def _keep(self, cache: Any, keep: NDArray[np.int64]) -> KeyValues:
        """Keys and values of the chosen tokens; each layer's others are freed as it goes."""
        chosen = self._tensor(keep)
        kept: KeyValues = []
        for layer in cache.layers:
            kept.append((layer.keys.index_select(2, chosen), layer.values.index_select(2, chosen)))
            layer.keys = layer.values = None
        return kept

    def tree_mask(
        self, query: NDArray[np.int64], key: NDArray[np.int64], key_end: NDArray[np.int64]
    ) -> torch.Tensor:
        """Additive attention mask [1, 1, queries, keys] of a token tree in preorder.

        query, key: positions in the preorder; key_end: the end of each key's descendants.
        """
        import torch

        q, k = self._tensor(query)[:, None], self._tensor(key)[None]
        allowed = (k <= q) & (q < self._tensor(key_end)[None])
        dtype = self.network.dtype
        mask = torch.zeros(allowed.shape, dtype=dtype, device=self.device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min)[None, None]

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax(logits [m, V])[targets [m]] in fp32."""
    import torch

    logits = logits.float()
    chosen = logits.gather(1, targets[:, None])[:, 0]
    return torch.logsumexp(logits, dim=1) - chosen


def load_tokenizer(model_dir: Path) -> Any:
    """The tokenizer in a model folder. Raises LiveccError when there is none that loads."""
    from transformers import AutoTokenizer

    _require_folder(model_dir)
    try:
        return AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
    except Exception as error:
        raise LiveccError(
            f"{model_dir}: its tokenizer cannot be loaded ({_first_line(error)}); the folder needs "
            "tokenizer.json and tokenizer_config.json"
        ) from None


def load_causal_model(model_dir: Path, *, device: str, dtype: str) -> CausalModel:
    """Load a causal language model from a local folder.

    `dtype` is auto (bfloat16 on cuda, float32 elsewhere), float32, bfloat16 or float16. Raises
    LiveccError when the folder does not hold such a model or the device is not there.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    _require_folder(model_dir)
    where = _device(device)
    if dtype == "auto":
        dtype = "bfloat16" if where.type == "cuda" else "float32"
    if dtype not in ("float32", "bfloat16", "float16"):
        raise LiveccError(f"dtype is {dtype!r}: it must be auto, float32, bfloat16 or float16")
    try:
        config = AutoConfig.from_pretrained(model_dir, local_files_only=True)
        if getattr(config, "is_encoder_decoder", False):
            raise LiveccError(f"{model_dir}: an encoder-decoder, not a causal language model")
        _check_rotary_base(model_dir, config)
        # Only the eager kernel knows Gemma 2's soft cap on attention scores.
        eager = getattr(config, "attn_logit_softcapping", None) is not None
        with _quiet():
            network, report = AutoModelForCausalLM.from_pretrained(
                model_dir,
                config=config,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
                **({"attn_implementation": "eager"} if eager else {}),
            )
    except LiveccError:
        raise
    except Exception as error:
        raise LiveccError(
            f"{model_dir}: cannot be loaded as a causal language model ({_first_line(error)}); the "
            "folder needs config.json and the weights of a model like Qwen2ForCausalLM"
        ) from None
    missing = sorted(report.get("missing_keys") or [])
    if missing:
        raise LiveccError(
            f"{model_dir}: {len(missing)} weights are missing ({', '.join(missing[:3])}, ...): not "
            "a whole causal language model"
        )
    try:
        network = network.to(where).eval()
    except RuntimeError as error:
        raise LiveccError(
            f"{model_dir}: does not fit on {device} ({_first_line(error)}); free the device or "
            "choose a smaller model"
        ) from None
    head = network.get_output_embeddings()
    plain = isinstance(head, torch.nn.Linear) and not any(
        getattr(config, name, None) not in (None, 1, 1.0) for name in _LOGIT_CHANGES
    )
    vocabulary = head.weight.shape[0] if head is not None else config.vocab_size
    return CausalModel(network, str(model_dir), where, plain, int(vocabulary))


def check_vocabulary(model: CausalModel, tokenizer: Any) -> None:
    """Raise LiveccError when the tokenizer has ids that the model does not know.

    Without this an id out of range stops a GPU with an assertion that cannot be caught.
    """
    known = model.network.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > known:
        raise LiveccError(
            f"{model.source}: the tokenizer has {len(tokenizer)} tokens and the model {known}: "
            "they do not belong together"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of a forward pass says that the memory does not suffice."""
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        sign in text
        for sign in (
            "not enough memory",
            "can't allocate memory",
            "Cannot allocate memory",
            "out of memory",
            "ALLOC_FAILED",
        )
    )


def free_memory(device: torch.device) -> None:
    """Give cached blocks back after an out-of-memory error."""
    import gc

    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def context_length(tokenizer: Any, config: Any, limit: int | None) -> int:
    """Tokens a chat may have: the least of the tokenizer's, the model's and the user's bound."""
    bounds: Sequence[Any] = (
        tokenizer.model_max_length,
        getattr(config, "max_position_embeddings", None),
        limit,
    )
    return int(min((bound for bound in bounds if bound), default=2**31))


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar of weights in the log of a job."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _check_rotary_base(model_dir: Path, config: Any) -> None:
    """Refuse a config of transformers 5 whose rotary base transformers 4 would pass over."""
    import transformers

    base = (read_json(model_dir / "config.json").get("rope_parameters") or {}).get("rope_theta")
    read = getattr(config, "rope_theta", base)
    if int(transformers.__version__.split(".")[0]) < 5 and base is not None and read != base:
        raise LiveccError(
            f"{model_dir}: config.json was written by transformers 5 and its rotary base "
            f"({base}) is not seen by transformers {transformers.__version__}; add "
            f'"rope_theta": {base} to it'
        )


def _require_folder(model_dir: Path) -> None:
    # Without this, transformers takes the name for one of its hub and talks of the network.
    if not (model_dir / "config.json").is_file():
        raise LiveccError(
            f"{model_dir}: no model here (config.json is missing); give the folder of a model in "
            "Hugging Face format"
        )


def _device(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise LiveccError(f"device is {name!r}: it must be cpu, cuda or cuda:<number>") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LiveccError(f"device is {name!r}, but PyTorch sees no CUDA device here; use cpu")
    return device


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]
