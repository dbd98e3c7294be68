"""Boxes around faces: packed, unpacked, where the faces are, shown and hidden."""

from __future__ import annotations

import base64
import itertools
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from livecc.files.atomic import open_atomic, write_bytes, write_json
from livecc.files.parquet import write_table
from livecc.formats.layout import Layout
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.media.audio import read_audio
from livecc.models import fetch as models
from livecc.report.boxes import pack_boxes
from livecc.report.run import ReportedRun
from livecc.report.server import Pages, serve
from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD
from livecc.stages.score_active_speaker.reading import SIZE, Window
from livecc.stages.score_active_speaker.tracks import Track
from tests.report.test_page import in_page, wait
from tests.stages.score_active_speaker import speaker_jobs
from tests.stages.score_active_speaker.talking_media import RATE, write_media
from tests.support.built_in import SCORE_STAGES
from tests.support.places import REPOSITORY
from tests.support.reported import page_of, run_of_track

PRESENTER = REPOSITORY / "demo/media/presenter.mp4"
FPS = 15
#: Where the drawn face of the demo's presenter is, in pixels of its 640 x 360.
FACE = (248, 95, 392, 258)
#: The part of its picture that is shown, at the left until SWITCH seconds, then at the right.
PART = (160, 40, 480, 360)
SWITCH = 3.5
#: The stage looks at the clip from the end of its first word on, for 6 s.
STARTS, SECONDS = 0.5, 6.0
RULES = {"default": {"active_speaker": {"max": 1.0}}}
#: One clip of each.
VIDEOS = ("face.mp4", "silent.mp4", "gone.mp4")


def write_videos(folder: Path) -> None:
    folder.mkdir()
    with av.open(str(PRESENTER)) as container:
        frames = itertools.islice(container.decode(video=0), 9 * FPS)
        left, top, right, bottom = PART
        shown = [f.to_ndarray(format="rgb24")[top:bottom, left:right] for f in frames]
    pictures = []
    for number, part in enumerate(shown):
        picture = np.full((360, 640, 3), 110, np.uint8)
        place = 0 if number < SWITCH * FPS else 320
        picture[20 : 20 + bottom - top, place : place + right - left] = part
        pictures.append(picture)
    sound = read_audio(PRESENTER).samples[: 9 * RATE]
    write_media(folder / "face.mp4", pictures, sound, rate=FPS)
    write_media(folder / "silent.mp4", pictures[:75], np.zeros(5 * RATE, np.float32), rate=FPS)


def expected_box(seconds: float) -> tuple[float, ...]:
    """Where the face is at a time, as shares of the picture."""
    moved = (0 if seconds < SWITCH else 320) - PART[0]
    left, top, right, bottom = FACE
    down = 20 - PART[1]
    return ((left + moved) / 640, (top + down) / 360, (right + moved) / 640, (bottom + down) / 360)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, fetched_model: Callable[[str], Path]) -> Path:
    """What score_active_speaker leaves with a real detector and random weights of Light-ASD."""
    import torch

    root = tmp_path_factory.mktemp("boxes")
    write_videos(root / "videos")
    folder = root / "results"
    files = Layout(str(folder)).shard("sft", "a")
    write_bytes(Path(Layout(str(folder)).shard_list("sft")), b"a\n")
    torch.manual_seed(0)
    weights = LightASD().state_dict()
    # So that what is seen and heard moves the score to both sides of 0.
    for name, values in weights.items():
        if name.startswith("model.GRU") and "weight" in name:
            values *= 8
    weights["lossAV.FC.bias"] *= 0
    (root / "light_asd").mkdir()
    torch.save(weights, root / "light_asd" / FILE_NAME)
    centerface = fetched_model("centerface")
    for name, place in (("light_asd", root / "light_asd"), ("centerface", centerface)):
        write_json(Layout(str(folder)).receipt(name), models.fetch(str(place), root))
    rows = []
    with open_atomic(files.transcripts) as stream:
        for name in VIDEOS:
            last = 4.6 if name == "silent.mp4" else 8.6
            words = Transcript(name, name, "", ("so", "it", "on"), [0, 1, last - 1], [0.5, 2, last])
            stream.write(words.to_json() + b"\n")
            rows.append(clip_row(name, 0, 3, 0.0, last))
    write_table(files.clips, schema("clips"), rows)
    speaker_jobs.run(
        track="sft",
        shard="a",
        transcripts=files.transcripts,
        clips=files.clips,
        videos=root / "videos",
        receipt=Layout(str(folder)).receipt("light_asd"),
        detector="centerface",
        detector_receipt=Layout(str(folder)).receipt("centerface"),
        decode_timeout_seconds=60.0,
        mode="default",
        device="cpu",
        threads=1,
        cache=folder / "cache",
        output=files.scores("score_active_speaker"),
        stats=files.stats("score_active_speaker"),
    )
    return folder


