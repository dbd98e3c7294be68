"""Loading a chat model from a local folder, with a clear message for each possible error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.files.model_folders import load_reason
from livecc.inference.causal_network import CausalModel
from livecc.inference.device import torch_device

if TYPE_CHECKING:
    pass

# Config entries that change the logits after the head's matrix product, by architecture
# (Gemma 2, Cohere, Granite); the neutral values are those that change nothing.
_LOGIT_CHANGES = ("final_logit_softcapping", "logit_scale", "logits_scaling", "output_multiplier")


def load_tokenizer(model_dir: Path) -> Any:
    """The tokenizer in a model folder. Raises LiveccError when it cannot be loaded."""
    from transformers import AutoTokenizer

    _require_folder(model_dir)
    try:
        return AutoTokenizer.from_pretrained(
            model_dir, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise LiveccError(
            f"{model_dir}: its tokenizer cannot be loaded ({load_reason(error)}); the folder must "
            "contain tokenizer.json and tokenizer_config.json"
        ) from None


def load_causal_model(model_dir: Path, *, device: str, dtype: str) -> CausalModel:
    """Load a causal language model from a local folder.

    `dtype` is auto (bfloat16 on cuda, float32 elsewhere), float32, bfloat16 or float16. Raises
    LiveccError when the folder has no such model or the device is unavailable.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    _require_folder(model_dir)
    where = torch_device(device)
    if dtype == "auto":
        dtype = "bfloat16" if where.type == "cuda" else "float32"
    if dtype not in ("float32", "bfloat16", "float16"):
        raise LiveccError(f"dtype is {dtype!r}: it must be auto, float32, bfloat16 or float16")
    try:
        config = AutoConfig.from_pretrained(
            model_dir, local_files_only=True, trust_remote_code=False
        )
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
                trust_remote_code=False,
                output_loading_info=True,
                **({"attn_implementation": "eager"} if eager else {}),
            )
        network, report = loaded
    except LiveccError:
        raise
    except Exception as error:
        raise LiveccError(
            f"{model_dir}: cannot be loaded as a causal language model ({load_reason(error)}); the "
            "folder must contain config.json and the weights of a model like Qwen2ForCausalLM"
        ) from None
    missing = sorted(report.get("missing_keys") or [])
    if missing:
        raise LiveccError(
            f"{model_dir}: {len(missing)} weights are missing ({', '.join(missing[:3])}, ...): the "
            "causal language model is incomplete"
        )
    try:
        network = network.to(where).eval()
    except RuntimeError as error:
        raise LiveccError(
            f"{model_dir}: does not fit on {device} ({load_reason(error)}); free the device or "
            "choose a smaller model"
        ) from None
    head = network.get_output_embeddings()
    plain = isinstance(head, torch.nn.Linear) and not any(
        getattr(config.get_text_config(), name, None) not in (None, 1) for name in _LOGIT_CHANGES
    )
    vocabulary = head.weight.shape[0] if head is not None else config.vocab_size
    return CausalModel(network, str(model_dir), where, plain, int(vocabulary))


def context_length(tokenizer: Any, config: Any, limit: int | None) -> int:
    """Maximum tokens of a chat: the minimum of the tokenizer, model and user limits."""
    bounds: Sequence[Any] = (
        tokenizer.model_max_length,
        getattr(config, "max_position_embeddings", None),
        limit,
    )
    return int(min((bound for bound in bounds if bound), default=2**31))


@contextmanager
def _quiet() -> Iterator[None]:
    """Disable the weight-loading progress bar in job logs."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _check_rotary_base(model_dir: Path, config: Any) -> None:
    """Reject a transformers 5 config whose rotary base transformers 4 would ignore."""
    import transformers

    base = (read_json(model_dir / "config.json").get("rope_parameters") or {}).get("rope_theta")
    read = getattr(config, "rope_theta", base)
    if int(transformers.__version__.split(".")[0]) < 5 and base is not None and read != base:
        raise LiveccError(
            f"{model_dir}: config.json was written by transformers 5 and its rotary base "
            f"({base}) is ignored by transformers {transformers.__version__}; add "
            f'"rope_theta": {base} to it'
        )


def _require_folder(model_dir: Path) -> None:
    # Without this, transformers would treat the name as a hub repository and report network errors.
    if not (model_dir / "config.json").is_file():
        raise LiveccError(
            f"{model_dir}: no model here (config.json is missing); give the folder of a model in "
            "Hugging Face format"
        )
