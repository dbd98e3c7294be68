"""What a folder holds."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.starting.look import look


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_downloads(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path, *(f"sub/v{number}{suffix}" for suffix in (".mp4", ".info.json", ".en.vtt")))
    found = look(tmp_path)
    assert (found.format, found.videos) == ("ytdlp", 3)
    assert found.paths == [str(tmp_path)]
    assert found.captions
    assert found.media
    assert found.info
    assert not found.words


def test_captions_alone(tmp_path: Path) -> None:
    put(tmp_path, "a.en.srt", "b.json3")
    found = look(tmp_path)
    assert (found.format, found.captions, found.media) == ("captions", True, False)


def test_videos_alone_are_for_the_track_that_hears(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4")
    found = look(tmp_path)
    assert (found.format, found.captions, found.media) == ("ytdlp", False, True)


def test_words_of_whisper(tmp_path: Path) -> None:
    put(tmp_path, "a.mp4")
    (tmp_path / "a.json").write_text(json.dumps({"segments": []}))
    found = look(tmp_path)
    assert (found.format, found.words, found.media) == ("whisper", True, True)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("yttemporal1b_train_0001of1024.jsonl.gz", "yttemporal1b"),
        ("yttemporal180m_003of100.jsonl.gz", "yttemporal180m"),
        ("raw_caption.json", "howto100m"),
    ],
)
def test_published_data_sets(tmp_path: Path, name: str, format_name: str) -> None:
    put(tmp_path, name)
    found = look(tmp_path)
    assert (found.format, found.paths) == (format_name, [str(tmp_path / name)])


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "harm",))  # type: ignore[return-value]

    (tmp_path / "asr.pkl").write_bytes(pickle.dumps(Harm()))
    assert look(tmp_path).format == "vidchapters"
    assert not (tmp_path / "harm").exists()


def test_several_files_are_a_glob(tmp_path: Path) -> None:
    put(tmp_path, "x/yttemporal1b_a.jsonl.gz", "y/yttemporal1b_b.jsonl.gz")
    assert look(tmp_path).paths == [str(tmp_path / "**" / "yttemporal1b_*.jsonl.gz")]


def test_input_lines_need_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"video": "a.mp4", "subtitles": []}) + "\n")
    found = look(tmp_path)
    assert (found.format, found.captions, found.words) == (None, True, False)
    assert found.paths == [str(tmp_path / "a.jsonl")]


def test_nothing_of_use(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    with pytest.raises(LiveccError, match=r"no videos.*only 1 other file"):
        look(tmp_path)
    with pytest.raises(LiveccError, match="no such folder"):
        look(tmp_path / "nowhere")
