from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from livecc.errors import LiveccError
from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD, load_network
from livecc.stages.score_active_speaker.speaker import Speaker, _on_torch


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, with those of a training head as the published file has them."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("light-asd")
    state = LightASD().state_dict()
    head = {"lossV.FC.weight": torch.zeros(2, 128), "lossV.FC.bias": torch.zeros(2)}
    torch.save({**state, **head}, folder / FILE_NAME)
    return folder


def tracks(*lengths: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    faces = [rng.uniform(0, 255, (n, 112, 112)).astype(np.float32) for n in lengths]
    return faces, [rng.normal(size=(4 * n, 13)).astype(np.float32) for n in lengths]


def test_published_weights_are_the_networks(test_data: Path) -> None:
    network = load_network(test_data / "models" / "light_asd")
    # The paper: 1.0 million parameters.
    assert round(sum(value.numel() for value in network.parameters()) / 1e6, 1) == 1.0
    assert not network.training


@pytest.mark.parametrize("kind", ["random", "published"])
def test_onnxruntime_gives_what_torch_gives(
    weights: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "published":
        weights = request.getfixturevalue("test_data") / "models" / "light_asd"
    faces, sounds = tracks(12, 7)
    fast = Speaker.load(weights, "cpu", 1).score(faces, sounds)
    network = load_network(weights)
    seen, heard = torch.zeros(2, 12, 112, 112), torch.zeros(2, 48, 13)
    for k in range(2):
        seen[k, : len(faces[k])] = torch.from_numpy(faces[k])
        heard[k, : len(sounds[k])] = torch.from_numpy(sounds[k])
    with torch.inference_mode():
        slow = network(seen, heard).numpy()
    assert [len(logits) for logits in fast] == [12, 7]
    for k, logits in enumerate(fast):
        assert np.abs(logits - slow[k, : len(logits)]).max() < 1e-4
    # And what runs on a GPU, here on the CPU.
    plain = Speaker(_on_torch(network, "cpu"), 150).score(faces, sounds)
    for k, logits in enumerate(plain):
        assert np.abs(logits - slow[k, : len(logits)]).max() < 1e-4


def test_batches_do_not_show(weights: Path) -> None:
    faces, sounds = tracks(6, 5, 6, 6, 5, 6)
    speaker = Speaker.load(weights, "cpu", 1)
    together = speaker.score(faces, sounds)
    speaker._batch_frames = 1
    alone = speaker.score(faces, sounds)
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert speaker.score([], []) == []


def test_a_batch_that_does_not_fit_is_halved(weights: Path) -> None:
    faces, sounds = tracks(6, 5, 6, 6, 5)
    speaker = Speaker.load(weights, "cpu", 1)
    expected = speaker.score(faces, sounds)
    run, sizes = speaker._run, []

    def tight(seen: np.ndarray, heard: np.ndarray) -> np.ndarray:
        sizes.append(len(seen))
        if len(seen) > 2:
            raise MemoryError
        return run(seen, heard)

    small = Speaker(tight, 5 * 6)
    for one, other in zip(small.score(faces, sounds), expected, strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert sizes == [5, 2, 3, 1, 2]
    # It remembers.
    small.score(faces, sounds)
    assert max(sizes[5:]) <= 2

    def none(seen: np.ndarray, heard: np.ndarray) -> np.ndarray:  # noqa: ARG001
        raise MemoryError

    with pytest.raises(LiveccError, match="not enough memory"):
        Speaker(none, 30).score(faces, sounds)


def _broken(folder: Path, kind: str, weights: Path) -> None:
    state = torch.load(weights / FILE_NAME, weights_only=True)
    if kind == "text":
        (folder / FILE_NAME).write_text("no weights\n")
    elif kind == "unexpected":
        torch.save({**state, "model.more.weight": torch.zeros(1)}, folder / FILE_NAME)
    elif kind == "lacking":
        del state["lossAV.FC.bias"]
        torch.save(state, folder / FILE_NAME)
    elif kind == "shape":
        torch.save({**state, "lossAV.FC.bias": torch.zeros(3)}, folder / FILE_NAME)
    elif kind == "tensor":
        torch.save(torch.zeros(3), folder / FILE_NAME)
    elif kind == "pickle":
        torch.save({**state, "more": Canary(folder / "canary")}, folder / FILE_NAME)


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "are missing"),
        ("text", "not weights that torch can read"),
        ("tensor", "not weights that torch can read"),
        ("pickle", "pickled objects, which are never loaded"),
        ("unexpected", "model.more.weight"),
        ("lacking", "lossAV.FC.bias"),
        ("shape", "lossAV.FC.bias"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, weights: Path, kind: str, says: str) -> None:
    _broken(tmp_path, kind, weights)
    with pytest.raises(LiveccError, match=says) as error:
        load_network(tmp_path)
    assert "\n" not in str(error.value)
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "canary").exists()
