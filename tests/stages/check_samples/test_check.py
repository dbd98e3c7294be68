"""What of a training file reaches the trainer, and what a bad file or sample costs: itself."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.stages.check_samples.check import (
    Report,
    Videos,
    Witness,
    check_file,
    check_or_read_text,
)
from livecc.stages.check_samples.samples import BrokenSample, Sample, chosen, parse, read_chosen
from livecc.stages.check_samples.verdict import Verdict
from tests.stages.check_samples.training_files import (
    HANGING,
    HangingVideo,
    sample,
    words_until,
    write_training_file,
)
from tests.support.videos import write_audio, write_video
from tests.trainer.test_real_reader import RATES, real

#: Of which all words are said once.
GOOD = words_until(1.0, 9.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 12 s at the frame rates that videos have."""
    folder = tmp_path_factory.mktemp("videos")
    for name, rate in RATES.items():
        write_video(folder / f"{name}.mp4", int(12 * rate), rate=rate)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some_with_seeks.jsonl"


def verdicts(file: Path, source: Any, count: int | None = None) -> tuple[Report, list[Verdict]]:
    """The report, and the verdicts in the order of the samples."""
    told: list[Verdict] = []
    witness: Witness = lambda _, verdict: told.append(verdict)  # noqa: E731
    report = check_file(file, source, count, witness)
    return report, sorted(told, key=lambda one: one.sample.number)


@pytest.mark.parametrize("rate", RATES)
def test_complete(folder: Path, file: Path, rate: str) -> None:
    samples = [
        sample(f"{rate}.mp4", words_until(start, start + length))
        for start, length in ((0.0, 5.0), (0.02, 8.51), (1.5, 6.0), (2.04, 9.2), (0.3, 10.3))
    ]
    report, _ = verdicts(write_training_file(file, samples), Videos(folder))
    [counts] = report.counts
    assert (counts.checked, counts.complete, counts.words) == (5, 5, 40)
    assert (report.videos, report.unopened) == (1, 0)
    assert report.complete


