"""Running Light-ASD on batches of tracks: ONNX Runtime on the CPU, torch elsewhere.

ONNX Runtime takes less than a third of the processor time that torch takes for the 3-D convolutions
(see `graph`); their logits differ by about 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.score_active_speaker.windows import MFCC_PER_POINT

if TYPE_CHECKING:
    import numpy as np

    from livecc.score_active_speaker.network import LightASD

#: Frames run at a time, and at least one track: the widest layers hold 60 MB for 150 frames, several
#: times over. One track of 6 s keeps a processor busy, a GPU wants more.
CPU_FRAMES, GPU_FRAMES = 150, 32 * 150

#: (faces [B, T, side, side], mfcc [B, 4 T, 13]) to logits [B, T], all float32.
Run = Callable[["np.ndarray", "np.ndarray"], "np.ndarray"]


class Speaker:
    """Scores the tracks of a clip, frame by frame."""

    def __init__(self, run: Run, batch_frames: int) -> None:
        self._run = run
        self._batch_frames = batch_frames

    @classmethod
    def load(cls, folder: Path, device: str, threads: int) -> Speaker:
        """With the weights in `folder`; `device` is "cpu" or "cuda". Raises as `load_network`."""
        from livecc.score_active_speaker.network import load_network

        network = load_network(folder)
        if device == "cpu":
            return cls(_on_onnxruntime(network, threads), CPU_FRAMES)
        return cls(_on_torch(network, device), GPU_FRAMES)

    def score(self, faces: Sequence[np.ndarray], sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The logit of "speaks" of every frame of every track, float32 [n] each.

        `faces[k]`: float32 [n, side, side]; `sounds[k]`: the MFCCs of the same time, [4 n, 13]. All
        are padded with zeros to the longest, as in the original: the network sees the padding, so
        that the tracks of a clip, and no others, belong into one call.
        """
        import numpy as np

        logits: list[np.ndarray] = []
        longest = max((len(track) for track in faces), default=0)
        batch = max(1, self._batch_frames // max(1, longest))
        for first in range(0, len(faces), batch):
            some = faces[first : first + batch]
            heard = sounds[first : first + batch]
            seen = np.zeros((len(some), longest, *some[0].shape[1:]), np.float32)
            mfcc = np.zeros((len(some), longest * MFCC_PER_POINT, heard[0].shape[1]), np.float32)
            for k, (track, sound) in enumerate(zip(some, heard, strict=True)):
                seen[k, : len(track)] = track
                mfcc[k, : len(sound)] = sound
            scores = self._run(seen, mfcc)
            logits += [row[: len(track)] for row, track in zip(scores, some, strict=True)]
        return logits


def _on_torch(network: LightASD, device: str) -> Run:
    import torch

    network = network.to(device)
    # cuDNN would round the factors of convolutions to 10 bits, and the logits with them.
    torch.backends.cudnn.allow_tf32 = False

    def run(faces: np.ndarray, mfcc: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            seen, heard = (torch.from_numpy(array).to(device) for array in (faces, mfcc))
            logits: np.ndarray = network(seen, heard).cpu().numpy()
        return logits

    return run


def _on_onnxruntime(network: LightASD, threads: int) -> Run:
    import onnxruntime

    from livecc.score_active_speaker.graph import as_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads that spin would take the cores from the decoding processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        as_onnx(network), options, providers=["CPUExecutionProvider"]
    )

    def run(faces: np.ndarray, mfcc: np.ndarray) -> np.ndarray:
        logits: np.ndarray = session.run(None, {"faces": faces, "mfcc": mfcc})[0]
        return logits

    return run
