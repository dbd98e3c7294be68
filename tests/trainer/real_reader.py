"""The unmodified reader of livecc-utils, with decord, and what the trainer does with its frames.

    real_reader.py [--blind] < SAMPLES > PHRASES

Reads JSON lines of [video, start, end, words] and writes, for each, the list of the phrases said by
the chunks, or the error as a text. With --blind, decord decodes no frames, which take nearly all
of the time and say nothing of words. A process of its own, because the package changes settings of
qwen-vl-utils, and because of the stand-in below.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any


def stand_in_for_torchvision() -> None:
    """Reading needs no torchvision, which only resizes the frames later, but imports it.

    Its builds for CUDA do not import beside a torch for the CPU.
    """
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [one for one in sys.modules if one.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        root = types.ModuleType("torchvision")
        root.__version__ = "0"  # type: ignore[attr-defined]
        root.io = types.ModuleType("torchvision.io")  # type: ignore[attr-defined]
        transforms: Any = types.ModuleType("torchvision.transforms")
        transforms.InterpolationMode = types.SimpleNamespace(BICUBIC=None)
        root.transforms = transforms  # type: ignore[attr-defined]
        sys.modules |= {
            "torchvision": root,
            "torchvision.io": root.io,
            "torchvision.transforms": transforms,
        }


# transformers looks for torchvision, and must not find the stand-in.
import transformers  # noqa: E402, F401

stand_in_for_torchvision()
import decord  # noqa: E402
import livecc_utils  # noqa: E402
import numpy as np  # noqa: E402


def without_decoding(_: Any, indices: list[int]) -> Any:
    """In the place of VideoReader.get_batch."""
    return decord.nd.array(np.zeros((len(indices), 2, 2, 3), np.uint8))


def phrase_until(words: list[list[Any]], moment: float, first: int) -> tuple[str, int]:
    """The words from `first` on that have ended, up to one that has not; where to go on.

    As in the data set of the trainer, which goes on at the last word it looked at.
    """
    said = []
    looked_at = first
    for number in range(first, len(words)):
        looked_at = number
        _, end, word = words[number]
        if moment < end:
            break
        said.append(word.strip())
    return " ".join(said), looked_at


def phrases(video: str, start: float, end: float, words: list[list[Any]]) -> list[str]:
    """What each chunk says; chunks without words at the end are removed."""
    clip, _, times = livecc_utils._read_video_decord_plus(
        {"video": video, "video_start": start, "video_end": end}, strict_fps=True, return_pts=True
    )
    assert len(clip) == len(times)
    said, place = phrase_until(words, times[5], 0)
    found = [said]
    for frame in range(6, len(clip), 2):
        said, place = phrase_until(words, times[frame + 1], place)
        found.append(said)
    while found[-1] == "":
        found.pop()
    return found


if __name__ == "__main__":
    if "--blind" in sys.argv:
        decord.VideoReader.get_batch = without_decoding
    for line in sys.stdin:
        try:
            answer: Any = phrases(*json.loads(line))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)
