"""Loading a chat model from a local folder, with one clear message for whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.score_lm_loss.model import CausalModel

if TYPE_CHECKING:
    import torch

# Config entries that change the logits after the head's matrix product, by architecture
# (Gemma 2, Cohere, Granite); the neutral values are those that change nothing.
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier")


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
        eager = getattr(config.get_text_config(), "attn_logit_softcapping", None) is not None
        with _quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                model_dir,
                config=config,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
                **({"attn_implementation": "eager"} if eager else {}),
            )
        network, report = loaded
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
        getattr(config.get_text_config(), name, None) not in (None, 1) for name in _LOGIT_CHANGES
    )
    vocabulary = head.weight.shape[0] if head is not None else config.vocab_size
    return CausalModel(network, str(model_dir), where, plain, int(vocabulary))


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
