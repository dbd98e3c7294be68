"""Light-ASD as an ONNX graph of 2-D convolutions, which are fast on CPUs.

The published network convolves its visual input [track, channel, time, height, width] first over
space only, then over time only. Here the first kind treats every frame as a separate image, [track
x time, channel, height, width], and the second works on [track, channel, time, height x width];
normalizations are folded into the convolutions. The sums are the same in another order, so logits
differ by about 1e-6. ONNX Runtime runs 3-D convolutions without its blocked layouts, which takes a
third longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from livecc.stages.score_active_speaker.network import LightASD

OPSET = 17
#: The newest format version that every supported onnxruntime reads.
IR_VERSION = 9
#: Sides of the feature maps of the three visual blocks, for faces of 112 x 112.
SIDES = (56, 28, 14)


def as_onnx(network: LightASD) -> bytes:
    """The serialized graph of a network: `faces` [B, T, 112, 112] and `mfcc` [B, 4 T, 13], float32,
    to `logits` [B, T]."""
    from livecc.stages.score_active_speaker.network import CHANNELS, COEFFICIENTS, FACE

    graph = _Graph({name: value.numpy() for name, value in network.state_dict().items()})
    seen = _picture(graph, CHANNELS)
    heard = _sound(graph, CHANNELS)
    logits = _decision(graph, graph.add("Add", seen, heard), CHANNELS[-1])
    graph.add("Identity", logits, output="logits")
    inputs = {"faces": ("tracks", "time", FACE, FACE), "mfcc": ("tracks", "steps", COEFFICIENTS)}
    return graph.serialized(inputs, {"logits": ("tracks", "time")})


class _Graph:
    """Nodes and constants, named by number."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        self.state = state
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        name = output or f"{op}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, kind: type = np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def convolution(
        self, x: str, name: str, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)
    ) -> str:
        """Add the convolution `name`, its normalization `bn_...` and ReLU, padded to keep sizes."""
        block, _, own = name.rpartition(".")
        norm = {
            part: self.state[f"{block}.bn_{own}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / np.sqrt(norm["running_var"] + 1e-3)
        weight = self.state[f"{name}.weight"]
        outputs, inputs = weight.shape[:2]
        folded = weight.reshape(outputs, inputs, *kernel) * scale[:, None, None, None]
        padding = [side // 2 for side in kernel] * 2
        y = self.add(
            "Conv",
            *(x, self.constant(folded), self.constant(norm["bias"] - norm["running_mean"] * scale)),
            kernel_shape=kernel,
            strides=stride,
            pads=padding,
        )
        return self.add("Relu", y)

    def reshape(self, x: str, *shape: str) -> str:
        """Reshape to the concatenation of the one-dimensional integer tensors `shape`."""
        return self.add("Reshape", x, self.add("Concat", *shape, axis=0))

    def sizes(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def serialized(
        self, inputs: dict[str, tuple[Any, ...]], outputs: dict[str, tuple[Any, ...]]
    ) -> bytes:
        entries, results = (
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in values.items()
            ]
            for values in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "light_asd", entries, results, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data


def _picture(graph: _Graph, channels: tuple[int, ...]) -> str:
    """From `faces` to visual features [B, T, channels]."""
    from livecc.stages.score_active_speaker.network import FACE, GREY_DEVIATION, GREY_MEAN

    first, last = graph.sizes(0), graph.sizes(2)
    tracks_and_time = graph.add("Slice", graph.add("Shape", "faces"), first, last)
    grey = graph.add("Div", "faces", graph.constant(255))
    grey = graph.add("Sub", grey, graph.constant(GREY_MEAN))
    grey = graph.add("Div", grey, graph.constant(GREY_DEVIATION))
    x = graph.add("Reshape", grey, graph.sizes(-1, 1, FACE, FACE))
    for k, (count, side) in enumerate(zip(channels, SIDES, strict=True)):
        if k:
            x = graph.add("MaxPool", x, kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1))
        block = f"model.visualEncoder.block{k + 1}"
        stride = (1, 1) if k else (2, 2)
        branches = []
        for size in (3, 5):
            branch = graph.convolution(x, f"{block}.s_{size}", (size, size), stride)
            # [B T, C, H, W] to [B, C, T, H W]
            branch = graph.reshape(branch, tracks_and_time, graph.sizes(count, side * side))
            branch = graph.add("Transpose", branch, perm=(0, 2, 1, 3))
            branches.append(graph.convolution(branch, f"{block}.t_{size}", (size, 1)))
        x = graph.convolution(graph.add("Add", *branches), f"{block}.last", (1, 1))
        x = graph.add("Transpose", x, perm=(0, 2, 1, 3))
        if side != SIDES[-1]:
            x = graph.add("Reshape", x, graph.sizes(-1, count, side, side))
    return graph.add("ReduceMax", x, axes=(3,), keepdims=0)


def _sound(graph: _Graph, channels: tuple[int, ...]) -> str:
    """From `mfcc` to audio features [B, T, channels]."""
    x = graph.add("Transpose", "mfcc", perm=(0, 2, 1))
    x = graph.add("Unsqueeze", x, graph.sizes(1))  # [B, 1, coefficients, time]
    for k in range(len(channels)):
        if k:
            x = graph.add("MaxPool", x, kernel_shape=(1, 3), strides=(1, 2), pads=(0, 1, 0, 1))
        block = f"model.audioEncoder.block{k + 1}"
        branches = [
            graph.convolution(
                graph.convolution(x, f"{block}.m_{size}", (size, 1)), f"{block}.t_{size}", (1, size)
            )
            for size in (3, 5)
        ]
        x = graph.convolution(graph.add("Add", *branches), f"{block}.last", (1, 1))
    mean = graph.add("ReduceMean", x, axes=(2,), keepdims=0)
    return graph.add("Transpose", mean, perm=(0, 2, 1))


def _decision(graph: _Graph, x: str, channels: int) -> str:
    """From features [B, T, channels] to the logit of "speaking", [B, T]."""
    x = graph.add("Transpose", x, perm=(1, 0, 2))  # recurrent layers expect time first
    for name, direction in (("gru_forward", "forward"), ("gru_backward", "reverse")):
        x = _gelu(graph, _gru(graph, x, f"model.GRU.{name}", direction, channels))
    x = graph.add("Transpose", x, perm=(1, 0, 2))
    # Class 1 of the two.
    weight, bias = (graph.state[f"lossAV.FC.{part}"][1] for part in ("weight", "bias"))
    logits = graph.add("MatMul", x, graph.constant(weight[:, None]))
    logits = graph.add("Add", logits, graph.constant(bias))
    return graph.add("Squeeze", logits, graph.sizes(2))


def _gru(graph: _Graph, x: str, name: str, direction: str, channels: int) -> str:
    """A recurrent layer from [T, B, channels] to the same shape."""

    def update_first(values: np.ndarray) -> np.ndarray:
        # The order of gates is (reset, update, new) in torch, (update, reset, new) in ONNX.
        reset, update, new = np.split(values, 3)
        return np.concatenate([update, reset, new])

    part = {key: update_first(graph.state[f"{name}.{key}_l0"]) for key in _GRU_PARTS}
    bias = np.concatenate([part["bias_ih"], part["bias_hh"]])
    values = (part["weight_ih"], part["weight_hh"], bias)
    constants = [graph.constant(value[None]) for value in values]
    y = graph.add(
        "GRU",
        *(x, *constants),
        hidden_size=channels,
        direction=direction,
        linear_before_reset=1,
    )
    return graph.add("Squeeze", y, graph.sizes(1))


_GRU_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _gelu(graph: _Graph, x: str) -> str:
    error = graph.add("Erf", graph.add("Mul", x, graph.constant(0.5**0.5)))
    half = graph.add("Mul", x, graph.constant(0.5))
    return graph.add("Mul", half, graph.add("Add", error, graph.constant(1)))
