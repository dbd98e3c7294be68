"""`{stem}_seeks.jsonl`: the offsets of a training file's samples in a file of their own.

StreamingVLM's reader (`streaming_vlm/data/lmm_dataset.py` of mit-han-lab/streaming-vlm) seeks in a
training file of LiveCC's format, but does not read the offsets in its last line: of the name it
takes out "_with_seeks" and reads one JSON list from `{stem}_seeks.jsonl` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.exports.release import Release
from livecc.files.atomic import write_bytes
from livecc.formats.samples import read_offsets


def write(
    release: Release, files: Mapping[str, Path], _options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Write the offsets of each split; raises LiveccError for a file without offsets."""
    told = {}
    for split, path in files.items():
        offsets = read_offsets(release.merged(split))
        write_bytes(path, json.dumps(offsets).encode("ascii"))
        told[split] = {"samples": len(offsets)}
    return told
