"""Conversion of frames to the patch rows that Qwen2-VL's vision tower takes.

Runs on the model's device from uint8, instead of the processor's loop over images on the CPU: a
batch of 64 videos is 512 images. The values equal the processor's ((x / 255 - mean) / std in fp32).
The sides of frames must already be divisible by patch times merge, see `processor_size`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True, slots=True)
class PatchSettings:
    """The settings of a model folder's image processor; sides and areas in pixels."""

    patch: int
    merge: int
    temporal: int
    min_pixels: int
    max_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def multiple(self) -> int:
        """The number that both sides of an image must be divisible by to merge patches."""
        return self.patch * self.merge


def read_settings(model_dir: Path | str) -> PatchSettings:
    """The settings of the image processor in `model_dir`, for transformers 4.57 and 5.

    Raises LiveccError when the folder has no processor of Qwen2-VL's type.
    """
    import transformers

    # The processor for Pillow images does not need torchvision.
    pillow: dict[str, Any] = (
        {"use_fast": False} if transformers.__version__.startswith("4.") else {"backend": "pil"}
    )
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            model_dir, local_files_only=True, trust_remote_code=False, **pillow
        )
        size = processor.size
        return PatchSettings(
            processor.patch_size,
            processor.merge_size,
            processor.temporal_patch_size,
            size["shortest_edge"],
            size["longest_edge"],
            tuple(processor.image_mean),
            tuple(processor.image_std),
        )
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise LiveccError(
            f"{model_dir}: has no Qwen2-VL image processor ({load_reason(error)})"
        ) from None


def processor_size(height: int, width: int, settings: PatchSettings) -> tuple[int, int]:
    """The (height, width) to which Qwen2-VL's processor resizes an image ("smart resize").

    The nearest multiples of patch times merge, scaled at the same aspect ratio if the area is
    outside [min_pixels, max_pixels].
    """
    multiple = settings.multiple
    new_height = max(multiple, round(height / multiple) * multiple)
    new_width = max(multiple, round(width / multiple) * multiple)
    if new_height * new_width > settings.max_pixels:
        scale = math.sqrt(height * width / settings.max_pixels)
        new_height = max(multiple, math.floor(height / scale / multiple) * multiple)
        new_width = max(multiple, math.floor(width / scale / multiple) * multiple)
    elif new_height * new_width < settings.min_pixels:
        scale = math.sqrt(settings.min_pixels / (height * width))
        new_height = math.ceil(height * scale / multiple) * multiple
        new_width = math.ceil(width * scale / multiple) * multiple
    return new_height, new_width


def patch_rows(frames: np.ndarray, settings: PatchSettings, device: Any) -> torch.Tensor:
    """Patch rows of images, fp32 [n * H/patch * W/patch, 3 * temporal * patch * patch].

    `frames`: uint8 RGB [n, H, W, 3]. As Qwen2-VL's vision tower expects, patches to be merged are
    adjacent, and an image fills all `temporal` positions of its patches.
    """
    import torch

    n, height, width, _ = frames.shape
    patch, merge = settings.patch, settings.merge
    pixels = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 255
    shape = (1, 3, 1, 1)
    mean = torch.tensor(settings.mean, device=device).view(shape)
    std = torch.tensor(settings.std, device=device).view(shape)
    rows, columns = height // patch // merge, width // patch // merge
    patches = ((pixels - mean) / std).view(n, 3, rows, merge, patch, columns, merge, patch)
    # n, rows, columns, merge, merge, channel, patch, patch
    patches = patches.permute(0, 2, 5, 3, 6, 1, 4, 7)
    repeated = patches.unsqueeze(6).expand(*patches.shape[:6], settings.temporal, patch, patch)
    return repeated.reshape(n * rows * columns * merge**2, -1)


def picture_grid(height: int, width: int, settings: PatchSettings) -> tuple[int, int, int]:
    """(time, rows, columns) of an image's patches."""
    return 1, height // settings.patch, width // settings.patch
