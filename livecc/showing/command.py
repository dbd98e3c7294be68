"""From the name of a clip or video to what `livecc show` prints and writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.errors import LiveccError
from livecc.files.parquet import read_table
from livecc.formats.video_paths import VideoFolder
from livecc.selecting.what_if.question import ask, ask_all
from livecc.showing.facts import facts_of, verdicts
from livecc.showing.find import find, lines_of
from livecc.showing.play import play_clip
from livecc.showing.render import render_clip, render_video, source_line


def show(
    console: Any,
    config: Mapping[str, Any],
    name: str,
    track: str | None,
    selection: str | None,
    play: Path | None,
    font: Path | None,
) -> None:
    """Print a clip or video, and write the clip to the file `play`.

    Raises LiveccError for an unknown name, and when the clip cannot be played.
    """
    asked = [ask(config, track, selection, [], None)] if track else None
    questions = asked or ask_all(config, None, selection, [], None)
    found = find(name, questions)
    own = found.question
    inputs = configuration.shards(config, own.track)
    lines = lines_of(found.files, found.video)
    source = source_line(found, inputs, lines)
    if found.clip is None and len(found.rows) != 1:
        if play is not None:
            raise LiveccError(
                f"--play: {name!r} is a video with {len(found.rows)} clips; name one of them"
            )
        rows = []
        if found.rows:
            table = read_table(found.files.clips, ["clip", "start", "end"])
            rows = table.take(list(found.rows)).to_pylist()
        told = verdicts(found) if found.rows else {}
        render_video(console, found, source, lines, list(zip(rows, told.values(), strict=True)))
        return
    facts = facts_of(found, found.rows[0])
    render_clip(console, found, facts, source)
    if play is not None:
        settings = config["tracks"][own.track]
        folder = VideoFolder(Path(settings["videos"]), settings["videos_outside"])
        console.print()
        for note in play_clip(play, folder, facts.transcript, facts.clip, font):
            console.print(note, soft_wrap=True)
        console.print(f"{play}: {facts.clip.id}", soft_wrap=True)
