"""Running Light-ASD on batches of tracks: ONNX Runtime on the CPU, torch elsewhere.

ONNX Runtime needs less than a third of the processor time of torch's 3-D convolutions (see
`graph`); logits differ by about 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.errors import LiveccError
from livecc.inference.memory import is_out_of_memory
from livecc.stages.score_active_speaker.windows import MFCC_PER_POINT

if TYPE_CHECKING:
    import numpy as np

    from livecc.stages.score_active_speaker.network import LightASD

#: Maximum frames per batch, which has at least one track. The widest layers take 60 MB each for 150
#: frames, several at once. One track of 6 s keeps a CPU busy; a GPU needs more.
CPU_FRAMES, GPU_FRAMES = 150, 8 * 150

#: From (faces [B, T, side, side], mfcc [B, 4 T, 13]) to logits [B, T], all float32.
Run = Callable[["np.ndarray", "np.ndarray"], "np.ndarray"]


class Speaker:
    """Scores the tracks of a clip, frame by frame."""

    def __init__(self, run: Run, batch_frames: int) -> None:
        self._run = run
        self._batch_frames = batch_frames

    @classmethod
    def load(cls, folder: Path, device: str, threads: int) -> Speaker:
        """Load the weights in `folder`; `device` is "cpu" or "cuda". Raises like `load_network`."""
        from livecc.stages.score_active_speaker.network import load_network

        network = load_network(folder)
        if device == "cpu":
            return cls(_on_onnxruntime(network, threads), CPU_FRAMES)
        return cls(_on_torch(network, device), GPU_FRAMES)

    def score(self, faces: Iterable[np.ndarray], sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The logit of "speaking" for every frame of every track, float32 [n] each.

        `faces`: float32 [n, side, side] of each track, consumed batch by batch; `sounds[k]`: the
        MFCCs of the same time, [4 n, 13]. All are padded with zeros to the longest, as in the
        original. The padding affects the logits, so a call must contain exactly the tracks of one
        clip.
        """
        import numpy as np

        logits: list[np.ndarray] = []
        steps = max((len(sound) for sound in sounds), default=0)
        longest = steps // MFCC_PER_POINT
        batch = max(1, self._batch_frames // max(1, longest))
        tracks = zip(faces, sounds, strict=True)
        while some := list(islice(tracks, batch)):
            seen = np.zeros((len(some), longest, *some[0][0].shape[1:]), np.float32)
            heard = np.zeros((len(some), steps, some[0][1].shape[1]), np.float32)
            for k, (track, sound) in enumerate(some):
                seen[k, : len(track)] = track
                heard[k, : len(sound)] = sound
            scores = self._halving(seen, heard)
            logits += [row[: len(track)] for row, (track, _) in zip(scores, some, strict=True)]
        return logits

    def _halving(self, seen: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """Run a batch; when memory runs out, halve it, also for later batches."""
        import numpy as np

        try:
            return self._run(seen, heard)
        except MemoryError:
            if len(seen) == 1:
                raise LiveccError(
                    f"not enough memory to score one face for {seen.shape[1]} frames; free some on "
                    "the device, or set device: cpu"
                ) from None
        half = len(seen) // 2
        self._batch_frames = half * seen.shape[1]
        parts = [slice(None, half), slice(half, None)]
        return np.concatenate([self._halving(seen[part], heard[part]) for part in parts])


def _on_torch(network: LightASD, device: str) -> Run:
    import torch

    network = network.to(device)
    # Otherwise cuDNN rounds the factors of convolutions to 10 bits, which changes the logits.
    torch.backends.cudnn.allow_tf32 = False

    def run(faces: np.ndarray, mfcc: np.ndarray) -> np.ndarray:
        try:
            with torch.inference_mode():
                seen, heard = (torch.from_numpy(array).to(device) for array in (faces, mfcc))
                logits: np.ndarray = network(seen, heard).cpu().numpy()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise MemoryError from None
            raise
        return logits

    return run


def _on_onnxruntime(network: LightASD, threads: int) -> Run:
    import onnxruntime

    from livecc.stages.score_active_speaker.graph import as_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle spinning threads would take the cores from the decoding processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        as_onnx(network), options, providers=["CPUExecutionProvider"]
    )

    def run(faces: np.ndarray, mfcc: np.ndarray) -> np.ndarray:
        logits: np.ndarray = session.run(None, {"faces": faces, "mfcc": mfcc})[0]
        return logits

    return run
