"""The table of samples: what is in it, and who opens it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from livecc.errors import LiveccError
from livecc.exports import parquet
from livecc.exports.export import export
from livecc.exports.formats import PARQUET
from livecc.exports.release import Release
from livecc.files.atomic import open_atomic, read_json
from livecc.formats.records import Transcript
from tests.support.releases import THRESHOLDS, lines_of, make_release, select

SPLIT = {"validation": 0.2, "test": 0.2}


def tables(release: Release) -> dict[str, Path]:
    return export(PARQUET, release, {})


def decided(release: Release) -> pd.DataFrame:
    folder = Path(release.shards[0].decisions(release.selection)).parent
    decisions = pd.read_parquet(folder).set_index("clip")
    return decisions[decisions.kept]


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_rows_are_the_samples_with_their_scores(tmp_path: Path, track: str) -> None:
    release = make_release(tmp_path, track)
    (path,) = tables(release).values()
    rows = pd.read_parquet(path)
    samples = [json.loads(line) for line in lines_of(release)]
    decisions = decided(release)
    assert len(rows) == len(samples) == len(decisions) > 20
    scores = list(release.score_columns)
    # A score that has the name of a sample's column.
    columns = [f"score_{name}" if name == "category" else name for name in scores]
    assert rows[columns].isna().any().any()
    for (_, row), sample in zip(rows.iterrows(), samples, strict=True):
        video, query = sample[0]["content"]
        assert row.video == video["video"]
        assert (row.video_start, row.video_end) == (video["video_start"], video["video_end"])
        assert (row.title, row.category) == (query["title"], query["category"])
        assert (row["query"], row.previous) == (query["text"], query["previous"])
        words = [[word["start"], word["end"], word["word"]] for word in row.words]
        assert words == sample[1]["content"][0]["text_stream"]
        assert row.split == "train"
        pd.testing.assert_series_equal(
            row[columns].set_axis(scores), decisions.loc[row.id, scores], check_names=False
        )
    assert rows.id.is_unique


def test_readers_of_others_open_it_as_it_lies(tmp_path: Path) -> None:
    release = make_release(tmp_path, split=SPLIT)
    paths = tables(release)
    counts = {split: len(lines_of(release, split)) for split in paths}
    assert all(counts.values())
    total = sum(counts.values())
    glob = tmp_path / "pretrain" / "default" / "samples*.parquet"
    assert duckdb.sql(f"SELECT count(*) FROM '{glob}'").fetchall() == [(total,)]
    found = duckdb.sql(f"SELECT split, count(*) FROM '{glob}' GROUP BY split").fetchall()
    assert dict(found) == counts
    said = duckdb.sql(f"SELECT words[1].word, words[-1].end FROM '{paths['train']}' LIMIT 1")
    first = json.loads(lines_of(release)[0])[1]["content"][0]["text_stream"]
    assert said.fetchall() == [(first[0][2], first[-1][1])]
    assert {name: len(pd.read_parquet(path)) for name, path in paths.items()} == counts


def test_datasets_opens_it_without_the_card(tmp_path: Path, hub_cache: Path) -> None:
    from datasets import load_dataset

    release = make_release(tmp_path / "r", split=SPLIT)
    files = {split: str(path) for split, path in tables(release).items()}
    loaded = load_dataset("parquet", data_files=files, cache_dir=str(hub_cache))
    assert {name: len(rows) for name, rows in loaded.items()} == {
        split: len(lines_of(release, split)) for split in files
    }
    sample = loaded["train"][0]
    assert sample["words"][0].keys() == {"word", "start", "end"}


def test_splits_hold_what_their_training_files_hold(tmp_path: Path) -> None:
    release = make_release(tmp_path, split=SPLIT, video_prefix="/data/videos/")
    for split, path in tables(release).items():
        rows = pd.read_parquet(path)
        videos = [json.loads(line)[0]["content"][0]["video"] for line in lines_of(release, split)]
        assert rows.video.tolist() == videos
        assert set(rows.split) == {split}
        assert all(video.startswith("/data/videos/") for video in videos)


def test_shards_do_not_show(tmp_path: Path) -> None:
    """All clips in one shard: the same bytes."""
    release = make_release(tmp_path)
    first = {name: path.read_bytes() for name, path in tables(release).items()}
    for folder in ("default/decisions", "default/samples"):
        paths = sorted((tmp_path / "pretrain" / folder).iterdir())
        whole = paths[0].with_stem("whole")
        if whole.suffix == ".parquet":
            parts = pyarrow.concat_tables(
                [pyarrow.parquet.read_table(path) for path in paths[::-1]]
            )
            pyarrow.parquet.write_table(parts, whole)
        else:
            lines = [line for path in paths for line in path.read_bytes().splitlines(True)]
            lines.sort(key=lambda line: json.loads(line)[0]["content"][0]["video"])
            whole.write_bytes(b"".join(lines))
    (tmp_path / "pretrain" / "shards.txt").write_text("whole\n")
    again = Release(*(getattr(release, name) for name in release.__dataclass_fields__))
    assert {name: path.read_bytes() for name, path in tables(again).items()} == first


def test_a_video_in_two_shards_is_there_once(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    before = pd.read_parquet(tables(release)["train"])
    for folder in ("decisions", "samples"):
        path = next((tmp_path / "pretrain" / "default" / folder).glob("two.*"))
        path.with_stem("two_again").write_bytes(path.read_bytes())
    names = tmp_path / "pretrain" / "shards.txt"
    names.write_text(names.read_text() + "two_again\n")
    again = Release(*(getattr(release, name) for name in release.__dataclass_fields__))
    pd.testing.assert_frame_equal(pd.read_parquet(tables(again)["train"]), before)


def test_clips_of_one_video_and_start_keep_their_own_scores(tmp_path: Path) -> None:
    """The same video with other captions in another shard: ids are the same, samples are not."""
    release = make_release(tmp_path, shards=("one", "two"))
    texts = tmp_path / "pretrain" / "transcripts"
    clips = tmp_path / "pretrain" / "clips"
    with open_atomic(texts / "two.jsonl.zst") as stream:
        for number in range(12):
            words = [f"other{n}" for n in range(24)]
            starts = [float(n) for n in range(24)]
            one = Transcript(f"one {number}.mp4", "T", "Sports", words, starts, starts)
            stream.write(one.to_json() + b"\n")
    for path in [clips, *(tmp_path / "pretrain" / "scores").iterdir()]:
        table = pyarrow.parquet.read_table(path / "one.parquet")
        scores = [name for name in table.column_names if name == "lm_loss"]
        for name in scores:
            table = table.set_column(
                table.column_names.index(name), name, pyarrow.array([6.0] * len(table))
            )
        pyarrow.parquet.write_table(table, path / "two.parquet")
    release = select(release.layout, "pretrain", ("one", "two"), None, "", THRESHOLDS)
    rows = pd.read_parquet(tables(release)["train"])
    assert rows.id.duplicated().any()
    other = [row.words[0]["word"].startswith("other") for row in rows.itertuples()]
    assert any(other)
    assert set(rows.lm_loss[other].dropna()) == {6.0}
    assert set(rows.lm_loss[[not one for one in other]].dropna()) != {6.0}


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    """Python's JSON has them; no Parquet reader takes them."""
    line = (
        '[{"role": "user", "content": [{"type": "video", "video": "a", "video_start": 0, '
        '"video_end": 1}, {"type": "text", "text": "", "previous": "\\ud83d\\ude00", '
        '"title": "half \\ud83d"}]}, {"role": "assistant", "content": [{"type": "text_stream", '
        '"text_stream": [[0, 1, "\\udc00x"]]}]}]\n'
    )
    values, words = parquet._parsed(line.encode())
    assert values == ("a", 0, 1, "half \ufffd", None, "", "😀")
    assert words == [[0, 1, "\ufffdx"]]


