from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from livecc.errors import LiveccError
from livecc.faces.boxes import iou
from livecc.faces.centerface import CenterFace
from livecc.faces.detector import FaceDetector
from livecc.faces.load import load_detector
from livecc.faces.scrfd import Scrfd
from livecc.faces.weights import DETECTORS
from livecc.faces.yunet import YuNet
from livecc.media.frames import read_frames
from livecc.media.resize import LongestSide

SPEAKERS = ("bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a")


@pytest.fixture(scope="module")
def weights(test_data: Path, fetched_model: Callable[[str], Path]) -> Callable[[str], Path]:
    """The folder of a detector's weights."""
    folders = {"scrfd": test_data / "models/scrfd_500m", "yunet": test_data / "models/yunet"}
    return lambda name: folders.get(name) or fetched_model(name)


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request: pytest.FixtureRequest, weights: Callable[[str], Path]) -> FaceDetector:
    return load_detector(request.param, weights(request.param), threads=1)


def test_one_face_in_every_frame_of_a_talking_head(detector, test_data: Path) -> None:
    counts = []
    for speaker in SPEAKERS:
        frames = read_frames(test_data / "media" / f"grid_{speaker}.mpg", 8).pixels
        for faces in detector.detect(frames):
            counts.append(len(faces))
            height = faces[0, 3] - faces[0, 1]
            assert 0.4 < height / frames.shape[1] < 0.8
            assert detector.score_threshold <= faces[0, 4] <= 1
    assert counts.count(1) >= 0.95 * len(counts)


@cache
def faceless_frames(path: Path) -> np.ndarray:
    return read_frames(path, 8, LongestSide(640)).pixels


@pytest.mark.parametrize("name", ["v2d_test_video.mp4", "mdn_rabbit320.mp4"])
def test_no_face_in_slides_and_animals(detector, test_data: Path, name: str) -> None:
    frames = faceless_frames(test_data / "media" / name)
    assert [len(faces) for faces in detector.detect(frames)] == [0] * 8


