"""Converting a language model from a GGUF file to a folder in Hugging Face format.

transformers reads GGUF but unpacks the weights on every load (half a minute for 135 M parameters).
Converted once to safetensors in float32, the same model loads in a second. Only this module needs
the packages `gguf` and `accelerate`.
"""

from __future__ import annotations

from pathlib import Path

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.leftovers import scratch_folder
from livecc.files.model_folders import load_reason


def convert_gguf(gguf_file: Path, out_dir: Path) -> None:
    """Write the model, tokenizer and chat template of `gguf_file` to the new folder `out_dir`.

    The folder is created atomically. Raises LiveccError when it already exists or the file cannot
    be read as a causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    gguf_file, out_dir = Path(gguf_file), Path(out_dir)
    if not gguf_file.is_file():
        raise LiveccError(f"{gguf_file}: no such file")
    if out_dir.exists():
        raise LiveccError(f"{out_dir}: already exists; remove it to convert {gguf_file.name} again")
    folder, name = str(gguf_file.parent), gguf_file.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, gguf_file=name, local_files_only=True, trust_remote_code=False
        )
        config = AutoConfig.from_pretrained(
            folder, gguf_file=name, local_files_only=True, trust_remote_code=False
        )
        unpacked = AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=name,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except ImportError as error:
        raise LiveccError(
            f"{gguf_file}: reading GGUF needs the packages gguf and accelerate ({error})"
        ) from None
    except Exception as error:
        raise LiveccError(
            f"{gguf_file}: cannot be read as a causal language model ({load_reason(error)}); "
            "fetch it again"
        ) from None
    # A fresh model has no quantization config, so saving and loading it needs no quantizer.
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False)
    fresh.load_state_dict(unpacked.state_dict())
    with scratch_folder(out_dir) as temporary:
        fresh.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        _make_portable(temporary)
        temporary.rename(out_dir)


def _make_portable(folder: Path) -> None:
    """Make the folder loadable by transformers 4 and 5, whichever wrote it.

    Version 5 writes a tokenizer class that version 4 does not know, and stores the rotary base in
    an entry that version 4 silently ignores.
    """
    tokenizer = read_json(folder / "tokenizer_config.json")
    tokenizer = {k: v for k, v in tokenizer.items() if k not in ("is_local", "local_files_only")}
    tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_json(folder / "tokenizer_config.json", tokenizer)
    config = read_json(folder / "config.json")
    rope = config.get("rope_parameters") or {}
    if "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
    write_json(folder / "config.json", config)
    for path in folder.iterdir():
        # safetensors writes files readable only by their owner; model folders are shared.
        path.chmod(0o644)
