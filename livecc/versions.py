"""The version of every stage's code: raised when, and only when, its numbers change.

A version is a param of the stage's rule and part of its cache's fingerprint, so raising one runs
that stage again and nothing else. (Snakemake's own code trigger is off: it fires on a fresh clone,
because it looks at times, and it does not see imported modules.)
"""

from __future__ import annotations

VERSIONS = {
    "clip_captions": "1",
    "filter_categories": "1",
    "import_transcripts": "2",
    "transcribe": "1",
    "clip_transcripts": "1",
    "identify_language": "1",
    "score_lm_loss": "1",
    "score_talking_head": "1",
    "score_active_speaker": "2",
    "make_prompts": "1",
    "select_samples": "1",
}
