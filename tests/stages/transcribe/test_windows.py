from __future__ import annotations

from livecc.stages.transcribe.windows import Video, Window, WindowQueue


def windows(key: str, count: int, language: str | None = "en") -> list[Window]:
    video = Video(key, 60.0, [], language=language)
    return [Window(video, index, None) for index in range(count)]


def names(batch: list[Window]) -> list[str]:
    return [f"{window.video.key}{window.index}" for window in batch]


def test_batches_are_full_across_videos_and_in_order() -> None:
    queue = WindowQueue(4)
    for key, count in (("a", 3), ("b", 2), ("c", 1)):
        queue.add(windows(key, count))
    assert names(queue.take()) == ["a0", "a1", "a2", "b0"]
    assert queue.take() == []
    assert names(queue.take(rest=True)) == ["b1", "c0"]
    assert queue.take(rest=True) == []


def test_a_batch_has_one_language() -> None:
    queue = WindowQueue(2)
    for key, language in (("a", "en"), ("b", "de"), ("c", None), ("d", "de"), ("e", "en")):
        queue.add(windows(key, 1, language))
    assert names(queue.take()) == ["a0", "e0"]
    assert names(queue.take()) == ["b0", "d0"]
    assert queue.take() == []
    assert names(queue.take(rest=True)) == ["c0"]


def test_rare_languages_do_not_wait_for_ever() -> None:
    queue = WindowQueue(3)
    languages = [f"l{n}" for n in range(14)]
    held = 0
    for language in languages:
        queue.add(windows(language, 1, language))
        held += 1 - len(queue.take())
        assert held <= 12
    assert held == 12


def test_windows_of_a_refused_video_are_let_go() -> None:
    queue = WindowQueue(2)
    refused, good = windows("a", 3), windows("b", 2)
    queue.add(refused)
    queue.add(good)
    refused[0].video.reason = "the language is not wanted"
    assert names(queue.take()) == ["b0", "b1"]
    assert queue.take(rest=True) == []
    queue.add(refused)
    assert queue.take(rest=True) == []


def test_windows_move_to_their_language_once_it_is_known() -> None:
    queue = WindowQueue(2)
    a, b = windows("a", 3, None), windows("b", 2, None)
    queue.add(a)
    queue.add(b)
    first = queue.take()
    assert names(first) == ["a0", "a1"]
    a[0].video.language = "en"
    queue.add(first)
    assert names(queue.take()) == ["a0", "a1"]
    # a2 is English by now; b is not known yet.
    assert names(queue.take()) == ["b0", "b1"]
    assert names(queue.take(rest=True)) == ["a2"]
