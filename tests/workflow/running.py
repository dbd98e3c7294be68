"""A small data set of its own, and Snakemake run on it as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.places import REPOSITORY
from tests.workflow.warm import warm_python

#: Variables that no package reads when it is imported; of others, some may do.
READ_LATE = ("LIVECC_", "PYTHONPATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY")


def _words(text: str) -> list[str]:
    return text.split()


FOLD = _words(
    "Today we will fold a paper boat from a single sheet of paper . First you fold the sheet in "
    "half along the long side and press the crease flat with your thumb . Then you bring the two "
    "upper corners down to the middle so that they meet and form a point at the top . "
)
SUN = _words(
    "The planets move around the sun on paths that are almost circles and the inner ones are "
    "faster than the outer ones . Mercury needs only eighty eight days for one turn while Neptune "
    "needs more than one hundred and sixty years until it is back where it began . "
)
BOAT_FR = _words(
    "Aujourd'hui nous allons plier un bateau avec une seule feuille de papier . Pliez d'abord la "
    "feuille en deux dans le sens de la longueur et appuyez bien sur le pli avec le pouce . "
)


def captions(words: list[str], n_words: int, seconds_per_word: float = 0.4) -> list[list[Any]]:
    """`n_words` words in lines of eight, one after the other."""
    lines = []
    for first in range(0, n_words, 8):
        text = [words[n % len(words)] for n in range(first, min(first + 8, n_words))]
        start = round(first * seconds_per_word, 2)
        lines.append([start, round(start + len(text) * seconds_per_word, 2), " ".join(text)])
    return lines


def record(video: str, words: list[str], n_words: int = 150, **more: Any) -> dict[str, Any]:
    seconds = more.pop("seconds_per_word", 0.4)
    title = f"About {video}"
    subtitles = captions(words, n_words, seconds)
    return {"video": video, "title": title, "category": "Education", "subtitles": subtitles, **more}


class Project:
    """A folder with input, videos and a configuration, and the results in it."""

    def __init__(self, folder: Path, repository: Path = REPOSITORY) -> None:
        self.folder = folder
        self.repository = repository
        self.config: dict[str, Any] = {}
        #: Where runs are started; the folder, unless told otherwise.
        self.working = folder
        #: Whether `run` forks processes that have imported their packages (tests.workflow.warm).
        self.warm = True

    def write_input(self, shard: str, lines: list[Any]) -> Path:
        """Records are written as JSON, texts as they are."""
        path = self.folder / "input" / f"{shard}.jsonl"
        path.parent.mkdir(exist_ok=True)
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("".join(f"{text}\n" for text in texts))
        return path

    def command(self, *flags: str) -> list[str]:
        """What a user would type, after writing the configuration; `flags` win over its own."""
        (self.working / "my.yaml").write_text(yaml.safe_dump(self.settings()))
        command = [sys.executable, "-m", "snakemake", "-s", str(self.repository / "Snakefile")]
        command += ["--workflow-profile", str(self.repository / "profiles" / "local")]
        return [*command, "--configfile", "my.yaml", "--cores", "2", *flags]

    def settings(self) -> dict[str, Any]:
        """The configuration for runs from where they are started.

        Without the page about the run, which has tests of its own, unless it asks for one.
        """
        # Earlier releases, which some tests run, know no page.
        has_page = (self.repository / "rules" / "report.smk").exists()
        config = {**({"report": {"enabled": False}} if has_page else {}), **self.config}
        if self.working == self.folder:
            return config
        config = json.loads(json.dumps(config))
        for track in config["tracks"].values():
            track["inputs"] = [str(self.folder / pattern) for pattern in track["inputs"]]
            track["videos"] = str(self.folder / track["videos"])
        for name in ("results", "models_folder"):
            config[name] = str(self.folder / config.get(name, name.removesuffix("_folder")))
        return config

    def move_runs(self, working: Path, repository: Path) -> None:
        """Start runs in another directory and with another clone; forget the earlier ones."""
        shutil.rmtree(self.folder / ".snakemake")
        working.mkdir()
        self.working, self.repository = working, repository

    def run(self, *flags: str, environment: dict[str, str] | None = None) -> Run:
        """Run Snakemake in the folder."""
        command = self.command(*flags)
        if self.warm and all(name.startswith(READ_LATE) for name in environment or ()):
            command[0] = warm_python()
        result = subprocess.run(
            command,
            cwd=self.working,
            # Somebody at the terminal who says yes to everything.
            input="y\n",
            capture_output=True,
            text=True,
            env={**os.environ, **(environment or {})},
            check=False,
        )
        return Run(result.returncode, result.stdout + result.stderr)

    def results(self, *parts: str) -> Path:
        return self.folder.joinpath("results", *parts)

    def stats(self, stage: str, shard: str, track: str = "pretrain") -> dict[str, Any]:
        stats: dict[str, Any] = json.loads(
            self.results(track, "stats", stage, f"{shard}.json").read_text()
        )
        return stats

    def copy(self, folder: Path) -> Project:
        """The same project with its results in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = Project(folder, self.repository)
        other.config = json.loads(json.dumps(self.config))
        other.warm = self.warm
        return other


class Run:
    """What Snakemake returned and said."""

    def __init__(self, status: int, output: str) -> None:
        self.status, self.output = status, output

    def jobs(self) -> dict[str, int]:
        """How often each rule ran."""
        ran: dict[str, int] = {}
        for line in self.output.splitlines():
            if line.startswith("Finished jobid:"):
                rule = line.split("(Rule: ")[1].rstrip(")")
                ran[rule] = ran.get(rule, 0) + 1
        ran.pop("all", None)
        return ran
