"""What the engines share, with an engine that reads letters in place of speech."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.transcriber import Transcriber, Transcription
from livecc.stages.transcribe.windows import Video, Window
from livecc.stages.transcribe.words import Passage, Word


def read_letters(path: Path) -> str:
    """Stands in for reading a file's sound."""
    if path.name.startswith("bad"):
        raise LiveccError("the file is no good")
    return path.name


def nothing() -> None:
    """Nothing needs importing."""


class Letters(Transcriber):
    """Every letter of a file's name is a window; the first letter is the language."""

    read = staticmethod(read_letters)
    warm_up = staticmethod(nothing)
    decode = DecodeOptions(workers=1, timeout_seconds=30)
    by_torch = False

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:  # noqa: ARG003
        return {}

    @classmethod
    def load(cls, setup: Setup) -> Self:  # noqa: ARG003
        return cls()

    def __init__(
        self,
        batch_size: int = 4,
        memory: int = 100,
        languages: tuple[str, ...] | None = None,
        identify: bool = False,
    ) -> None:
        super().__init__()
        self.batch_size, self.memory, self.languages = batch_size, memory, languages
        self.mode = "default"
        self.identify = identify
        self.batches: list[str] = []
        self.opened = 0

    def _begin(self, key: Hashable, sound: str) -> tuple[Video, list[Window]]:
        self.opened += 1
        letters = sound if sound != "silence" else ""
        language = None if self.identify else "en"
        video = Video(key, 100.0, [(0.0, 100.0)] if letters else [], language=language)
        return video, [Window(video, k, letter) for k, letter in enumerate(letters)]

    def _identify(self, batch: list[Window]) -> None:
        self._check_memory(batch)
        for window in batch:
            if window.video.language is None:
                window.video.language = window.data
                window.video.language_probability = 0.9

    def _passages(self, batch: list[Window]) -> list[Passage]:
        self._check_memory(batch)
        self.batches.append("".join(window.data for window in batch))
        return [
            Passage([Word(w.data, w.index, w.index + 0.5, 1.0)] if w.data != "_" else [], 1.0)
            for w in batch
        ]

    def _placed(self, video: Video, passages: list[Passage]) -> list[Passage]:  # noqa: ARG002
        return passages

    def _check_memory(self, batch: list[Window]) -> None:
        if len(batch) > self.memory:
            raise RuntimeError("CUDA failed with error out of memory")


def run(engine: Transcriber, names: list[str]) -> dict[str, Transcription]:
    results: dict[str, Transcription] = {}
    for rows in engine.transcribe((name, Path(name)) for name in names):
        assert rows, "nothing is handed over without a row"
        for key, row in rows:
            assert key not in results
            results[key] = row
    return results


def text(row: Transcription) -> str:
    return "".join(word.text for word in row.words)


def test_batches_hold_windows_of_several_videos() -> None:
    engine = Letters()
    names = ["abc", "d", "efghi", "jk", "lmn"]
    results = run(engine, names)
    assert {key: text(row) for key, row in results.items()} == {name: name for name in names}
    assert engine.batches == ["abcd", "efgh", "ijkl", "mn"]
    assert (engine.windows, engine.places, engine.occupancy) == (14, 16, 14 / 16)


def test_every_file_gets_one_row_whatever_is_wrong_with_it() -> None:
    results = run(Letters(), ["abc", "bad1", "silence", "___", "bad2", "d"])
    reasons = {key: row.reason for key, row in results.items()}
    assert reasons == {
        "abc": "",
        "bad1": "the file is no good",
        "silence": "nobody speaks",
        "___": "no words were recognised",
        "bad2": "the file is no good",
        "d": "",
    }
    assert results["silence"].duration == 100.0
    assert run(Letters(), []) == {}


def test_no_file_at_all_has_an_occupancy() -> None:
    assert Letters().occupancy == 1.0


def test_a_few_videos_are_held_at_a_time() -> None:
    engine = Letters(batch_size=2)
    taken = 0

    def items() -> Any:
        nonlocal taken
        for k in range(30):
            taken += 1
            yield k, Path("ab")

    done = 0
    for rows in engine.transcribe(items()):
        done += len(rows)
        # One worker: two files wait as sound, and a batch is in work.
        assert taken - done <= 4
    assert done == 30


def test_languages_are_identified_and_batched_apart() -> None:
    engine = Letters(identify=True)
    names = ["eab", "dx", "ecd", "dyz", "e"]
    results = run(engine, names)
    assert {key: text(row) for key, row in results.items()} == {name: name for name in names}
    assert {row.language for row in results.values()} == {"e", "d"}
    for batch in engine.batches:
        assert set(batch) <= set("eabcd") or set(batch) <= set("dxyz")


def test_unwanted_languages_cost_one_look() -> None:
    engine = Letters(identify=True, languages=("e",), batch_size=2)
    results = run(engine, ["eab", "dxyzxyz", "ecd"])
    assert results["dxyzxyz"].reason == "the language is d (0.90), wanted: e"
    assert results["dxyzxyz"].language == "d"
    assert not set("".join(engine.batches)) & set("dxyz") - set("d")
    assert text(results["eab"]) == "eab"
    assert text(results["ecd"]) == "ecd"


@pytest.mark.parametrize("identify", [False, True])
def test_smaller_batches_when_memory_runs_out(identify: bool) -> None:
    engine = Letters(batch_size=8, memory=3, identify=identify)
    names = ["eabcdefg", "ehijklmn", "eop"]
    results = run(engine, names)
    assert {key: text(row) for key, row in results.items()} == {name: name for name in names}
    assert max(map(len, engine.batches)) <= 3


def test_no_memory_for_a_single_window_costs_the_video() -> None:
    results = run(Letters(batch_size=4, memory=0), ["ab", "c"])
    for row in results.values():
        assert row.reason == "not enough memory for one window of 30 s"
        assert row.transient


def test_other_errors_of_the_model_stop_the_job() -> None:
    class Broken(Letters):
        def _passages(self, batch: list[Window]) -> list[Passage]:  # noqa: ARG002
            raise RuntimeError("the model file is damaged")

    with pytest.raises(RuntimeError, match="is damaged"):
        run(Broken(), ["abcd"])
