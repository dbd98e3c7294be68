"""Writing a format of a selection, and its manifest.

`{first file}.manifest.json` names all files of the format with their digests, and those of the
training files that they were made of, so that `livecc verify` finds both damage and mixtures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.declaration import imported
from livecc.exports.formats import Format
from livecc.exports.release import Release
from livecc.files.atomic import write_json
from livecc.files.digests import file_sha256
from livecc.formats.splits import SPLITS
from livecc.software import versions_of

FORMAT = "livecc export 1"


def export(
    one: Format, release: Release, options: Mapping[str, Any], made_with: str = ""
) -> dict[str, Path]:
    """Write the files of a format and then its manifest; returns the files by split.

    Raises LiveccError when the files of the results are not of one run.
    """
    layout, track, selection = release.layout, release.track, release.selection
    files = {
        split: Path(path)
        for split, path in one.files(layout, track, selection, release.splits).items()
    }
    # Of splits that earlier runs had.
    every = one.files(layout, track, selection, SPLITS)
    for path in {Path(path) for path in every.values()} - set(files.values()):
        path.unlink(missing_ok=True)
    told = imported(one.writer)(release, files, options)
    write_json(
        one.manifest(layout, track, selection),
        {
            "format": FORMAT,
            "export": one.name,
            "version": one.version,
            "track": track,
            "selection": selection,
            "files": {
                path.name: {
                    "bytes": path.stat().st_size,
                    "sha256": file_sha256(path),
                    **({"split": split} if len(files) > 1 else {}),
                    **told.get(split, {}),
                }
                for split, path in files.items()
            },
            "of": {
                name: file["sha256"]
                for manifest in release.manifests.values()
                for name, file in manifest["files"].items()
            },
            "software": versions_of(one.packages),
            "made_with": made_with,
        },
    )
    return files
