"""The declaration of describe_video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from livecc.declaration import AskedOptions, Model, Resources, ScoreStage
from livecc.sections import ModelName, Positive, Seconds, Text, option
from livecc.sources.record import CAPTION_KINDS
from livecc.stages.identify_language.declaration import STAGE as IDENTIFY_LANGUAGE
from livecc.stages.identify_language.declaration import models as language_models
from livecc.thresholds.kinds import Band, Labels, Language, Rule
from livecc.thresholds.listed import NotListed

#: The section of lists that hold for every selection, and the rule that it becomes.
EXCLUDE, EXCLUDED = "exclude", "excluded"
#: Whether a file is there; UNREADABLE: it is, and is no video.
THERE, MISSING, REFUSED, UNREADABLE = "there", "missing", "refused", "unreadable"
FILE_STATES = (THERE, MISSING, REFUSED, UNREADABLE)


class Options(AskedOptions):
    engine: Annotated[
        Text,
        option(
            "Language of the whole text: langid (CPU) or xlm_roberta (as in the paper).", "number"
        ),
    ] = "langid"
    model: Annotated[
        ModelName, option("xlm_roberta: a name in models.yaml, a folder, or a Hub repository.")
    ] = "xlm-roberta-language-detection"
    tokens_per_batch: Annotated[
        Positive | None,
        option("xlm_roberta: maximum tokens per batch; null: chosen for the device.", "pace"),
    ] = None
    fold_words: Annotated[
        bool,
        option("Whether distinct words ignore case and the punctuation around a word.", "number"),
    ] = True
    open_files: Annotated[
        bool,
        option("Whether files are opened for their seconds, or only looked for.", "number"),
    ] = True
    decode_timeout_seconds: Annotated[
        Seconds, option("Time limit in seconds for opening a file.", "pace")
    ] = 60


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    return language_models(section)


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    if config[EXCLUDE] and config[STAGE.name]["enabled"] is False:
        yield (
            f"{STAGE.name}.enabled: false, but {EXCLUDE} needs the ids that it finds; remove the "
            f"lists from {EXCLUDE}, or let the stage run (auto)"
        )


def _fact(name: str, kind: Any, says: str, values: tuple[str, ...] = ()) -> Rule:
    """A rule on what an input line may tell."""
    return Rule(name, kind, (name,), says, may_be_unknown=True, of_line=True, values=values)


STAGE = ScoreStage(
    name="describe_video",
    version="1",
    says="Describing videos",
    kind="lm",
    options=Options,
    packages=("av", *IDENTIFY_LANGUAGE.packages),
    resources=Resources(gpu=1, mem_mb=2000, runtime=60, threads=1),
    problems=problems,
    # The engines are those of identify_language, given the whole text.
    engines=IDENTIFY_LANGUAGE.engines,
    on_gpu=None,
    needs=frozenset({"lines", "transcripts", "videos", "mode"}),
    item="video",
    roles=("",),
    models=models,
    prepare="livecc.stages.describe_video.shard:prepare",
    columns={
        "video_id": "string",
        "title": "string",
        "category": "string",
        "duration": "float64",
        "height": "int32",
        "caption_language": "string",
        "captions": "string",
        "file": "string",
        "file_seconds": "float64",
        "distinct_words": "int32",
        "video_language": "string",
        "video_language_confidence": "float64",
    },
    # In the order in which they are applied: what the input line tells comes first.
    rules=(
        Rule(EXCLUDED, NotListed, ("video_id",), "on a list of excluded videos", of_line=True),
        _fact("category", Labels, "other category"),
        _fact("duration", Band, "video too short or too long"),
        _fact("height", Band, "picture too low or too high"),
        _fact("caption_language", Labels, "captions in another language"),
        _fact("captions", Labels, "captions of another kind", CAPTION_KINDS),
        Rule("file", Labels, ("file",), "file missing or unreadable", values=FILE_STATES),
        Rule(
            "file_seconds",
            Band,
            ("file_seconds",),
            "file too short or too long",
            may_be_unknown=True,
        ),
        Rule(
            "distinct_words",
            Band,
            ("distinct_words",),
            "too few or too many distinct words",
            may_be_unknown=True,
        ),
        Rule(
            "video_language",
            Language,
            ("video_language", "video_language_confidence"),
            "video in another language",
        ),
    ),
    joins=(),
)
