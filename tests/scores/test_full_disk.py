"""A full disk in every stage that writes: one message, nothing lost, nothing half, and on again."""

from __future__ import annotations

import json
import resource
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from livecc.files.atomic import write_json
from livecc.files.lines import read_jsonl
from livecc.files.parquet import read_rows
from livecc.formats.layout import Layout
from livecc.planning.work import prepare
from livecc.stages.job_spec import JobSpec
from tests.support.built_in import STAGES as DECLARED
from tests.support.files_that_end import file_size_limit, fill, mount
from tests.support.places import SCRIPTS

#: In the order in which they run.
STAGES = [
    "clip_captions",
    "filter_categories",
    "import_transcripts",
    "clip_transcripts",
    "transcribe",
    "identify_language",
    "score_lm_loss",
    "select_samples",
    "merge_samples",
    "check_samples",
    "export_samples",
    "summarize",
]
SFT = ("filter_categories", "import_transcripts", "clip_transcripts", "transcribe")
#: The arguments that name what a stage writes; --output and --stats for the others.
WRITTEN = {
    "clip_captions": ("--transcripts", "--clips", "--videos", "--stats"),
    "filter_categories": ("--records", "--stats"),
    "import_transcripts": ("--transcripts", "--stats"),
    "clip_transcripts": ("--clips", "--videos", "--stats"),
    "merge_samples": ("--output", "--manifest"),
    "summarize": ("--json", "--text"),
}
SENTENCE = "Then the second piece of wood goes on top of the first one with a little glue ."


def captions(n: int) -> list[list[Any]]:
    return [[2.0 * i, 2.0 * i + 2, f"{i} {SENTENCE}"] for i in range(n)]


def words(n: int) -> list[list[Any]]:
    text = (SENTENCE[:-2] + ". ") * n
    return [[0.4 * i, 0.4 * i + 0.3, word] for i, word in enumerate(text.split())]