def test_memory_does_not_grow_with_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS", 8)
    release = make_release(tmp_path, shards=("one",), videos=40)
    (path,) = tables(release).values()
    file = pyarrow.parquet.ParquetFile(path)
    rows = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert len(rows) > 5
    assert set(rows[:-1]) == {8}
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_row_group_is_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make_release(tmp_path)
    most = 2 * max(map(len, lines_of(release)))
    monkeypatch.setattr(parquet, "MOST_BYTES", most)
    (path,) = tables(release).values()
    file = pyarrow.parquet.ParquetFile(path)
    lines = iter(lines_of(release))
    for n in range(file.num_row_groups):
        sizes = [len(next(lines)) for _ in range(file.metadata.row_group(n).num_rows)]
        assert sum(sizes[:-1]) < most


def test_files_of_several_runs_are_told(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    merged = release.merged("train")
    whole = merged.read_bytes()
    lines = lines_of(release)
    merged.write_bytes(b"".join(lines[1:]) + b"[]")
    with pytest.raises(LiveccError, match="--forcerun merge_samples"):
        tables(release)
    merged.write_bytes(b"".join([*lines, lines[-1]]) + b"[]")
    with pytest.raises(LiveccError, match="--forcerun merge_samples"):
        tables(release)
    merged.write_bytes(whole)
    samples = Path(release.shards[1].samples("default"))
    samples.write_bytes(b"".join(samples.read_bytes().splitlines(True)[1:]))
    with pytest.raises(LiveccError, match=r"has not a sample for each clip.*select_samples"):
        tables(release)
    samples.unlink()
    with pytest.raises(LiveccError, match=r"no such file.*select_samples"):
        tables(release)
    # Nothing is left of what was begun.
    assert not list(merged.parent.glob("*samples*.parquet"))
    assert not [path for path in merged.parent.iterdir() if path.name.startswith(".")]


def test_scores_named_like_other_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make_release(tmp_path)
    monkeypatch.setattr(
        Release, "score_columns", {"title": "float64", "words": "string", "lm_loss": "float64"}
    )
    assert list(parquet.columns_of(release)) == ["score_title", "score_words", "lm_loss"]


def test_manifest(tmp_path: Path) -> None:
    release = make_release(tmp_path, split=SPLIT)
    paths = tables(release)
    told = read_json(PARQUET.manifest(release.layout, "pretrain", "default"))
    assert list(told["files"]) == [path.name for path in paths.values()]
    for split, path in paths.items():
        one: dict[str, Any] = told["files"][path.name]
        assert (one["split"], one["samples"]) == (split, len(pd.read_parquet(path)))
        in_memory = pyarrow.parquet.read_table(path).nbytes
        assert one["bytes_in_memory"] == pytest.approx(in_memory, rel=0.05)
    assert str(tmp_path) not in json.dumps(told)


def test_a_split_that_is_no_more_leaves_no_table(tmp_path: Path) -> None:
    release = make_release(tmp_path, split=SPLIT)
    held_out = tables(release)["test"]
    assert held_out.exists()
    tables(make_release(tmp_path))
    assert not held_out.exists()
