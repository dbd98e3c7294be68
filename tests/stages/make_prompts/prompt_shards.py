"""Shards of made-up clips, and make_prompts run on them in this process or as a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from livecc.files.atomic import open_atomic, read_json, write_json
from livecc.files.parquet import read_rows, write_table
from livecc.files.yaml_files import DEFAULTS_FILE, REPOSITORY, read_yaml
from livecc.formats.records import Transcript, clip_id
from livecc.formats.tables import schema
from livecc.scores.job import run_job
from livecc.sections import as_json
from livecc.stages.job_spec import JobSpec
from livecc.stages.make_prompts.declaration import STAGE, Options
from livecc.stages.make_prompts.shard import prepare
from tests.stages.make_prompts.chat_server import KEY

_SPOKEN = (
    "here you can see how the dough is folded over twice and then pressed flat with both hands "
    "before it goes back into the bowl for another hour of rest"
)
WORDS = _SPOKEN.split()
VARIABLE = "LIVECC_TEST_KEY"


def section(engine: str = "openai", **over: Any) -> dict[str, Any]:
    """The configuration's section with `over` laid over the part of the engine."""
    values: dict[str, Any] = read_yaml(DEFAULTS_FILE)["make_prompts"]
    values["engine"] = engine
    for name, value in over.items():
        target = values if name in values else values[engine]
        assert name in target, name
        target[name] = value
    return values


def text_of(n: int) -> str:
    """The words of clip n."""
    return " ".join([f"clip-{n}", *WORDS[n % 7 :], f"number {n}"])


class Shard:
    """Clips, one video each, in a folder."""

    def __init__(self, folder: Path, texts: Iterable[str], name: str = "one") -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.transcripts = folder / f"{name}.jsonl.zst"
        self.clips = folder / f"{name}.clips.parquet"
        rows = []
        self.ids: list[str] = []
        with open_atomic(self.transcripts) as stream:
            for number, text in enumerate(texts):
                video, words = f"{name}-{number}.mp4", text.split(" ")
                times = [float(i) for i in range(len(words))]
                record = Transcript(video, "Title", "Education", words, times, times)
                stream.write(record.to_json() + b"\n")
                self.ids.append(clip_id(video, 0, len(words)))
                rows.append(
                    {
                        "clip": self.ids[-1],
                        "video": video,
                        "first_word": 0,
                        "last_word": len(words),
                        "start": 0.0,
                        "end": float(len(words)),
                        "words_per_second": 1.0,
                        "status": "ok",
                    }
                )
        write_table(self.clips, schema("clips"), rows)
        self.output = folder / f"{name}.prompts.parquet"
        self.stats_file = folder / f"{name}.stats.json"

    def run(
        self,
        values: Mapping[str, Any],
        model: tuple[Path, str] | None = None,
        cache: Path | None = None,
        gate: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Run in this process; returns the rows of the table.

        `model`: (folder, digest) of the weights.
        """
        words = [*self.words(values, cache), "--device=cpu"]
        if model is not None:
            folder, digest = model
            receipt = self.folder / "receipt.json"
            write_json(receipt, {"model": "m", "folder": str(folder), "digest": digest})
            words.append(f"--receipt={receipt}")
        if gate is not None:
            words.append(f"--gate={as_json(gate)}")
        run_job(prepare(JobSpec.parse(STAGE, words)))
        return self.rows() if gate is None else read_rows(self.output)

    def rows(self) -> list[dict[str, Any]]:
        rows = read_rows(self.output)
        assert [row["clip"] for row in rows] == self.ids
        return rows

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = read_json(self.stats_file)
        return stats

    def words(self, values: Mapping[str, Any], cache: Path | None = None) -> list[str]:
        """The arguments of the command line."""
        words = ["--track", "sft", "--shard", self.name]
        words += ["--transcripts", str(self.transcripts), "--clips", str(self.clips)]
        words += ["--cache", str(cache or self.folder / "cache")]
        options = Options.values(values)
        words += [word for flag in STAGE.flags for word in flag.write(options[flag.name])]
        return [*words, "--output", str(self.output), "--stats", str(self.stats_file)]

    def command(self, values: Mapping[str, Any]) -> list[str]:
        script = str(REPOSITORY / "scripts" / "make_prompts.py")
        return [sys.executable, script, *self.words(values)]

    def start(self, values: Mapping[str, Any], **environment: str) -> subprocess.Popen[str]:
        """Run as a command, with its output in pipes."""
        return subprocess.Popen(
            self.command(values),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, VARIABLE: KEY, **environment},
        )
