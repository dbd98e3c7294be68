"""Words do not depend on batches and threads, with the arithmetic of any processor."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest

from livecc.media.audio import RATE, read_audio
from livecc.stages.transcribe.mel import MelFilters
from livecc.stages.transcribe.whisper_model import _Model, padding_counts
from tests.stages.transcribe.transcribers import load
from tests.support.places import REPOSITORY
from tests.support.sounds import write_sound

NARRATION = REPOSITORY / "demo" / "media" / "solar_system.mp4"
SECONDS = 6
#: What makes numpy and CTranslate2 compute as on another processor.
PROCESSORS = (
    "",
    "OPENBLAS_CORETYPE=Haswell",
    "CT2_FORCE_CPU_ISA=GENERIC",
    "CT2_FORCE_CPU_ISA=AVX2",
    "CT2_FORCE_CPU_ISA=AVX512",
)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound files of one length: windows of as many frames, texts of several lengths.

    Where texts of different lengths are aligned together, these are the ones that suffer.
    """
    folder = tmp_path_factory.mktemp("pieces")
    samples = read_audio(NARRATION).samples
    for number in range(4):
        piece = samples[number * SECONDS * RATE : (number + 1) * SECONDS * RATE]
        write_sound(folder / f"{number}.wav", piece)
    return folder


def divided(
    model: Path, folder: Path, variables: dict[str, str], batch_size: int, threads: int
) -> dict[str, Any]:
    """What divided.py prints with `threads` in all libraries."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "tests.stages.transcribe.divided"),
            *map(str, (model, folder, batch_size, threads)),
        ],
        env={**os.environ, **dict.fromkeys(names, str(threads)), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if re.search("The CPU does not support|Invalid CPU ISA", done.stderr):
        pytest.skip(f"this processor has no {variables}")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.models
@pytest.mark.parametrize("processor", PROCESSORS)
def test_words_do_not_depend_on_batches_and_threads(
    pieces: Path, fetched_model: Callable[[str], Path], processor: str
) -> None:
    """To the last bit of a word's confidence."""
    variables = dict([processor.split("=")]) if processor else {}
    model = fetched_model("whisper-tiny.en")
    alone = divided(model, pieces, variables, batch_size=1, threads=1)
    together = divided(model, pieces, variables, batch_size=4, threads=2)
    lengths = [len(words) for words in alone["words"].values()]
    assert min(lengths) > 5
    assert len({*lengths}) > 1
    assert together["features"] == alone["features"]
    assert together["words"] == alone["words"]


@pytest.mark.models
def test_on_a_gpu_batches_change_little(pieces: Path, fetched_model: Callable[[str], Path]) -> None:
    """What docs/transcription.md promises of 16-bit numbers."""
    if not ctranslate2.get_cuda_device_count():
        pytest.skip("there is no GPU that CTranslate2 can use")
    files = [*pieces.iterdir(), NARRATION]
    found = []
    for batch_size in (1, 16):
        transcriber = load(
            "faster_whisper",
            model_dir=fetched_model("whisper-tiny.en"),
            device="cuda",
            mode="paper",
            options={"batch_size": batch_size, "compute_type": "float16"},
        )
        rows = dict(row for rows in transcriber.transcribe((p, p) for p in files) for row in rows)
        found.append([word for path in files for word in rows[path].words])
    alone, together = found
    texts = [[word.text for word in words] for words in found]
    same = SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks()
    assert sum(block.size for block in same) >= 0.98 * max(map(len, texts))
    for block in same:
        for one, other in zip(
            alone[block.a : block.a + block.size],
            together[block.b : block.b + block.size],
            strict=True,
        ):
            assert other.start == pytest.approx(one.start, abs=0.1)
            assert other.end == pytest.approx(one.end, abs=0.1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_aligned_together(dtype: str) -> None:
    """On a GPU the whole batch, unless padding would count as text; on the CPU each window."""
    numbers = np.arange(3 * 4 * 2, dtype=np.float32).reshape(3, 4, 2)
    encoded = ctranslate2.StorageView.from_array(numbers).to(getattr(ctranslate2.DataType, dtype))
    texts = [[1], [1, 2, 3], []]

    def parts(device: str, frames: list[int]) -> list[tuple[Any, list[list[int]], list[int]]]:
        model: Any = SimpleNamespace(model=SimpleNamespace(device=device))
        return [*_Model._parts(model, encoded, texts, frames)]

    assert parts("cuda", [600, 600, 700]) == [(encoded, texts, [600, 600, 700])]
    for apart in (parts("cpu", [600, 500, 600]), parts("cuda", [600, 600, 600])):
        assert [texts for _, texts, _ in apart] == [[text] for text in texts]
        assert np.array_equal(np.concatenate([window for window, _, _ in apart]), numbers)
    assert [frames for _, _, frames in parts("cpu", [600, 500, 600])] == [[600], [500], [600]]


def test_mel_bands_are_the_matrix_product() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    rng = np.random.default_rng(0)
    magnitudes = rng.uniform(0, 100, (201, 300)).astype(np.float32)
    for bands in (80, 128):
        filters = FeatureExtractor(bands).mel_filters
        found = MelFilters(filters) @ magnitudes
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, filters @ magnitudes, rtol=1e-5)
        # A frame's numbers are its own.
        parts = [MelFilters(filters) @ magnitudes[:, part] for part in (slice(7), slice(7, None))]
        assert np.array_equal(np.hstack(parts), found)


def test_a_band_of_no_frequency_is_nothing() -> None:
    filters = np.array([[0, 0, 0], [0, 2, 1]], np.float32)
    found = MelFilters(filters) @ np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert found.tolist() == [[0, 0], [11, 14]]


def test_where_ctranslate2_takes_padding_for_text() -> None:
    short, long = [1], [1, 2, 3]
    assert padding_counts([short, long], [600, 600])
    # Counted are the encoder's frames, two to each.
    assert padding_counts([short, long], [600, 601])
    assert not padding_counts([short, long], [600, 700])
    assert not padding_counts([long, long], [600, 600])
    assert not padding_counts([long], [600])
