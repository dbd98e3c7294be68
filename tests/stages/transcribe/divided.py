"""Transcribes the files of a folder and prints all that came out; run by test_divided_work.

    python -m tests.stages.transcribe.divided MODEL FOLDER BATCH_SIZE THREADS

In a process of its own, because the libraries read their variables once.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from livecc.media.pool import DecodeOptions
from tests.stages.transcribe.transcribers import load


def main() -> None:
    model, folder = map(Path, sys.argv[1:3])
    batch_size, threads = map(int, sys.argv[3:])
    files = sorted(folder.iterdir())
    transcriber = load(
        "faster_whisper",
        model_dir=model,
        mode="paper",
        options={"batch_size": batch_size},
        decode=DecodeOptions(workers=1, timeout_seconds=120),
        threads=threads,
    )
    rows = dict(
        row for rows in transcriber.transcribe((path.name, path) for path in files) for row in rows
    )
    features = hashlib.sha256()
    for path in files:
        for window, _, _ in transcriber.read(path).windows:
            features.update(window.tobytes())
    words = {name: [asdict(word) for word in rows[name].words] for name in sorted(rows)}
    print(json.dumps({"features": features.hexdigest(), "words": words}))


if __name__ == "__main__":
    main()
