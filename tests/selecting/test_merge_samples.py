"""The merged file: order, seeks, the trainer's reader."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.errors import LiveccError
from livecc.formats.samples import read_offsets, read_sample, sample_line
from livecc.selecting import merge_samples
from livecc.selecting.merge_samples import merge

_text = st.text(st.characters(codec="utf-8"), max_size=30)


def line(video: str, start: float, text: str = "hi") -> bytes:
    query = {"type": "text", "text": "", "previous": text, "title": text, "category": ""}
    return sample_line(video, start, start + 1, query, [[start, start + 1, text]])


def write_shards(folder: Path, samples: list[tuple[str, float, str]], n_shards: int) -> list[Path]:
    paths = []
    for shard in range(n_shards):
        mine = sorted(
            (s for s in samples if hash(s[0]) % n_shards == shard),
            key=lambda s: (s[0].encode(), s[1]),
        )
        path = folder / f"s{shard}.jsonl"
        path.write_bytes(b"".join(line(*sample) for sample in mine))
        paths.append(path)
    return paths


_samples = st.lists(
    st.tuples(_text, st.integers(0, 10_000).map(lambda n: n / 10), _text),
    unique_by=lambda s: (s[0], s[1]),
    max_size=30,
)


def test_a_video_in_two_shards_is_written_once(tmp_path: Path) -> None:
    samples = [("a", 0.0, "one"), ("a", 9.0, "two"), ("b", 1.0, "three")]
    paths = write_shards(tmp_path, samples, 1)
    again = tmp_path / "again.jsonl"
    # The same start with other words is another sample.
    again.write_bytes(line("a", 0.0, "one") + line("a", 9.0, "other") + line("b", 1.0, "three"))
    merged = merge([*paths, again], tmp_path / "merged.jsonl")
    assert (merged.samples, merged.videos, merged.seconds, merged.words) == (4, 2, 4.0, 4)
    offsets = read_offsets(tmp_path / "merged.jsonl")
    titles = [read_sample(tmp_path / "merged.jsonl", n)[0]["content"][1]["title"] for n in offsets]
    assert titles == ["one", "other", "two", "three"]


@settings(deadline=None)
@given(_samples, st.integers(1, 5), st.integers(1, 5))
def test_any_texts_survive_and_shards_do_not_show(
    samples: list[tuple[str, float, str]], one: int, other: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = folder / "1.jsonl", folder / "2.jsonl"
        merged = merge(write_shards(folder, samples, one), first)
        assert merged == merge(write_shards(folder, samples, other), second)
        assert first.read_bytes() == second.read_bytes()
        assert merged.samples == merged.words == len(samples)
        assert merged.videos == len({video for video, _, _ in samples})
        assert merged.bytes == first.stat().st_size
        assert merged.sha256 == hashlib.sha256(first.read_bytes()).hexdigest()
        offsets = read_offsets(first)
        assert len(offsets) == len(samples)
        expected = sorted(samples, key=lambda s: (s[0].encode(), s[1]))
        for offset, (video, start, text) in zip(offsets, expected, strict=True):
            sample = read_sample(first, offset)
            assert sample[0]["content"][0]["video"] == video
            assert sample[0]["content"][0]["video_start"] == start
            assert sample[0]["content"][1]["title"] == text
            assert sample[1]["content"][0]["text_stream"] == [[start, start + 1, text]]


def test_last_line_is_the_offsets_without_a_newline(tmp_path: Path) -> None:
    merge(write_shards(tmp_path, [("a", 1.0, "é"), ("b", 2.0, "😀")], 1), tmp_path / "m.jsonl")
    data = (tmp_path / "m.jsonl").read_bytes()
    lines = data.split(b"\n")
    assert json.loads(lines[-1]) == [0, len(lines[0]) + 1]
    assert len(lines) == 3


def test_no_samples(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert merge([tmp_path / "empty.jsonl"], tmp_path / "m.jsonl").samples == 0
    assert (tmp_path / "m.jsonl").read_bytes() == b"[]"
    assert read_offsets(tmp_path / "m.jsonl") == []


def test_more_shards_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [(f"v{n}", float(n), "x") for n in range(200)]
    random.Random(0).shuffle(samples)
    paths = write_shards(tmp_path, samples, 60)
    merge(paths, tmp_path / "one.jsonl")
    monkeypatch.setattr(merge_samples, "FAN_IN", 3)
    merge(paths, tmp_path / "many.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "many.jsonl").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_long_previous_is_not_parsed_but_kept(tmp_path: Path) -> None:
    long = "word " * 50_000
    merge(write_shards(tmp_path, [("a", 1.0, long), ("b", 1.0, long)], 1), tmp_path / "m.jsonl")
    assert [len(read_sample(tmp_path / "m.jsonl", o)) for o in read_offsets(tmp_path / "m.jsonl")]


BAD_WORDS = line("a", 1.0, "é").replace(b"[[", b"[[,")


@pytest.mark.parametrize(
    "words", [['", "text_stream": [[1, 2, "x"]]}]}]'], ["], [", '"}]}]'], ["\ud800", "a"], []]
)
def test_words_are_counted_whatever_they_are(tmp_path: Path, words: list[str]) -> None:
    query = {"type": "text", "text": '"text_stream": [', "previous": "[", "title": "]"}
    content = [[0.5, 1.0, word] for word in words]
    (tmp_path / "s.jsonl").write_bytes(sample_line("a", 0.5, 3.25, query, content))
    merged = merge([tmp_path / "s.jsonl"], tmp_path / "m.jsonl")
    assert (merged.words, merged.seconds) == (len(words), 2.75)


@pytest.mark.parametrize("bad", [b"{}\n", b"not json\n", line("a", 1.0)[:-20], BAD_WORDS])
def test_a_changed_sample_file_is_one_message(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "s.jsonl").write_bytes(line("a", 0.5) + bad)
    with pytest.raises(LiveccError, match=r"s\.jsonl, line 2"):
        merge([tmp_path / "s.jsonl"], tmp_path / "m.jsonl")
    assert not (tmp_path / "m.jsonl").exists()


def test_a_file_without_offsets(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(line("a", 0.5))
    with pytest.raises(LiveccError, match="not a list of offsets"):
        read_offsets(tmp_path / "m.jsonl")
