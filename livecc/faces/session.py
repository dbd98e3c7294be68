"""onnxruntime sessions of detector graphs, for batches of any number and size of frames.

Detectors are published with fixed shapes in the graph (CenterFace: 10 frames of 32 x 32) or with
the batch dimension squeezed away (SCRFD). Convolutions work for any shape, so the declared shapes
are made dynamic and the final Squeeze nodes removed before the session is created.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from livecc.errors import LiveccError

_SYMBOLS = ("batch", "channels", "height", "width")


def open_session(path: Path, threads: int, device: str, outputs: int) -> Any:
    """An `onnxruntime.InferenceSession` whose one input is float32 [batch, 3, height, width].

    Only the graph's first `outputs` outputs are computed (key points are a sixth of SCRFD's work).
    `threads`: CPU threads, 0 for all; `device`: "cpu", "cuda" or "cuda:<index>". Raises LiveccError
    when the file is not such a model or the device is unavailable.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the graph's own shapes no longer hold
    # Idle spinning threads would take the cores from the decoding processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = _freed(path, outputs)
    try:
        return onnxruntime.InferenceSession(model, options, providers=_providers(device))
    except Exception as error:  # onnxruntime has an exception class per status, without a base
        raise LiveccError(f"{path}: onnxruntime cannot load this face detector ({error})") from None


def _providers(device: str) -> list[Any]:
    import onnxruntime

    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    if kind != "cuda":
        raise LiveccError(f"device {device!r}: must be cpu, cuda or cuda:<index>")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise LiveccError(
            f"device {device!r}: this onnxruntime has no CUDA support; install onnxruntime-gpu "
            "instead of onnxruntime, or set the device to cpu"
        )
    return [("CUDAExecutionProvider", {"device_id": int(index or 0)}), "CPUExecutionProvider"]


def _freed(path: Path, outputs: int) -> bytes:
    """The serialized graph with dynamic input sizes, fewer outputs and no final Squeeze nodes."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path)
    except (DecodeError, OSError) as error:
        raise LiveccError(f"{path}: not an ONNX model ({error})") from None
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise LiveccError(f"{path}: not a face detector (it must have one 4-dimensional input)")
    # Weights that are also listed as inputs count as variable and cannot be folded.
    del graph.input[:]
    graph.input.append(inputs[0])
    for side, (dim, symbol) in enumerate(
        zip(graph.input[0].type.tensor_type.shape.dim, _SYMBOLS, strict=True)
    ):
        if side != 1:
            dim.dim_param = symbol
    del graph.output[outputs:]
    kept = {value.name for value in graph.output}
    renamed = {}
    for node in list(graph.node):
        if node.op_type == "Squeeze" and node.output[0] in kept:
            renamed[node.output[0]] = node.input[0]
            graph.node.remove(node)
    for value in graph.output:
        value.name = renamed.get(value.name, value.name)
        value.type.tensor_type.ClearField("shape")
    _prune(graph)
    del graph.value_info[:]
    data: bytes = model.SerializeToString()
    return data


def _prune(graph: Any) -> None:
    """Remove nodes that no graph output needs: onnxruntime would run them."""
    needed = {value.name for value in graph.output}
    # Nodes are in topological order.
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)
