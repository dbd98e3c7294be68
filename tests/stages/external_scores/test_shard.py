"""Scores from tables of somebody's own: reading them, and what is said of wrong ones."""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from livecc import configuration
from livecc.declaration import CachedStage
from livecc.errors import LiveccError
from livecc.files.parquet import read_rows, write_table
from livecc.formats.layout import Layout
from livecc.formats.tables import schema
from livecc.planning import jobs
from livecc.stages.external_scores import shard
from livecc.stages.external_scores.declaration import ExternalScore, ExternalStage, external_stage
from livecc.stages.external_scores.keys import key_counts
from livecc.stages.job_spec import JobSpec

CLIPS = ["a.mp4#0-9", "a.mp4#9-20", "b.mp4#0-9", "7#0-9"]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    path = tmp_path / "clips.parquet"
    rows = [
        {"clip": clip, "video": clip.split("#")[0], "status": "ok", "words_per_second": 2.0}
        for clip in CLIPS
    ]
    write_table(path, schema("clips"), rows)
    return path


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def csv(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def take(tmp_path: Path, clips: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Takes scores over; the rows (item, score, or reason where there is none)."""

    def run(table: Path, key: str = "clip", kind: str = "band", **more: Any) -> list[Any]:
        told = ExternalScore(table=str(table), key=key, column="mark", kind=kind, **more)
        stage = stage_of(told)
        output, stats = tmp_path / "out.parquet", tmp_path / "stats.json"
        shard.run(stage, told, clips, output, stats, track="pretrain", shard="one")
        rows = read_rows(output)
        return [
            (row[key], row["quality"] if row["status"] == "ok" else row["reason"]) for row in rows
        ]

    return run


def stage_of(told: ExternalScore) -> ExternalStage:
    return external_stage("quality", {"key": told.key, "kind": told.kind})


def stats(tmp_path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((tmp_path / "stats.json").read_text())
    return told


# --- a shard's scores ----------------------------------------------------------------------------


def test_rows_in_the_order_of_the_clips(take: Callable[..., Any], tmp_path: Path) -> None:
    marks = pa.array([3, None, 1], pa.int16())
    table = parquet(tmp_path / "t.parquet", clip=[CLIPS[2], CLIPS[1], CLIPS[0]], mark=marks)
    rows = take(table)
    assert rows == [(CLIPS[0], 1.0), (CLIPS[1], "no value in the table"), (CLIPS[2], 3.0)]
    told = stats(tmp_path)
    assert [told[name] for name in ("items", "found", "scored", "failed")] == [4, 0, 2, 1]
    assert told["details"]["keys"] == told["details"]["matched"] == 3


def test_a_number_that_is_none(take: Callable[..., Any], tmp_path: Path) -> None:
    table = parquet(tmp_path / "t.parquet", clip=CLIPS[:2], mark=[float("nan"), float("inf")])
    assert take(table) == [(CLIPS[0], "not a number in the table"), (CLIPS[1], float("inf"))]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv(take: Callable[..., Any], tmp_path: Path, suffix: str) -> None:
    text = '\ufeffother,video,mark\n"two\nlines",a.mp4,1.5\nx,7,\ny,07,3\nz,b.mp4,NaN\n'
    rows = take(csv(tmp_path / f"t{suffix}", text), key="video")
    assert rows[0] == ("a.mp4", 1.5)
    # 7 and 07 are two keys.
    assert rows[2] == ("7", "no value in the table")
    assert [name for name, _ in rows] == ["a.mp4", "b.mp4", "7"]


def test_labels(take: Callable[..., Any], tmp_path: Path) -> None:
    """NA may be a label; an empty cell is none."""
    table = csv(tmp_path / "t.csv", "file,mark\na.mp4,NA\nb.mp4,\n7,1\n")
    rows = take(table, key="video", kind="labels", key_column="file")
    assert rows == [("a.mp4", "NA"), ("b.mp4", "no value in the table"), ("7", "1")]
    values = pa.array(["x", "y", None]).dictionary_encode()
    table = parquet(tmp_path / "t.parquet", video=["a.mp4", "b.mp4", "7"], mark=values)
    rows = take(table, key="video", kind="labels")
    assert rows == [("a.mp4", "x"), ("b.mp4", "y"), ("7", "no value in the table")]


@pytest.mark.parametrize(
    "keys", [pa.array([7], pa.int64()), pa.array(["7"]).dictionary_encode()], ids=str
)
def test_keys_are_texts(take: Callable[..., Any], tmp_path: Path, keys: pa.Array) -> None:
    assert take(parquet(tmp_path / "t.parquet", video=keys, mark=[1.0]), key="video") == [("7", 1)]


def test_table_that_is_read_in_batches(take: Callable[..., Any], tmp_path: Path) -> None:
    others = [f"other{n}" for n in range(200_000)]
    table = parquet(tmp_path / "t.parquet", clip=[CLIPS[3], *others, CLIPS[0]], mark=range(200_002))
    assert take(table) == [(CLIPS[0], 200_001), (CLIPS[3], 0)]


def test_doubled_keys(take: Callable[..., Any], tmp_path: Path) -> None:
    keys = [CLIPS[0], CLIPS[1], CLIPS[0], "elsewhere", "elsewhere", CLIPS[0]]
    with pytest.raises(LiveccError, match=r"t\.parquet: column clip has 'a.mp4#0-9' 3 times; a"):
        take(parquet(tmp_path / "t.parquet", clip=keys, mark=range(6)))
    assert not (tmp_path / "out.parquet").exists()
    keys = [clip for clip in CLIPS for _ in range(2)]
    with pytest.raises(LiveccError, match=r"2 times, and 1 other key more than once; a clip can"):
        take(parquet(tmp_path / "t.parquet", clip=keys, mark=range(8)))


def test_rows_without_a_key(take: Callable[..., Any], tmp_path: Path) -> None:
    table = parquet(tmp_path / "t.parquet", clip=["x", None, ""], mark=range(3))
    with pytest.raises(LiveccError, match=r"t\.parquet: 2 rows .* without a key \(column clip\)"):
        take(table)


def test_a_row_that_fills_the_memory(take: Callable[..., Any], tmp_path: Path) -> None:
    """The file has its long key once."""
    keys = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int32()), ["a" * 40_000_000, "b"])
    table = parquet(tmp_path / "t.parquet", clip=keys, mark=[1.0, 2.0])
    with pytest.raises(LiveccError, match=r"t\.parquet, row 2: the row is larger than 32 MiB"):
        take(table)


def test_number_that_cannot_be_read(take: Callable[..., Any], tmp_path: Path) -> None:
    lines = [f"clip{n},{n}\n" for n in range(200_000)]
    table = csv(tmp_path / "t.csv", "clip,mark\n" + "".join(lines) + "last,many\n")
    with pytest.raises(LiveccError, match=r"t\.csv: cannot be read as CSV .*Row #.*'many'"):
        take(table)


def test_no_key_matches(
    take: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert take(parquet(tmp_path / "t.parquet", clip=["a.mp4"], mark=[1])) == []
    assert "warning: no key of" in caplog.text
    assert "'a.mp4') matches a clip of this shard (such as 'a.mp4#0-9')" in caplog.text


def test_keys_found_in_several_shards_count_once(tmp_path: Path, clips: Path) -> None:
    table = parquet(tmp_path / "t.parquet", video=["a.mp4", "gone", "b.mp4"], mark=range(3))
    told = ExternalScore(table=str(table), key="video", column="mark")
    stage = stage_of(told)
    shards = [Layout(str(tmp_path)).shard(*names) for names in (("pretrain", "1"), ("sft", "2"))]
    for files in shards:
        scores, counts = Path(files.scores("quality")), Path(files.stats("quality"))
        shard.run(stage, told, clips, scores, counts, track=files.track, shard=files.name)
    counts = key_counts(stage, shards)
    assert (counts["keys"], counts["unknown"], counts["repeated"]) == (3, 1, 0)


def test_repeated_keys_that_match_nothing_are_told(
    tmp_path: Path, clips: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cost nothing here, but say that something is wrong with the table."""
    keys = ["a.mp4", "gone", "gone", "b.mp4", "gone"]
    table = parquet(tmp_path / "t.parquet", video=keys, mark=range(5))
    told = ExternalScore(table=str(table), key="video", column="mark")
    stage = stage_of(told)
    files = Layout(str(tmp_path)).shard("pretrain", "1")

    def run() -> dict[str, Any]:
        shard.run(
            *(stage, told, clips, Path(files.scores("quality")), Path(files.stats("quality"))),
            track="pretrain",
            shard="1",
        )
        return key_counts(stage, [files])

    counts = run()
    assert "t.parquet: 2 rows in column video with the key of an earlier row" in caplog.text
    # a.mp4, b.mp4 and gone.
    assert (counts["keys"], counts["unknown"], counts["repeated"]) == (3, 1, 2)
    # Of a table with too many rows, its keys are not kept.
    monkeypatch.setattr(shard, "COMPARED_ROWS", 4)
    counts = run()
    assert (counts["keys"], counts["unknown"], counts["repeated"]) == (5, 3, None)
    assert "t.parquet: its 5 rows are too many to search for repeated keys" in caplog.text


def test_jobs_know_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules are applied in the order of the configuration."""
    monkeypatch.chdir(tmp_path)
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["external_scores"] = {"zeal": score(), "charm": score(kind="labels", key="video")}
    config = configuration.complete(config)
    stage = configuration.catalogue_of(config).cached_stages[-3]
    assert stage.gated
    spec = jobs.job_spec(config, stage_track(config, stage), stage, "one")
    rest = ["--output=x", "--stats=y"]
    told = JobSpec.parse(stage, [*spec.arguments(), *rest])
    assert list(told.external) == ["zeal", "charm"]
    assert list(told.track.score_stages)[:2] == list(told.scores)[:2]
    assert [one.name for one in told.scores][:2] == ["zeal", "charm"]


def stage_track(config: dict[str, Any], stage: CachedStage) -> str:
    tracks = configuration.catalogue_of(config).tracks.values()
    return next(track.name for track in tracks if stage in track.score_stages)


# --- what is said before a run -------------------------------------------------------------------


@pytest.fixture
def problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The message for a configuration with external scores; "" when nothing is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.jsonl").write_text("")
    parquet(tmp_path / "t.parquet", clip=["x"], mark=[1.0], label=["y"], parts=[[1]])
    csv(tmp_path / "t.csv", "clip,mark,label,clips\nx,1,y,2\n")

    def check(external: Any, **thresholds: Any) -> str:
        config = configuration.read_yaml(configuration.DEFAULTS_FILE)
        config["tracks"]["pretrain"]["inputs"] = ["one.jsonl"]
        config["external_scores"] = external
        config["selections"]["default"]["pretrain"] |= thresholds
        try:
            configuration.check(configuration.complete(config))
        except LiveccError as error:
            return str(error)
        return ""

    return check


def score(**changes: Any) -> dict[str, Any]:
    return {"table": "t.parquet", "key": "clip", "column": "mark", **changes}


def test_nothing_wrong(problem: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    labels = score(column="label", kind="labels", tracks=["pretrain"])
    external = {"quality": score(), "source": labels, "q2": score(table="t.csv")}
    assert problem(external, quality={"min": 1}, source={"labels": ["y"]}) == ""
    assert problem(None) == ""
    monkeypatch.setenv("HOME", os.fspath(Path.cwd()))
    assert problem({"quality": score(table="~/t.parquet")}) == ""


@pytest.mark.parametrize(
    ("external", "said"),
    [
        ({"Quality": score()}, "external_scores.Quality: score names are column names"),
        ({7: score()}, "external_scores.7: score names"),
        ({"class": score()}, "external_scores.class: score names"),
        ({"lm_loss": score()}, "lm_loss: the name is already used by a column or threshold of"),
        ({"tokens": score()}, "tokens: the name is already used by a column or threshold of"),
        ({"score_lm_loss": score()}, "score_lm_loss: the name is already used by a stage"),
        ({"plan": score()}, "plan: the name is already used by a rule of the workflow"),
        ({"mode": score()}, "mode: the name is already used by the section mode"),
        ({"why": score()}, "why: the name is already used by a column"),
        ({"status": score()}, "status: the name is already used by a column"),
        ([score()], "external_scores: [{"),
        ({"quality": "t.csv"}, "external_scores.quality: 't.csv' is not allowed; it must be a map"),
        ({"quality": {"table": "t.csv"}}, "external_scores.quality: key, column is missing"),
        ({"quality": score(key="words")}, "external_scores.quality.key: 'words' is not allowed"),
        (
            {"quality": score(colum="x")},
            "quality.colum: unknown key (set to 'x') (did you mean 'co",
        ),
        ({"quality": score(tracks=["sftt"])}, "external_scores.quality.tracks"),
        ({"quality": score(table="t.xlsx")}, "'t.xlsx' is not allowed; it must end in .parquet"),
        ({"quality": score(table="u.parquet")}, "does not exist (did you mean 't.parquet'?)"),
        ({"quality": score(table="no/u.csv")}, "does not exist; neither does the folder no"),
        ({"quality": score(table="t{a}.csv")}, "must not contain braces"),
        ({"quality": score(column="marks")}, ".column: t.parquet has no column 'marks' (did you"),
        ({"quality": score(key="video")}, ".key: t.parquet has no column 'video'; it has clip"),
        (
            {"quality": score(key_column="clipp")},
            ".key_column: t.parquet has no column 'clipp' (did",
        ),
        ({"quality": score(key_column="parts")}, "keys must be strings or integers"),
        ({"quality": score(column="label")}, "holds string; kind: band requires numbers"),
        ({"quality": score(column="parts", kind="labels")}, "kind: labels requires strings"),
        ({"quality": score(kind="labels")}, "holds double; kind: labels requires strings"),
        ({"quality": score(table="t.csv", column="label")}, "holds string; kind: band requires"),
    ],
)
def test_wrong(problem: Callable[..., str], external: Any, said: str) -> None:
    message = problem(external)
    assert said in message
    assert message.count("\n") == 0


def test_tables_that_are_none(problem: Callable[..., str], tmp_path: Path) -> None:
    csv(tmp_path / "empty.csv", "")
    csv(tmp_path / "no.parquet", "clip,mark\n")
    (tmp_path / "folder.csv").mkdir()
    csv(tmp_path / "two.csv", "clip,mark,mark\nx,1,2\n")
    message = problem(
        {
            name: score(table=table)
            for name, table in {
                "a": "empty.csv",
                "b": "no.parquet",
                "c": "folder.csv",
                "d": "two.csv",
            }.items()
        }
    )
    lines = message.splitlines()
    assert "external_scores.a.table: empty.csv: cannot be read as CSV" in lines[0]
    assert "external_scores.b.table: no.parquet: cannot be read as Parquet" in lines[1]
    assert "'folder.csv' is a folder" in lines[2]
    assert "two.csv has 2 columns 'mark'" in lines[3]


def test_threshold_of_the_wrong_kind(problem: Callable[..., str]) -> None:
    message = problem({"quality": score()}, quality={"labels": ["x"]})
    assert "selections.default.pretrain.quality.labels: unknown key" in message
    assert "qualty: unknown key" in problem({"quality": score()}, qualty={"min": 1})