def run_of(results: Path) -> ReportedRun:
    stage = SCORE_STAGES["score_active_speaker"]
    return run_of_track(results, "sft", RULES, stages=[stage], videos=results.parent / "videos")


def contents(results: Path) -> dict[Path, bytes]:
    files = [path for path in results.rglob("*") if path.is_file() and path.suffix != ".html"]
    return {path: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def with_boxes(results: Path) -> Path:
    before = contents(results)
    page = page_of(run_of(results), media="copies", boxes=True)
    # Tables and cache are as they were.
    assert contents(results) == before
    # Other tests make other pages of the same results.
    return page.rename(results.parent / "with_boxes.html")


def a_window(first: int, points: int, *tracks: Track) -> Window:
    none = np.zeros((0, 13), np.float32)
    return Window(first, points, list(tracks), [[]] * len(tracks), [none] * len(tracks))


def test_boxes_are_unpacked_as_they_were_packed(results: Path, opened: Any) -> None:
    rng = np.random.default_rng(3)
    lengths = [(0, 150), (20, 5), (149, 1)]
    tracks = [Track(first, rng.integers(-30, 330, (count, 4))) for first, count in lengths]
    logits = [rng.normal(0, 6, count).astype(np.float32) for _, count in lengths]
    logits[0][:4] = (0.0, 1e-4, -1e-4, 40.0)
    windows = [a_window(0, 150, *tracks[:2]), a_window(750, 150, tracks[2])]
    packed = pack_boxes(12.34, windows, [logits[:2], logits[2:]])
    page = opened(page_of(run_of(results)))
    found = page.evaluate(
        """async (text) => {
          const faces = await livecc.faces.unpack(livecc.columns.bytesOf(text));
          return Array.from({length: 920}, (_, point) => ({
            looked: livecc.faces.looked(faces, 12.34 + point / 25),
            some: livecc.faces.at(faces, 12.34 + point / 25)})); }""",
        base64.b64encode(packed).decode(),
    )
    height, width = SIZE
    for point, told in enumerate(found):
        assert told["looked"] == (point < 150 or 750 <= point < 900)
        expected = [
            (track.boxes[point - first], own[point - first])
            for track, own, first in zip(tracks, logits, (0, 20, 899), strict=True)
            if 0 <= point - first < len(own)
        ]
        assert len(told["some"]) == len(expected)
        for one, (box, score) in zip(told["some"], expected, strict=True):
            shares = (box / np.array([width, height, width, height])).clip(0, 1)
            sides = [one[side] for side in ("left", "top", "right", "bottom")]
            assert sides == pytest.approx(shares, abs=0.5 / 255 + 1e-9)
            # Who speaks is never changed by rounding.
            assert (one["score"] > 0) == (score > 0)
            assert one["score"] == pytest.approx(np.clip(score, -12.7, 12.7), abs=0.1)


def faces_at(page: Any, number: int, seconds: float) -> list[dict[str, float]]:
    """The faces that a page has of a clip at a time."""
    return page.evaluate(
        """async ([n, time]) => {
          const card = livecc.state.track.cards.find((one) => one.n === n);
          return livecc.faces.at(await livecc.media.source.faces(0, card), time); }""",
        [number, seconds],
    )


def overlap(one: dict[str, float], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    sides = [one[side] for side in ("left", "top", "right", "bottom")]
    low, high = np.maximum(sides[:2], other[:2]), np.minimum(sides[2:], other[2:])
    common = float(np.prod((high - low).clip(0)))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (sides, other)]
    return common / (sum(areas) - common)


def test_boxes_lie_where_the_face_is_and_add_up_to_the_score(
    results: Path, with_boxes: Path, opened: Any
) -> None:
    page = opened(with_boxes)
    cards = {card["video"]: card for card in in_page(page, "state.track.cards")}
    assert [cards[name]["boxes"] for name in VIDEOS] == [True, True, False]
    number = cards["face.mp4"]["n"]
    for seconds in (0.6, 2.0, 3.2, 3.8, 5.0, 6.4):
        (face,) = faces_at(page, number, seconds)
        assert overlap(face, expected_box(seconds)) > 0.5, seconds
        other_side = expected_box(0.0 if seconds >= SWITCH else SWITCH)
        assert overlap(face, other_side) == 0
    assert faces_at(page, number, STARTS - 0.1) == []
    assert faces_at(page, number, STARTS + SECONDS + 0.1) == []
    points = int(SECONDS * 25)
    speaking = [
        any(face["score"] > 0 for face in faces_at(page, number, STARTS + (n + 0.5) / 25))
        for n in range(points)
    ]
    table = pd.read_parquet(Layout(str(results)).shard("sft", "a").scores("score_active_speaker"))
    assert 0.1 < np.mean(speaking) < 0.9
    assert table.active_speaker[0] == pytest.approx(np.mean(speaking), abs=0.005)


def test_boxes_are_shown_and_hidden(with_boxes: Path, opened: Any) -> None:
    page = opened(with_boxes)
    number = next(c["n"] for c in in_page(page, "state.track.cards") if c["video"] == "face.mp4")
    play(page, number)
    for seconds, face in ((1.25, True), (2.0, True), (5.0, True), (7.5, False)):
        page.evaluate(
            "(t) => { document.querySelector('#player-video').currentTime = t; }", seconds
        )
        told = "() => document.querySelector('#player-faces-now').textContent"
        wanted = "1 face" if face else "not looked at here"
        wait(page, f"(text) => ({told})().startsWith(text)", wanted)
        assert page.locator("#player-boxes .edge").count() == int(face)
        if not face:
            continue
        # In the picture as it is shown on the screen.
        wait(page, "() => document.querySelector('#player-video').seeking === false")
        drawn = page.locator("#player-boxes .edge").bounding_box()
        video = page.locator("#player-video").bounding_box()
        place = {
            "left": (drawn["x"] - video["x"]) / video["width"],
            "right": (drawn["x"] + drawn["width"] - video["x"]) / video["width"],
            "top": (drawn["y"] - video["y"]) / video["height"],
            "bottom": (drawn["y"] + drawn["height"] - video["y"]) / video["height"],
        }
        assert overlap(place, expected_box(seconds)) > 0.5
        (one,) = faces_at(page, number, seconds)
        kind = "speaks" if one["score"] > 0 else "still"
        assert page.locator(f"#player-boxes .face.{kind}").count() == 1
        assert page.locator("#player-boxes text").text_content() == (
            f"{one['score']:+.1f}".replace("-", "−") if one["score"] else "0.0"
        )
    page.evaluate("() => { document.querySelector('#player-video').currentTime = 2; }")
    wait(page, "() => document.querySelectorAll('#player-boxes .edge').length === 1")
    button = page.locator("#player-faces-show")
    assert button.get_attribute("aria-pressed") == "true"
    page.keyboard.press("f")
    assert button.get_attribute("aria-pressed") == "false"
    wait(page, "() => document.querySelectorAll('#player-boxes .edge').length === 0")
    page.wait_for_timeout(100)
    assert page.locator("#player-boxes .edge").count() == 0
    button.click()
    wait(page, "() => document.querySelectorAll('#player-boxes .edge').length === 1")
    # The part that was looked at is a place to go to.
    page.locator("#player-faces-where button").first.click()
    wait(
        page,
        f"() => Math.abs(document.querySelector('#player-video').currentTime - {STARTS}) < 0.2",
    )


def play(page: Any, number: int) -> None:
    page.evaluate(
        "async (n) => { const [card] = await livecc.media.source.cards(livecc.state.track, 0, [n]);"
        " livecc.player.show(card); }",
        number,
    )
    wait(page, "() => document.querySelector('#player-video').currentTime > 0.1")
    page.evaluate("document.querySelector('#player-video').pause()")


def test_who_speaks_is_seen_without_colours(with_boxes: Path, opened: Any) -> None:
    """The line of a face that speaks is whole and thicker, the other one's is dashed."""
    page = opened(with_boxes)
    lines = page.evaluate(
        """() => { const svg = document.querySelector('#player-boxes');
          const face = {left: 0, top: 0, right: 1, bottom: 1};
          livecc.faces.draw(svg, document.querySelector('#player-video'),
            [{...face, score: 2}, {...face, score: -2}]);
          return [...svg.querySelectorAll('.edge')].map((edge) => {
            const style = getComputedStyle(edge);
            return [parseFloat(style.strokeWidth), style.strokeDasharray]; }); }"""
    )
    (speaks, whole), (still, dashed) = lines
    assert speaks > still
    assert (whole, dashed == "none") == ("none", False)


def test_a_silent_clip_says_why_it_has_no_boxes(with_boxes: Path, opened: Any) -> None:
    page = opened(with_boxes)
    number = next(c["n"] for c in in_page(page, "state.track.cards") if c["video"] == "silent.mp4")
    play(page, number)
    wait(page, "() => !document.querySelector('#player-faces').hidden")
    told = page.locator("#player-faces").inner_text().strip()
    assert told == "no boxes of faces: the sound is silent"
    assert page.locator("#player-faces-show").is_hidden()


def test_without_weights_the_page_has_no_boxes_and_says_so(
    results: Path, tmp_path: Path, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    copied = tmp_path / "results"
    shutil.copytree(results, copied)
    shutil.copytree(results.parent / "videos", tmp_path / "videos")
    missing = models.MissingModelError("model 'light_asd' could not be had")
    receipt = models.missing_receipt("light_asd", missing)
    write_json(Layout(str(copied)).receipt("light_asd"), receipt)
    with caplog.at_level(logging.WARNING):
        path = page_of(run_of(copied), media="copies", boxes=True)
    (told,) = (record.getMessage() for record in caplog.records if "boxes" in record.getMessage())
    assert told.startswith("sft: the page has no boxes of faces: model 'light_asd' could not be")
    page = opened(path)
    assert not any(card["boxes"] for card in in_page(page, "state.track.cards"))
    play(page, in_page(page, "state.track.cards.find((card) => card.video === 'face.mp4').n"))
    assert "could not be had" in page.locator("#player-faces").inner_text()


def test_boxes_fit_into_the_page(results: Path, with_boxes: Path) -> None:
    """A page that may be a little smaller than all of it leaves something out."""
    assert 'id="boxes-0-' in with_boxes.read_text(encoding="utf-8")
    pieces = with_boxes.stat().st_size - page_of(run_of(results)).stat().st_size
    # As `make_page` reckons: 300 kB for scripts, the sections and the styles.
    megabytes = (300_000 + pieces - 5_000) / 1e6
    path = page_of(run_of(results), media="copies", boxes=True, megabytes=megabytes)
    assert path.stat().st_size <= megabytes * 1e6
    assert path.stat().st_size < with_boxes.stat().st_size - 4_000


def test_a_page_has_no_boxes_unless_they_are_asked_for(results: Path) -> None:
    text = page_of(run_of(results), media="copies").read_text(encoding="utf-8")
    assert 'id="proxy-0-' in text
    assert 'id="boxes-0-' not in text


def test_the_server_finds_boxes_when_a_clip_plays(results: Path, opened: Any) -> None:
    pages = Pages(run_of(results), boxes=True)
    server, address = serve(pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page = opened(address)
        cards = page.evaluate(
            "async () => livecc.media.source.cards(livecc.state.track, 0, [0, 1, 2])"
        )
        assert [card["boxes"] for card in cards] == [True, True, False]
        play(page, next(card["n"] for card in cards if card["video"] == "face.mp4"))
        told = "document.querySelector('#player-faces-now').textContent"
        page.evaluate("() => { document.querySelector('#player-video').currentTime = 2; }")
        wait(page, f"() => {told}.startsWith('1 face')", seconds=120)
        assert page.locator("#player-boxes .edge").count() == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        pages.close()