class Run:
    """The files of a small run, below a folder, and the command line of each stage."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data

    def write_inputs(self) -> None:
        """Captions, SFT records and videos, and the receipt of a model that is never loaded."""
        self.data.mkdir(parents=True)
        lines = [
            {"video": f"v{n}.mp4", "title": f"On {n}", "subtitles": captions(150 + n)}
            for n in range(30)
        ]
        self.write_lines("captions.jsonl", lines)
        lines = [
            {"video": f"v{n}.mp4", "category": "Education", "content": words(60 + n)}
            for n in range(30)
        ]
        self.write_lines("sft.jsonl", lines)
        (self.data / "videos").mkdir()
        for n in range(30):
            (self.data / "videos" / f"v{n}.mp4").write_bytes(b"video %d" % n)
        (self.data / "model").mkdir()
        receipt = {"model": "m", "folder": str(self.data / "model"), "digest": "d1"}
        receipt |= {"source": {"pypi": "m==1"}, "licence": "MIT"}
        write_json(self.data / "model.json", receipt)

    def write_lines(self, name: str, lines: list[dict[str, Any]]) -> None:
        (self.data / name).write_text("".join(json.dumps(line) + "\n" for line in lines))

    def arguments(self, stage: str) -> list[str]:
        layout = Layout(str(self.folder))
        pre, sft = layout.shard("pretrain", "a"), layout.shard("sft", "a")
        stats = f"--stats={(sft if stage in SFT else pre).stats(stage)}"
        records = f"--records={sft.records}"
        clip_files = [f"--transcripts={pre.transcripts}", f"--clips={pre.clips}"]
        cache, receipt = f"--cache={self.folder}/cache", f"--receipt={self.data}/model.json"
        scored = ["--track=pretrain", "--shard=a", *clip_files, cache, stats]
        scored.append(f"--output={pre.scores(stage)}")
        merged = layout.merged("pretrain", "default")
        return {
            "clip_captions": [
                *("--shard=a", *clip_files, f"--videos={pre.videos}", stats),
                f"{self.data}/captions.jsonl",
            ],
            "filter_categories": ["--shard=a", records, stats, f"{self.data}/sft.jsonl"],
            "import_transcripts": [
                *("--shard=a", records, stats, f"--transcripts={sft.transcripts}"),
                f"{self.data}/sft.jsonl",
            ],
            "clip_transcripts": [
                *("--shard=a", records, stats, f"--transcripts={sft.transcripts}"),
                *(f"--clips={sft.clips}", f"--videos={sft.videos}"),
            ],
            "transcribe": [
                *("--track=sft", "--shard=a", records, stats, receipt, cache, "--device=cpu"),
                *(f"--videos={self.data}/videos", f"--output={self.folder}/sft/heard.jsonl.zst"),
            ],
            "identify_language": scored,
            "score_lm_loss": [*scored, receipt, "--device=cpu"],
            "select_samples": [
                *(f"--results={self.folder}", "--track=pretrain", "--selection=default"),
                *("--shard=a", "--stage=identify_language", "--thresholds={}"),
                f"--output={layout.pack('pretrain', 'default', '0000')}",
            ],
            "merge_samples": [
                *("--track=pretrain", "--selection=default", cache),
                f"--shards={layout.shard_list('pretrain')}",
                f"--samples={layout.samples_folder('pretrain', 'default')}",
                *(
                    f"--stats={layout.stats_folder('pretrain')}",
                    '--configuration={"mode": "default", "clips": {}}',
                ),
                f"--receipt=score_lm_loss={self.data}/model.json",
                *(f"--output={merged}", f"--manifest={merged}.manifest.json"),
            ],
            "check_samples": [
                *(f"--merged={merged}", f"--videos={self.data}/videos"),
                f"--output={layout.check('pretrain', 'default')}",
            ],
            "export_samples": [
                *("parquet", f"--results={self.folder}", "--track=pretrain"),
                *("--selection=default", "--stage=identify_language"),
            ],
            "summarize": [
                *(f"--results={self.folder}", f"--layout={json.dumps(self.layout())}"),
                *(f"--json={self.folder}/summary.json", f"--text={self.folder}/summary.txt"),
            ],
        }[stage]

    def outputs(self, stage: str) -> list[Path]:
        """The files that a stage writes."""
        if stage == "select_samples":
            layout = Layout(str(self.folder))
            files = layout.shard("pretrain", "a")
            parts = [files.decisions("default"), files.samples("default"), files.counts("default")]
            return [*map(Path, parts), Path(layout.pack("pretrain", "default", "0000"))]
        if stage == "export_samples":
            table = Layout(str(self.folder)).sample_table("pretrain", "default")
            return [Path(table), Path(f"{table}.manifest.json")]
        names = WRITTEN.get(stage, ("--output", "--stats"))
        pairs = (argument.partition("=") for argument in self.arguments(stage))
        return [Path(value) for name, _, value in pairs if name in names]

    def layout(self) -> dict[str, Any]:
        merged = Layout(str(self.folder)).merged("pretrain", "default")
        return {
            "pretrain": {
                "clip_stages": ["clip_captions"],
                "stages": ["identify_language"],
                "selections": {"default": merged},
            }
        }

    def fill_cache(self, stage: str) -> None:
        """Scores of every item of a stage, so that its model need not be loaded."""
        declared: Any = DECLARED[stage]
        job = prepare(JobSpec.parse(declared, self.arguments(stage)))
        with job.open_cache() as cache:
            for item in job.items():
                assert item.key is not None
                cache.append([(item.key, {"status": "ok", "reason": None, **ROWS[stage]})])

    def run(self, stage: str) -> int:
        """Run the command line of a stage in this process; returns its status."""
        arguments = sys.argv
        sys.argv = [f"{stage}.py", *self.arguments(stage)]
        try:
            # Which would end the tests when they end.
            with patch("livecc.cli._leave"):
                runpy.run_path(str(SCRIPTS / f"{stage}.py"), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            sys.argv = arguments
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise AssertionError(f"{stage} did not exit")

    def files(self) -> dict[str, Any]:
        """The files of the results, without what differs from run to run."""
        found: dict[str, Any] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_dir() or name.startswith(("cache/", "summary")) or "/stats/" in name:
                continue
            found[name] = path.read_bytes()
        return found


#: What is in the cache of the stages that need a model.
ROWS: dict[str, dict[str, Any]] = {
    "transcribe": {
        **{"language": "en", "language_probability": 0.9, "duration": 9.0, "speech_seconds": 8.0},
        **{"engine": "faster_whisper", "model": "m", "dropped_words": 0, "dropped_reasons": {}},
        "words": [f"word{n}" for n in range(400)],
        **{name: [n / 7 for n in range(400)] for name in ("start", "end", "confidence")},
    },
    "score_lm_loss": {"lm_loss": 2.5, "tokens": 5, "prompt_tokens": 9, "dropped_context_words": 0},
}


@pytest.fixture(scope="module", autouse=True)
def _same_code() -> Iterator[None]:
    """Who develops may commit while tests run; manifests tell of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("livecc.software._git", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("reference")
    run = Run(folder / "results", folder / "data")
    run.write_inputs()
    (run.folder / "pretrain").mkdir(parents=True)
    (run.folder / "pretrain" / "shards.txt").write_text("a\n")
    for stage in STAGES:
        if stage in ROWS:
            run.fill_cache(stage)
        assert run.run(stage) == 0
    assert read_rows(Path(Layout(str(run.folder)).shard("pretrain", "a").scores("score_lm_loss")))
    assert all(row["status"] == "ok" for row in read_jsonl(run.folder / "sft" / "heard.jsonl.zst"))
    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    with mount(tmp_path / "disk", "8m") as folder:
        yield folder


def leftovers(run: Run) -> list[str]:
    return [path.name for path in run.folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("stage", STAGES)
def test_files_that_may_not_grow(
    tmp_path: Path, reference: Run, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stage fails at each of its files in turn, over earlier ones and without; then it may."""
    run = Run(tmp_path / "results", reference.data)
    shutil.copytree(reference.folder, run.folder)
    if stage == "identify_language":
        # Its scores are to be made, too.
        shutil.rmtree(run.folder / "cache" / stage)
    whole = run.files()
    paths = run.outputs(stage)
    sizes = sorted({path.stat().st_size for path in paths})
    for limit in (0, sizes[0] // 2, *(size - 1 for size in sizes)):
        before = run.files()
        with file_size_limit(limit):
            status = run.run(stage)
        check_failure(status, capsys.readouterr(), "File too large")
        # Some files may be finished, none is half, none is lost.
        after = run.files()
        assert after.items() <= whole.items()
        # Selecting removes first what other thresholds had made of its shards.
        may_go = {str(path.relative_to(run.folder)) for path in paths if stage == "select_samples"}
        assert before.keys() <= after.keys() | may_go
        assert leftovers(run) == []
        for path in paths:
            path.unlink(missing_ok=True)
    assert run.run(stage) == 0
    assert run.files() == whole


def check_failure(status: int, said: Any, why: str) -> None:
    """One message that says what to do."""
    text = said.out + said.err
    assert status == 1, text
    (message,) = [line for line in text.splitlines() if line.startswith("error: ")]
    assert f"{why}" in message
    assert "free some space and" in message
    assert "Traceback" not in text


@pytest.mark.parametrize("stage", ["clip_captions", "identify_language", "merge_samples"])
def test_full_file_system(
    small_disk: Path, reference: Run, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(small_disk / "results", reference.data)
    shutil.copytree(reference.folder, run.folder)
    shutil.rmtree(run.folder / "cache" / "identify_language")
    whole = run.files()
    fill(small_disk / "filler")
    status = run.run(stage)
    check_failure(status, capsys.readouterr(), "No space left on device")
    assert run.files() == whole
    assert leftovers(run) == []
    (small_disk / "filler").unlink()
    assert run.run(stage) == 0
    assert run.files() == whole


def test_signal_of_the_size_limit_is_no_end(tmp_path: Path, reference: Run) -> None:
    """In a process of its own, which begins with the signal's default: to be killed."""
    run = Run(tmp_path / "results", reference.data)
    command = [sys.executable, str(SCRIPTS / "clip_captions.py"), *run.arguments("clip_captions")]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "File too large" in result.stderr
