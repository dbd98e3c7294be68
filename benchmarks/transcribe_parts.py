"""The measurements of bench_transcribe for a Whisper model of real size on a device.

The weights are random, so no speech is recognised: windows are encoded, as many tokens generated as
half a minute of speech has, and aligned. Each part is timed separately.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import torch

from benchmarks.cuda_timing import device_name, seconds
from livecc.stages.transcribe.options import FasterWhisperOptions
from livecc.stages.transcribe.whisper_model import BatchedWhisper

#: Width, encoder layers, decoder layers, heads, mel bands.
SIZES = {
    "tiny": (384, 4, 4, 6, 80),
    "large-v3-turbo": (1280, 32, 4, 20, 128),
    "large-v3": (1280, 32, 32, 20, 128),
}
#: Tokens of 30 s of speech: about 75 words.
TOKENS = 100
#: Start, English, transcribe, no timestamps.
PROMPT = [50_258, 50_259, 50_359, 50_363]


def make_random_model(folder: Path, size: str, like: Path) -> Path:
    """A random model with the tokenizer and the languages of the model in the folder `like`."""
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    width, encoder, decoder, heads, mels = SIZES[size]
    config = WhisperConfig(
        vocab_size=51_865,
        num_mel_bins=mels,
        d_model=width,
        encoder_layers=encoder,
        decoder_layers=decoder,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        pad_token_id=50_257,
        bos_token_id=50_257,
        eos_token_id=50_257,
        decoder_start_token_id=50_258,
    )
    torch.manual_seed(0)
    source = folder / "source"
    model: Any = WhisperForConditionalGeneration(config).half()
    model.generation_config.suppress_tokens = []
    model.generation_config.begin_suppress_tokens = []
    model.save_pretrained(source)
    shutil.copy(like / "tokenizer.json", source)
    (source / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    made = folder / "model"
    TransformersConverter(str(source), copy_files=["tokenizer.json"]).convert(
        str(made), quantization="float16"
    )
    shutil.rmtree(source)
    config_file = made / "config.json"
    languages = json.loads((like / "config.json").read_text())["lang_ids"]
    config_file.write_text(
        json.dumps(json.loads(config_file.read_text()) | {"lang_ids": languages})
    )
    (made / "preprocessor_config.json").write_text(f'{{"feature_size": {mels}}}')
    return made


def operations(size: str) -> float:
    """Floating-point operations of encoding a window of 1,500 positions."""
    width, layers, _, _, mels = SIZES[size]
    places = 1500
    layer = places * 12 * width**2 + 2 * places**2 * width
    first = 2 * places * 3 * mels * width + places * 3 * width**2
    return 2.0 * (layers * layer + first)


def measure_parts(size: str, like: Path, device: str, compute_type: str, runs: int) -> None:
    where = torch.device(device)
    with tempfile.TemporaryDirectory() as name:
        folder = make_random_model(Path(name), size, like)
        options = FasterWhisperOptions(compute_type=compute_type)
        whisper = BatchedWhisper(folder, options, device=device, threads=1, join_words=False)
    model: Any = whisper._model.model
    print(
        f"random Whisper {size}, {compute_type}, on {device_name(where)}, CTranslate2 "
        f"{ctranslate2.__version__}; windows a second, {TOKENS} tokens each, beams of "
        f"{options.beam_size}"
    )
    print(
        f"{'windows a batch':>16}{'encode':>9}{'TFLOP/s':>9}{'generate':>10}{'align':>8}"
        f"{'all':>8}{'sound s/s':>11}"
    )
    rng = np.random.default_rng(0)
    for batch in (1, 8, 16, 32, 64) if device == "cuda" else (1, 2):
        sound = rng.normal(size=(batch, SIZES[size][4], 3000)).astype(np.float32)
        features = ctranslate2.StorageView.from_array(sound)
        encoded = model.encode(features, to_cpu=False)

        def encode(features: Any = features) -> Any:
            # Reading a value waits for the device.
            return model.detect_language(model.encode(features, to_cpu=False))

        def identify(encoded: Any = encoded) -> Any:
            return model.detect_language(encoded)

        def generate(encoded: Any = encoded, batch: int = batch) -> Any:
            return model.generate(
                encoded,
                [PROMPT] * batch,
                beam_size=options.beam_size,
                max_length=TOKENS + len(PROMPT),
                suppress_tokens=[50_257],
            )

        def align(encoded: Any = encoded, batch: int = batch) -> Any:
            texts = [[*range(1000, 1000 + TOKENS)]] * batch
            return model.align(encoded, PROMPT, texts, [3000 - k for k in range(batch)])

        times = []
        for run in (encode, identify, generate, align):
            run()
            times.append(seconds(run, where, runs))
        times[0] -= times[1]
        encoding, _, generating, aligning = times
        whole = encoding + generating + aligning
        print(
            f"{batch:>16}{batch / encoding:>9.1f}"
            f"{batch * operations(size) / encoding / 1e12:>9.1f}{batch / generating:>10.1f}"
            f"{batch / aligning:>8.1f}{batch / whole:>8.1f}{30 * batch / whole:>11.0f}",
            flush=True,
        )
    windows = [(rng.normal(size=(SIZES[size][4], 2999)), 0.0, 29.99)] * 2
    speakers: list[Any] = [SimpleNamespace(spoken_until=0.0), SimpleNamespace(spoken_until=0.0)]
    data = [(features.astype(np.float32), offset, length) for features, offset, length in windows]
    found = whisper.window_languages([features for features, _, _ in data])
    passages = whisper.transcribe(data, "en", speakers)
    print(
        f"two windows through the engine: languages {[language for language, _ in found]}, "
        f"{[len(passage.words) for passage in passages]} words of noise"
    )
