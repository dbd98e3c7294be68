"""The declaration of import_transcripts."""

from __future__ import annotations

from livecc.declaration import Stage, no_problems
from livecc.stages.clip_transcripts.declaration import STAGE as CLIP_TRANSCRIPTS

STAGE = Stage(
    name="import_transcripts",
    version="3",
    says="Importing transcripts",
    kind="workflow",
    options=None,
    packages=(),
    resources=CLIP_TRANSCRIPTS.resources,
    problems=no_problems,
)
