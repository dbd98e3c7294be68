"""The tracks: the stages that create and score their clips, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livecc.declaration import (
    NAME,
    DeclarationError,
    Resources,
    Stage,
    TableStage,
    no_problems,
)
from livecc.formats.layout import RESERVED_NAMES
from livecc.stages.check_samples.declaration import STAGE as CHECK_SAMPLES
from livecc.stages.clip_captions.declaration import STAGE as CLIP_CAPTIONS
from livecc.stages.clip_transcripts.declaration import STAGE as CLIP_TRANSCRIPTS
from livecc.stages.filter_categories.declaration import STAGE as FILTER_CATEGORIES
from livecc.stages.identify_language.declaration import STAGE as IDENTIFY_LANGUAGE
from livecc.stages.import_transcripts.declaration import STAGE as IMPORT_TRANSCRIPTS
from livecc.stages.make_prompts.declaration import STAGE as MAKE_PROMPTS
from livecc.stages.probe_videos.declaration import STAGE as PROBE_VIDEOS
from livecc.stages.score_active_speaker.declaration import STAGE as SCORE_ACTIVE_SPEAKER
from livecc.stages.score_lm_loss.declaration import STAGE as SCORE_LM_LOSS
from livecc.stages.score_talking_head.declaration import STAGE as SCORE_TALKING_HEAD
from livecc.stages.transcribe.declaration import STAGE as TRANSCRIBE


@dataclass(frozen=True)
class Either:
    """The first stage if enabled, the second otherwise."""

    on: Stage
    off: Stage


@dataclass(frozen=True)
class Track:
    """A pipeline from input lines to samples.

    clip_stages: create its clips, in order; each writes stats.
    score_stages: score its clips, in order; a gate may use earlier ones.
    loss_sees_context: whether the prompt of the language-model loss includes the earlier text.
    guests: those of `score_stages` added by a configuration.
    """

    name: str
    clip_stages: tuple[Stage | Either, ...]
    score_stages: tuple[TableStage, ...]
    loss_sees_context: bool
    guests: tuple[TableStage, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name in RESERVED_NAMES:
            raise DeclarationError(
                f"track {self.name!r}: the name must be lower-case letters, digits and _, and none "
                f"of {', '.join(RESERVED_NAMES)}"
            )
        if not self.clip_stages:
            raise DeclarationError(f"track {self.name}: `clip_stages` is empty: it has no clips")

    def all_clip_stages(self) -> list[Stage]:
        """All stages that can create its clips."""
        return [
            stage
            for step in self.clip_stages
            for stage in ((step.on, step.off) if isinstance(step, Either) else (step,))
        ]

    def clip_stages_for(self, config: Mapping[str, Any]) -> list[Stage]:
        """The stages that create its clips with this configuration."""
        return [
            (step.on if step.on.is_on(config) else step.off) if isinstance(step, Either) else step
            for step in self.clip_stages
        ]

    def alternative_to(self, stage: Stage) -> Stage | None:
        """The stage that makes the same files with another configuration."""
        for step in self.clip_stages:
            if isinstance(step, Either) and stage in (step.on, step.off):
                return step.off if stage is step.on else step.on
        return None

    def score_stages_for(self, config: Mapping[str, Any]) -> list[TableStage]:
        """The enabled scoring stages."""
        return [stage for stage in self.score_stages if stage.is_on(config)]


PRETRAIN = Track(
    name="pretrain",
    clip_stages=(CLIP_CAPTIONS,),
    score_stages=(IDENTIFY_LANGUAGE, SCORE_LM_LOSS, PROBE_VIDEOS, SCORE_TALKING_HEAD),
    loss_sees_context=True,
)
SFT = Track(
    name="sft",
    clip_stages=(
        FILTER_CATEGORIES,
        Either(TRANSCRIBE, IMPORT_TRANSCRIPTS),
        CLIP_TRANSCRIPTS,
    ),
    score_stages=(
        *(IDENTIFY_LANGUAGE, SCORE_LM_LOSS, PROBE_VIDEOS),
        *(SCORE_ACTIVE_SPEAKER, MAKE_PROMPTS),
    ),
    loss_sees_context=False,
)
TRACKS = (PRETRAIN, SFT)

#: Stages that decide and write samples without scoring.
SELECT_SAMPLES = Stage(
    name="select_samples",
    version="1",
    says="Selecting",
    kind="workflow",
    options=None,
    packages=(),
    resources=Resources(gpu=0, mem_mb=1000, runtime=20, threads=1),
    problems=no_problems,
)
MERGE_SAMPLES = Stage(
    name="merge_samples",
    version="1",
    says="Merging",
    kind="workflow",
    options=None,
    packages=("orjson", "pyarrow", "snakemake", "zstandard"),
    resources=Resources(gpu=0, mem_mb=2000, runtime=120, threads=1),
    problems=no_problems,
)
#: Its jobs write the files of livecc.exports, which have versions of their own.
EXPORT_SAMPLES = Stage(
    name="export_samples",
    version="1",
    says="Exporting",
    kind="workflow",
    options=None,
    packages=("jinja2", "orjson", "pyarrow"),
    resources=Resources(gpu=0, mem_mb=2000, runtime=60, threads=1),
    problems=no_problems,
)
#: Stages that follow scoring, in order.
RELEASE_STAGES = (SELECT_SAMPLES, MERGE_SAMPLES, CHECK_SAMPLES, EXPORT_SAMPLES)