def test_a_batch_gives_what_single_frames_give(detector, test_data: Path) -> None:
    # sk_bikes is a street: a man's face in the second sampled frame, a cyclist's in the fourth.
    frames = read_frames(test_data / "media" / "sk_bikes.mp4", 8).pixels
    together, singly = detector.detect(frames), detector.detect(frames, batch_size=1)
    assert [len(faces) for faces in together] == [0, 1, 0, 1, 0, 0, 0, 0]
    for one, other in zip(together, singly, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_what_no_face_needs_is_not_computed(detector: FaceDetector) -> None:
    """Key points are left out of the graph, and the rest stays."""
    assert len(detector._session.get_outputs()) == detector.outputs


def test_padding_changes_nothing(detector, test_data: Path) -> None:
    frame = read_frames(test_data / "media" / "grid_bbaf2n.mpg", 1).pixels  # 288 x 360
    wider = np.pad(frame, ((0, 0), (0, 0), (0, 24), (0, 0)))
    np.testing.assert_array_equal(detector.detect(frame)[0], detector.detect(wider)[0])
    assert detector.detect(frame[:0]) == []
    assert detector.detect(np.zeros((1, 5, 7, 3), np.uint8))[0].shape == (0, 5)


def test_detectors_agree(test_data: Path, weights: Callable[[str], Path]) -> None:
    found = {}
    for name in DETECTORS:
        loaded = load_detector(name, weights(name), threads=1)
        found[name] = [
            faces[0]
            for speaker in SPEAKERS
            for faces in loaded.detect(
                read_frames(test_data / "media" / f"grid_{speaker}.mpg", 3).pixels
            )
        ]
    for name in DETECTORS[1:]:
        for box, other in zip(found["scrfd"], found[name], strict=True):
            assert iou(box[None], other[None])[0, 0] > 0.8


class _Session:
    """Gives the outputs a network would give, whatever its input."""

    def __init__(self, outputs: list[np.ndarray]) -> None:
        self.outputs = outputs
        self.fed: np.ndarray | None = None

    def get_inputs(self) -> list[object]:
        return [type("Input", (), {"name": "x"})]

    def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.fed = inputs["x"]
        return self.outputs


FRAME = np.zeros((1, 64, 96, 3), np.uint8)
FRAME[..., 0], FRAME[..., 1], FRAME[..., 2] = 255, 127, 0


def test_scrfd_decodes_distances() -> None:
    sizes = [2 * (64 // s) * (96 // s) for s in (8, 16, 32)]
    scores = [np.zeros((1, n, 1), np.float32) for n in sizes]
    boxes = [np.zeros((1, n, 4), np.float32) for n in sizes]
    points = [np.zeros((1, n, 10), np.float32) for n in sizes]
    # Second anchor of row 1, column 4 of the map of stride 16, whose rows have 6 cells.
    cell = 2 * (1 * 6 + 4) + 1
    scores[1][0, cell] = 0.75
    boxes[1][0, cell] = (1, 0.5, 2, 3)
    session = _Session([*scores, *boxes, *points])
    (faces,) = Scrfd(session).detect(FRAME)
    np.testing.assert_allclose(faces, [[64 - 16, 16 - 8, 64 + 32, 16 + 48, 0.75]])
    np.testing.assert_allclose(session.fed[0, :, 0, 0], (127.5 / 128, -0.5 / 128, -127.5 / 128))


def test_scrfd_as_insightface_exports_it() -> None:
    """Outputs without a batch axis: (row, column, frame, anchor) flattened."""
    rng = np.random.default_rng(0)
    outputs, flat = [], []
    for values in (1, 4, 10):
        for stride in (8, 16, 32):
            rows, columns = 64 // stride, 96 // stride
            # frame, row, column, anchor, value
            output = rng.uniform(0, 0.55, (3, rows, columns, 2, values)).astype(np.float32)
            outputs.append(output.reshape(3, -1, values))
            flat.append(output.transpose(1, 2, 0, 3, 4).reshape(-1, values))
    frames = np.concatenate([FRAME] * 3)
    expected, found = (Scrfd(_Session(o)).detect(frames) for o in (outputs, flat))
    assert min(len(faces) for faces in expected) > 0
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_yunet_decodes_logarithms() -> None:
    sizes = [(64 // s) * (96 // s) for s in (8, 16, 32)]
    outputs = [np.zeros((1, n, k), np.float32) for k in (1, 1, 4, 10) for n in sizes]
    cell = 1 * 6 + 4
    outputs[1][0, cell] = 0.9
    outputs[4][0, cell] = 0.8
    outputs[7][0, cell] = (0.5, 0.25, np.log(2), np.log(3))
    session = _Session(outputs)
    (faces,) = YuNet(session).detect(FRAME)
    np.testing.assert_allclose(faces, [[72 - 16, 20 - 24, 72 + 16, 20 + 24, 0.72]], rtol=1e-6)
    assert session.fed[0, :, 0, 0].tolist() == [0, 127, 255]
    assert len(YuNet(session, score_threshold=0.73).detect(FRAME)[0]) == 0


def test_centerface_decodes_its_heat_map() -> None:
    heat, points = np.zeros((1, 1, 16, 24), np.float32), np.zeros((1, 10, 16, 24), np.float32)
    scale, offset = np.zeros((1, 2, 16, 24), np.float32), np.zeros((1, 2, 16, 24), np.float32)
    heat[0, 0, 5, 7] = 0.6
    scale[0, :, 5, 7] = np.log(6), np.log(4)  # height, width
    offset[0, :, 5, 7] = 0.25, -0.25  # y, x
    (faces,) = CenterFace(_Session([heat, scale, offset, points])).detect(FRAME)
    np.testing.assert_allclose(faces, [[29 - 8, 23 - 12, 29 + 8, 23 + 12, 0.6]], rtol=1e-6)


def test_overlapping_boxes_are_suppressed_per_frame() -> None:
    heat, points = np.zeros((2, 1, 16, 24), np.float32), np.zeros((2, 10, 16, 24), np.float32)
    scale = np.full((2, 2, 16, 24), np.log(5), np.float32)
    offset = np.zeros((2, 2, 16, 24), np.float32)
    heat[0, 0, 5, 7], heat[0, 0, 5, 8], heat[0, 0, 12, 20] = 0.6, 0.9, 0.7
    heat[1, 0, 5, 7] = 0.8
    one, other = CenterFace(_Session([heat, scale, offset, points])).detect(
        np.concatenate([FRAME, FRAME])
    )
    np.testing.assert_allclose(one[:, 4], [0.9, 0.7])
    np.testing.assert_allclose(other[:, 4], [0.8])


def test_errors_say_what_is_wrong(tmp_path: Path, weights: Callable[[str], Path]) -> None:
    with pytest.raises(LiveccError, match="must be one of scrfd, yunet, centerface"):
        load_detector("haar", tmp_path)
    with pytest.raises(LiveccError, match="are missing"):
        load_detector("scrfd", tmp_path)
    (tmp_path / "det_500m.onnx").write_bytes(b"no model" * 100)
    with pytest.raises(LiveccError, match="not an ONNX model"):
        load_detector("scrfd", tmp_path)
    with pytest.raises(LiveccError, match="must be cpu, cuda"):
        load_detector("scrfd", weights("scrfd"), device="tpu")
    loaded = load_detector("scrfd", weights("scrfd"), threads=1)
    with pytest.raises(LiveccError, match="frames must be uint8"):
        loaded.detect(np.zeros((1, 64, 64, 3), np.float32))


def test_the_only_graph_of_a_folder_is_the_detector(test_data: Path, tmp_path: Path) -> None:
    weights = (test_data / "models/yunet/yunet_n_dynamic.onnx").read_bytes()
    (tmp_path / "face_detection_yunet.onnx").write_bytes(weights)
    assert load_detector("yunet", tmp_path, 1).default_score_threshold == 0.5
    (tmp_path / "another.onnx").write_bytes(weights)
    with pytest.raises(LiveccError, match="are missing"):
        load_detector("yunet", tmp_path, 1)
