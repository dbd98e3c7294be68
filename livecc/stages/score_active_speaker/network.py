"""Light-ASD (Liao et al., "A Light Weight Model for Active Speaker Detection", CVPR 2023).

Is the visible face speaking what is heard? Two encoders of three blocks each, one for the face and
one for the audio; the sum of their features goes through a forward GRU and a backward GRU. Each
block is the sum of two branches, with kernel sizes 3 and 5, which convolve over space (or
coefficients) and then over time. Submodules are named as in the published weights.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import nn

from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason

log = logging.getLogger(__name__)

FILE_NAME = "finetuning_TalkSet.model"
#: Side of a face, in pixels.
FACE = 112
#: Audio feature vectors per video frame, and values per vector.
COEFFICIENTS = 13
CHANNELS = (32, 64, 128)
#: Mean and standard deviation of grey values of training faces, full scale 1.
GREY_MEAN, GREY_DEVIATION = 0.4161, 0.1688
#: The head for faces without audio; only training uses it.
TRAINING_HEAD = "lossV."


class Block(nn.Module):
    """The sum of two branches of separable convolutions, followed by a convolution of size 1.

    `first` is the letter of a branch's first convolution ("s" for space, "m" for coefficients),
    over `space` axes. The second, "t", is over time: the first of the visual axes
    [B, C, time, height, width], the last of the audio axes [B, C, coefficients, time].
    """

    def __init__(self, inputs: int, outputs: int, *, picture: bool, halve: bool = False) -> None:
        super().__init__()
        self.first = "s" if picture else "m"
        convolution: type[nn.Module] = nn.Conv3d if picture else nn.Conv2d
        normalization: type[nn.Module] = nn.BatchNorm3d if picture else nn.BatchNorm2d

        def add(name: str, channels: int, kernel: tuple[int, ...], stride: tuple[int, ...]) -> None:
            padding = tuple(side // 2 for side in kernel)
            self.add_module(
                name, convolution(channels, outputs, kernel, stride, padding, bias=False)
            )
            self.add_module(f"bn_{name}", normalization(outputs, eps=1e-3, momentum=0.01))

        ones = (1, 1, 1) if picture else (1, 1)
        for size in (3, 5):
            space = (1, size, size) if picture else (size, 1)
            time = (size, 1, 1) if picture else (1, size)
            add(f"{self.first}_{size}", inputs, space, (1, 2, 2) if halve else ones)
            add(f"t_{size}", outputs, time, ones)
        add("last", outputs, ones, ones)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [self._run(f"t_{k}", self._run(f"{self.first}_{k}", x)) for k in (3, 5)]
        return self._run("last", branches[0] + branches[1])

    def _run(self, name: str, x: torch.Tensor) -> torch.Tensor:
        x = self.get_submodule(name)(x)
        x = self.get_submodule(f"bn_{name}")(x)
        return nn.functional.relu(x)


class Encoder(nn.Module):
    """Three blocks, with max pooling by 2 after each of the first two.

    Visual input, [B, 1, T, H, W], is halved in height and width, and once more in the first block;
    audio input, [B, 1, coefficients, time], is halved in time. Returns [B, T, 128].
    """

    def __init__(self, *, picture: bool) -> None:
        super().__init__()
        self.picture = picture
        inputs = (1, *CHANNELS)
        for k, outputs in enumerate(CHANNELS):
            block = Block(inputs[k], outputs, picture=picture, halve=picture and k == 0)
            self.add_module(f"block{k + 1}", block)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for k in range(len(CHANNELS)):
            if k:
                x = self._halved(x)
            x = self.get_submodule(f"block{k + 1}")(x)
        # Maximum over the positions of a face, mean over the coefficients of the audio.
        x = x.amax(dim=(3, 4)) if self.picture else x.mean(dim=2)
        return x.transpose(1, 2)

    def _halved(self, x: torch.Tensor) -> torch.Tensor:
        if self.picture:
            return nn.functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        return nn.functional.max_pool2d(x, (1, 3), (1, 2), (0, 1))


class TwoWays(nn.Module):
    """A forward GRU followed by a backward GRU on its output, [B, T, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(channels, channels, batch_first=True)
        self.gru_backward = nn.GRU(channels, channels, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.gelu(self.gru_forward(x)[0])
        x = self.gru_backward(x.flip(1))[0].flip(1)
        return nn.functional.gelu(x)


class LightASD(nn.Module):
    """Scores, frame by frame, whether each face is speaking what is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.ModuleDict(
            {
                "visualEncoder": Encoder(picture=True),
                "audioEncoder": Encoder(picture=False),
                "GRU": TwoWays(CHANNELS[-1]),
            }
        )
        self.lossAV = nn.ModuleDict({"FC": nn.Linear(CHANNELS[-1], 2)})

    def forward(self, faces: torch.Tensor, mfcc: torch.Tensor) -> torch.Tensor:
        """The logit of "speaking", [B, T]; above 0 the face is classified as speaking.

        `faces`: grey, 0 to 255, float [B, T, FACE, FACE]; `mfcc`: float [B, 4 T, 13].
        """
        grey = (faces / 255 - GREY_MEAN) / GREY_DEVIATION
        seen = self.model["visualEncoder"](grey.unsqueeze(1))
        heard = self.model["audioEncoder"](mfcc.transpose(1, 2).unsqueeze(1))
        logits: torch.Tensor = self.lossAV["FC"](self.model["GRU"](heard + seen))
        return logits[..., 1]


def load_network(folder: Path) -> LightASD:
    """The network with the weights in `folder`, for inference, on the CPU.

    Raises LiveccError when the file is missing, not a state dict, or of another network.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise LiveccError(f"{path}: the weights of Light-ASD are missing")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = {key: value for key, value in state.items() if not key.startswith(TRAINING_HEAD)}
    # A file that is not a pickle of tensors may raise any exception.
    except Exception as error:
        raise LiveccError(
            f"{path}: not weights that torch can read ({load_reason(error)})"
        ) from None
    network = LightASD()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise LiveccError(f"{path}: not the weights of Light-ASD: {' '.join(lines)}") from None
    log.debug("%s: %d tensors", path, len(state))
    return network.eval()
