"""Stage A3: does a video show somebody talking to the camera all the time? One score a video.

Two engines give a score in [0, 1], high for a talking head:

- `qwen2_vl`: what LiveCC used. The probability that Qwen2-VL answers "Yes" when it is asked about
  sampled frames.
- `face_presence`: for machines without a GPU. The share of sampled frames that show a large face.

The scores of different engines are not comparable; thresholds belong to one engine.
"""

from livecc.score_talking_head.load import (
    ENGINES,
    fingerprint_options,
    load,
    options_of,
)
from livecc.score_talking_head.scorer import DecodeOptions, Row, TalkingHeadScorer

__all__ = [
    "ENGINES",
    "DecodeOptions",
    "Row",
    "TalkingHeadScorer",
    "fingerprint_options",
    "load",
    "options_of",
]
