"""Packages of other people, as pip would have installed them: modules and their entry points."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: A stage of scores that joins the pre-training track: the share of words that were said before.
REPEATED_WORDS = {
    "repeated_words/__init__.py": "",
    "repeated_words/declaration.py": '''
"""What repeated_words declares of itself."""

from typing import Annotated

from livecc.sections import Positive, option
from livecc.declaration import GatedOptions, Join, Resources, ScoreStage, no_models, no_problems
from livecc.thresholds.kinds import Band, Rule


class Options(GatedOptions):
    least_letters: Annotated[Positive, option("Shorter words do not count.", "number")] = 1


STAGE = ScoreStage(
    name="repeated_words",
    version="1",
    says="Counting repeated words",
    kind="words",
    options=Options,
    packages=(),
    resources=Resources(gpu=0, mem_mb=500, runtime=10, threads=1),
    problems=no_problems,
    engines={},
    on_gpu="no",
    needs=frozenset({"transcripts", "clips"}),
    item="clip",
    roles=(),
    models=no_models,
    prepare="repeated_words.shard:prepare",
    columns={"repeated_words": "float64"},
    rules=(Rule("repeated_words", Band, ("repeated_words",), "too many repeated words"),),
    joins=(Join("pretrain", after="identify_language"),),
)
''',
    "repeated_words/shard.py": '''
"""Count repeated words of a shard's clips, through the score cache."""

from livecc.scores.fingerprint import content_key
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.scores.job import Item, ScoreJob, ok


def prepare(spec):
    settings = {"version": spec.stage.version, **spec.deciding_options()}
    least = spec.options["least_letters"]

    def items():
        clips = candidates(spec.files["clips"], spec.scores, spec.gate)
        for transcript, group in transcripts_with_clips(spec.files["transcripts"], clips):
            for clip in group:
                text = transcript.text(clip.first_word, clip.last_word)
                yield Item(clip.id, content_key(text), text)

    def load_engine():
        def run(missing):
            for item in missing:
                words = [word for word in item.payload.split() if len(word) >= least]
                share = 1 - len(set(words)) / len(words)
                yield [(item.id, ok(repeated_words=share))]

        return run

    return ScoreJob(spec, settings, items, load_engine)
''',
}

#: An engine of identify_language: the language is French where a word says so.
TELLING_WORDS = {
    "telling_words.py": """
from typing import Annotated

from livecc.sections import Text, Section, option
from livecc.declaration import Engine


class Options(Section):
    word: Annotated[Text, option("A word that only French has.")] = "avec"


class TellingWords:
    def __init__(self, word):
        self.word = word

    @classmethod
    def load(cls, setup):
        return cls(setup.options["engine_options"]["word"])

    def identify(self, texts):
        return [("fr" if self.word in text.split() else "en", 1.0) for text in texts]


ENGINE = Engine("telling_words:TellingWords", on_gpu="no", options=Options, version="1")
""",
}


def install(
    folder: Path, name: str, files: Mapping[str, str], entry_points: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Write a package into a folder; the environment in which Python finds what lies there."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text.lstrip("\n"))
    info = folder / f"{name.replace('-', '_')}-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{point} = {place}" for point, place in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    inherited = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([inherited] if inherited else [])])}