def test_videos_outside_of_the_folder(folder: Path, tmp_path: Path, file: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.mp4").symlink_to(folder / "25.mp4")
    beside = os.path.relpath(folder / "25.mp4", inside)
    names = [beside, "link.mp4", str(folder / "25.mp4"), "a\x1b[2J.mp4"]
    write_training_file(file, [sample(name, words_until(0, 5)) for name in names])
    report, told = verdicts(file, Videos(inside))
    assert (report.unopened, report.counts[0].unusable) == (4, 4)
    assert "symbolic link leads out" in (told[1].reason or "")
    assert all("path" in (told[k].reason or "") for k in (0, 2, 3))
    assert check_or_read_text(file, Videos(inside)).why == f"none of their videos is in {inside}"
    report, told = verdicts(file, Videos(inside, outside="paths"))
    assert [one.reason is None for one in told] == [True, True, True, False]
    # An absolute path in the folder is none that leads out of it.
    assert verdicts(file, Videos(folder))[1][2].reason is None


def test_lost_twice_and_late(folder: Path, file: Path) -> None:
    late = words_until(1.0, 9.3)
    late[2][1], late[3][1] = late[5][1], late[2][1]
    samples = [
        # The clip ends with its last word: no chunk comes behind it.
        sample("25.mp4", GOOD, 1.0, 9.3),
        # One chunk more than its words need.
        sample("25.mp4", GOOD, 1.0, 10.8),
        sample("25.mp4", late),
        sample("30.mp4", GOOD),
    ]
    report, told = verdicts(write_training_file(file, samples), Videos(folder))
    assert [one.lost for one in told] == [(7,), (), (), ()]
    assert [one.twice for one in told] == [(), (7,), (), ()]
    assert [one.late for one in told] == [(), (), (3, 4), ()]
    assert [one.complete for one in told] == [False, False, True, True]
    [counts] = report.counts
    assert (counts.lost, counts.twice, counts.late, counts.unusable) == (1, 1, 2, 0)
    assert [one["sample"] for one in counts.incomplete] == [1, 2]
    assert counts.incomplete[0]["lost"] == [[7, "w7"]]
    assert not report.complete


def test_files_that_the_trainer_cannot_open(folder: Path, tmp_path: Path, file: Path) -> None:
    write_audio(tmp_path / "sound.mp4")
    write_video(tmp_path / "tiny.mp4", 300, size=(2, 2))
    write_video(tmp_path / "long and thin.mp4", 300, size=(4, 1024))
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    whole = (folder / "25.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "good.mp4").write_bytes(whole)
    reasons = {
        "cut.mp4": "",
        "empty.mp4": "the file is empty",
        "good.mp4": None,
        "long and thin.mp4": "1024 x 4: the trainer refuses",
        "missing.mp4": "no such file",
        "sound.mp4": "no video stream",
        "text.mp4": "not a video",
        "tiny.mp4": "too small",
    }
    samples = [sample(name, GOOD) for name in reasons for _ in range(2)]
    report, told = verdicts(write_training_file(file, samples), Videos(tmp_path, workers=2))
    assert [one["video"] for one in report.files] == [
        name for name, reason in reasons.items() if reason is not None
    ]
    for one in report.files:
        assert (reasons[one["video"]] or "") in one["reason"], one
        assert one["samples"] == 2
    assert (report.videos, report.unopened) == (8, 7)
    [counts] = report.counts
    assert (counts.checked, counts.complete, counts.unusable) == (16, 2, 14)
    assert told[-1].reason == f"its video cannot be opened: {report.files[-1]['reason']}"


def test_a_pipe_and_a_list_of_other_files_cost_their_own_samples(folder: Path, file: Path) -> None:
    """Neither is given to decord, which would wait for the one and follow the other."""
    os.mkfifo(folder / "pipe.mp4")
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile {folder / '25.mp4'}\n")
    samples = [sample(name, GOOD) for name in ("25.mp4", "pipe.mp4", "list.mp4", "30.mp4")]
    report, told = verdicts(write_training_file(file, samples), Videos(folder, timeout_seconds=20))
    assert [one.complete for one in told] == [True, False, False, True]
    assert "is a pipe" in report.files[0]["reason"]
    assert "lists of other files are not followed" in report.files[1]["reason"]


def test_a_file_that_hangs_the_decoder_costs_its_own_samples(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecc.stages.check_samples.check.OpenVideo", HangingVideo)
    samples = [sample(name, GOOD) for name in ("25.mp4", HANGING, "30.mp4")]
    write_training_file(file, samples)
    report, told = verdicts(file, Videos(folder, timeout_seconds=2))
    assert [one.complete for one in told] == [True, False, True]
    assert "not read within 2 s" in report.files[0]["reason"]


def test_a_path_that_looks_like_an_address(folder: Path, file: Path) -> None:
    """The trainer passes it to decord as it is."""
    (folder / "a:b.mp4").write_bytes((folder / "25.mp4").read_bytes())
    samples = [sample("a:b.mp4", GOOD), sample("./a:b.mp4", GOOD)]
    report, told = verdicts(write_training_file(file, samples), Videos(folder))
    assert [one.complete for one in told] == [False, True]
    assert (
        "takes a: at the beginning of its path for a network address" in report.files[0]["reason"]
    )


def test_clips_beyond_their_video_and_too_short_ones(folder: Path, file: Path) -> None:
    samples = [
        sample("25.mp4", words_until(20.0, 30.0)),
        sample("25.mp4", words_until(1.0, 1.8), 1.0, 2.0),
        sample("25.mp4", words_until(1.0, 9.0), 1.0, 1.0),
        sample("25.mp4", [[8.0, 11.9, "late"]], 1.0, 9.0),
    ]
    _, told = verdicts(write_training_file(file, samples), Videos(folder))
    assert "no frame between" in told[0].reason
    assert "the first chunk needs 6" in told[1].reason
    assert told[2].reason is not None
    assert "no word ends before its last frame" in told[3].reason


def test_lines_that_are_no_samples(folder: Path, file: Path) -> None:
    good = sample("25.mp4", GOOD)
    wrong = {
        "no JSON": "no line of JSON",
        "[1]": "not a list of a user's and an assistant's message",
    }
    broken = []
    for key, value in (("video", 3), ("video_start", "1"), ("video_end", [])):
        one = sample("25.mp4", GOOD)
        one[0]["content"][0][key] = value
        broken.append(one)
    for stream in ([["0", 1.0]], [[0.0, "1.0", "w"]], [[0.0, 1.0, None]], None):
        one = sample("25.mp4", GOOD)
        one[1]["content"][0]["text_stream"] = stream
        broken.append(one)
    write_training_file(file, [*wrong, *broken, sample("25.mp4", [], 1.0, 9.0), good])
    report, told = verdicts(file, Videos(folder))
    for one, says in zip(told, wrong.values(), strict=False):
        assert isinstance(one.sample, BrokenSample)
        assert says in one.reason
    assert [one.complete for one in told] == [False] * 10 + [True]
    assert "it has no words" in told[-2].reason
    assert report.counts[0].unusable == 10


def test_blank_words_are_no_loss(file: Path) -> None:
    words = [*GOOD, [9.3, 11.5, " "]]
    _, told = verdicts(write_training_file(file, [sample("25.mp4", words, 1.0, 10.0)]), [25.0])
    assert told[0].complete
    _, told = verdicts(write_training_file(file, [sample("a", [[1.0, 2.0, " "]])]), [25.0])
    assert told[0].reason == "no word is said"


def test_more_than_480_frames(file: Path) -> None:
    samples = [
        sample("a.mp4", words_until(0.0, 238.0, 100)),
        sample("a.mp4", words_until(3.0, 300.0, 100)),
    ]
    report, told = verdicts(write_training_file(file, samples), (24.0, 30.0))
    assert [one.too_long for one in told] == [False, False, True, True]
    assert [one.too_long for one in report.counts] == [1, 1]
    assert told[2].lost[-1] == 99


def test_without_videos_it_says_why(folder: Path, file: Path) -> None:
    write_training_file(file, [sample("25.mp4", GOOD), sample("gone.mp4", GOOD)])
    report = check_or_read_text(file, Videos(folder))
    assert (report.text_only, report.why, report.unopened) == (False, None, 1)
    report = check_or_read_text(file, Videos(file.parent))
    assert report.text_only
    assert report.why == f"none of their videos is in {file.parent}"
    assert report.counts[0].complete == 2


def test_text_only_is_what_such_a_video_gives(folder: Path, file: Path) -> None:
    for name, rate in RATES.items():
        ends = [2.0 + n / 7 for n in range(50)]
        samples = [
            sample(f"{name}.mp4", words_until(0.3, end), start, end + after)
            for end, start, after in zip(
                ends, [0.3, 0.0] * 25, [0, 0.1, 0.5, 0.9, 2] * 10, strict=True
            )
        ]
        write_training_file(file, samples)
        _, opened = verdicts(file, Videos(folder))
        _, computed = verdicts(file, [float(rate)])
        for one, other in zip(opened, computed, strict=True):
            assert (one.lost, one.twice, one.late) == (other.lost, other.twice, other.late)
            assert (one.reason is None) == (other.reason is None)


def test_a_choice_of_samples_is_always_the_same(file: Path) -> None:
    write_training_file(file, [sample("a.mp4", GOOD) for _ in range(100)])
    total, places = chosen(file, 10)
    assert (total, len(places)) == (100, 10)
    assert chosen(file, 10)[1] == places == sorted(places)
    assert [one.number for one in read_chosen(file, places)] == [number for number, _ in places]
    assert len(chosen(file, 1000)[1]) == len(chosen(file, None)[1]) == 100
    report, told = verdicts(file, [25.0], 10)
    assert (report.samples, report.counts[0].checked, len(told)) == (100, 10, 10)


def test_an_empty_file_is_not_complete(file: Path, folder: Path) -> None:
    write_training_file(file, [])
    for source in (Videos(folder), [30.0]):
        report = check_file(file, source)
        assert report.samples == 0
        assert not report.complete


def test_what_is_no_training_file(file: Path, folder: Path) -> None:
    with pytest.raises(LiveccError, match="no such file"):
        check_file(file, [30.0])
    file.write_text('{"a": 1}\n')
    with pytest.raises(LiveccError, match="not a list of offsets"):
        check_file(file, Videos(folder))
    write_training_file(file, [json.dumps(sample("a.mp4", GOOD))] * 2)
    lines, _ = file.read_bytes().rsplit(b"\n", 1)
    file.write_bytes(lines + b"\n[0, 0]")
    with pytest.raises(LiveccError, match="has the offset 0 2 times, so the trainer would read"):
        check_file(file, [30.0])


def test_lines_that_are_made_to_break_the_check(file: Path) -> None:
    deep = "[" * 1_000 + "1" + "]" * 1_000
    lines = [
        json.dumps(sample("a.mp4", GOOD)),
        # What orjson refuses goes to Python's parser; what it takes may be too deep for str.
        "[" * 100_000,
        json.dumps(sample("a.mp4", [[1.0, 2.0, "w"]])).replace('"w"', deep),
        json.dumps(sample("a.mp4", GOOD)).replace('"video_end": ', f'"video_end": {deep}, "x": '),
    ]
    write_training_file(file, lines)
    _, told = verdicts(file, [25.0])
    assert [one.complete for one in told] == [True, False, False, False]
    reasons = ["no line of JSON", "no text_stream of", "not a number"]
    for one, says in zip(told[1:], reasons, strict=True):
        assert says in str(one.reason)
        assert len(str(one.reason)) < 200
    # Offsets outside of the file, and one of a line without an end.
    file.write_bytes(file.read_bytes().rsplit(b"\n", 1)[0] + b"\n[0, -5, 999999999999999999999999]")
    _, told = verdicts(file, [25.0])
    assert [one.complete for one in told] == [True, True, False]


def test_a_last_line_that_is_made_to_break_the_check(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for end in ("[" * 100_000, '{"a":' * 100_000, "a" * 5_000_000):
        file.write_text(f"{json.dumps(sample('a.mp4', GOOD))}\n{end}")
        monkeypatch.setattr("livecc.formats.samples.MAX_OFFSETS_BYTES", 3 * 2**20)
        with pytest.raises(LiveccError, match="last line is not a list of offsets"):
            check_file(file, [25.0])


def test_paths_are_opened_as_written_or_without_their_prefix(folder: Path, file: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a b.mp4").write_bytes((folder / "25.mp4").read_bytes())
    (folder / "x:y.mp4").write_bytes((folder / "25.mp4").read_bytes())
    names = ["sub/a b.mp4", str(folder / "25.mp4")]
    write_training_file(file, [sample(name, GOOD) for name in names])
    assert check_file(file, Videos(folder)).complete
    # FFmpeg takes such a name for a protocol, and so does the trainer.
    write_training_file(file, [sample("x:y.mp4", GOOD)])
    assert check_file(file, Videos(folder)).unopened == 1
    write_training_file(file, [sample("/elsewhere/videos/sub/a b.mp4", GOOD)])
    assert "leads out of the folder" in check_file(file, Videos(folder)).files[0]["reason"]
    for prefix in ("/elsewhere/videos/", "/elsewhere/videos"):
        assert check_file(file, Videos(folder, prefix)).complete


def test_frames_that_cannot_be_decoded_are_found_on_demand(folder: Path, file: Path) -> None:
    data = bytearray((folder / "25.mp4").read_bytes())
    begin = data.index(b"mdat") + 4
    place = begin + (data.index(b"moov") - begin) // 2 if data.index(b"moov") > begin else begin
    data[place : place + 3000] = bytes(3000)
    (folder / "spoilt.mp4").write_bytes(data)
    names = ("25.mp4", "spoilt.mp4", "spoilt.mp4")
    samples = [
        sample(name, words_until(1.0, end))
        for name, end in zip(names, (9.3, 9.3, 3.0), strict=True)
    ]
    write_training_file(file, samples)
    _, told = verdicts(file, Videos(folder, decode=True))
    assert [one.complete for one in told] == [True, False, True]
    assert "decord cannot decode its frames (Check failed" in told[1].reason
    assert check_file(file, Videos(folder)).complete
    if importlib.util.find_spec("livecc_utils"):
        said = real(
            (str(folder / one.sample.video), *_window(one.sample), GOOD[:2]) for one in told
        )
        assert [isinstance(one, str) for one in said] == [False, True, False]


def _window(one: Sample | BrokenSample) -> tuple[float, float]:
    assert isinstance(one, Sample)
    assert one.start is not None
    assert one.end is not None
    return one.start, one.end


def test_times_that_no_video_has_are_no_sample() -> None:
    """They would take all memory: every frame until then counts."""
    for end in (1e9, 1e300, 90_000.0):
        with pytest.raises(Exception, match=r"not a number of seconds|it is 90,000 s long"):
            parse(1, sample_line(end))


def sample_line(end: float) -> bytes:
    video = {"type": "video", "video": "v.mp4", "video_start": 0.0, "video_end": end}
    query = {"type": "text", "text": "Say it.", "previous": "", "title": ""}
    words = {"type": "text_stream", "text_stream": [[0.0, 1.0, "one"]]}
    messages = [
        {"role": "user", "content": [video, query]},
        {"role": "assistant", "content": [words]},
    ]
    return json.dumps(messages).encode()
