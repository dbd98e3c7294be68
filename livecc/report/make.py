"""Making the page of a run: columns, clips with their words, pictures within a size, one file."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.media.frames import VideoError
from livecc.media.pool import Failure
from livecc.report import media, page
from livecc.report.about import about
from livecc.report.boxes import BoxFinder, expected_bytes, has_boxes
from livecc.report.cards import choose, describe
from livecc.report.clips import MOST_CLIPS, TrackClips, page_columns, read_clips
from livecc.report.problems import problems
from livecc.report.run import ReportedRun

logger = logging.getLogger(__name__)

Media = Literal["copies", "links", "none"]

#: Shares of clips that a step leaves of those before it, as the paper's figures have them
#: (arXiv 2504.16030 and the file names of its code); of the pre-training track none are published.
PAPER_SHARES = {
    "sft": {
        "language": 525_941 / 527_583,
        "lm_loss": 2.8 / 3.5,
        "active_speaker": 1.01 / 1.54,
        "prompt": 527_583 / 1.01e6,
    }
}


@dataclass(frozen=True)
class PageOptions:
    """What a page holds.

    media: copies of clips, links to the video files, or none. megabytes: the size of the page, at
    most, apart from columns and texts that need more. shown: clips with their words; pictured: of
    these, with a strip; played: with a copy that plays. boxes: whether those that play have boxes
    around the faces in them, where the track is scored for active speakers. most: clips of all
    tracks together.
    """

    media: Media = "copies"
    megabytes: float = 15.0
    shown: int = 240
    pictured: int = 160
    played: int = 40
    boxes: bool = False
    most: int = MOST_CLIPS
    workers: int = 2


def make_page(
    run: ReportedRun, output: Path, options: PageOptions, configfiles: Sequence[str] = ()
) -> None:
    """Write the page of a run to `output`. Raises LiveccError if there is nothing to show."""
    made = collect(run, options, configfiles)
    pieces: list[tuple[str, bytes]] = []
    if options.media != "none":
        room = options.megabytes * 1e6 - len(page.script_json(made.data)) - _FRAME_BYTES
        kept = min(_boxes_need(made, options), room * _MOST_FOR_BOXES)
        pieces = list(_pictures(made, options, room - kept))
        if options.media == "links":
            _link(made, output)
        room -= sum(_size_in_page(held) for _, held in pieces)
        pieces += _boxes(run, made, options, {name for name, _ in pieces}, room)
    _mark(made, pieces)
    page.write(
        output,
        page.render(
            made.data,
            pieces,
            problems=made.problems,
            about=made.about,
            media_folder=options.media == "links",
        ),
    )


#: Scripts, styles and the sections that need no script.
_FRAME_BYTES = 300_000
#: Of the room for media, the share that is kept for boxes, at most.
_MOST_FOR_BOXES = 0.1


@dataclass(frozen=True)
class Collected:
    """What a page is made of: `data` for the scripts, and the clips behind it."""

    data: dict[str, Any]
    problems: dict[str, Any]
    about: dict[str, Any]
    clips: list[TrackClips]


def collect(
    run: ReportedRun, options: PageOptions, configfiles: Sequence[str] = (), *, texts: bool = True
) -> Collected:
    """Read everything that a page tells of a run; `texts`: whether with the words of clips."""
    if not run.tracks:
        raise LiveccError("no track has inputs, so there is nothing to show")
    summary = _summary(run)
    most = max(1, options.most // len(run.tracks))
    shown = max(1, options.shown // len(run.tracks))
    tracks, all_clips, troubles = [], [], {}
    for track in run.tracks:
        clips = read_clips(run, track, most)
        told = summary.get(track.name, {})
        numbers = choose(clips, shown)
        tracks.append(
            {
                **page_columns(clips),
                "paper": PAPER_SHARES.get(track.name, {}),
                "input": _input(told),
                "samples": {
                    name: one["samples"] for name, one in told.get("selections", {}).items()
                },
                "cards": describe(run, clips, numbers) if texts else [],
            }
        )
        troubles[track.name] = problems(run, clips, told)
        all_clips.append(clips)
    data = {
        "version": 1,
        "title": Path(run.layout.results).resolve().name,
        "id": hashlib.sha256(str(Path(run.layout.results).resolve()).encode()).hexdigest()[:12],
        "mode": run.mode,
        "made": _made(summary),
        "configfiles": list(configfiles) or ["my.yaml"],
        "tracks": tracks,
    }
    return Collected(data, troubles, about(run, summary, configfiles), all_clips)


def _summary(run: ReportedRun) -> Mapping[str, Any]:
    path = Path(run.layout.summary_json)
    if not path.is_file():
        return {}
    found: Mapping[str, Any] = read_json(path)
    return found


def _made(summary: Mapping[str, Any]) -> str:
    return "" if summary else "This run has not finished: it has no summary yet."


def _input(told: Mapping[str, Any]) -> dict[str, Any] | None:
    counts = told.get("input")
    if not counts:
        return None
    names = ("lines", "videos", "failed_videos", "dropped_videos", "words")
    return {name: counts[name] for name in names if name in counts}


# --- media ---------------------------------------------------------------------------------------


def _pictures(made: Collected, options: PageOptions, room: float) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of strips, then of proxies, until `room` bytes of the page are full."""
    turns = _in_turn([track["cards"] for track in made.data["tracks"]])
    spans = {}
    for number, (track, card) in enumerate(turns):
        span = span_of(made.clips[track], card)
        if span is not None:
            spans[number] = (f"{track}-{card['n']}", span)
    kinds = [("strip", media.strips, options.pictured)]
    if options.media == "copies":
        kinds.append(("proxy", media.proxies, options.played))
    for kind, make, most in kinds:
        wanted = list(spans)[:most]
        results = make(((number, spans[number][1]) for number in wanted), options.workers)
        for number, result in results:
            name, span = spans[number]
            if isinstance(result, Failure):
                logger.info("%s: no %s (%s)", span.path.name, kind, result.reason)
                # A file that shows no frame has none to play.
                if not result.transient:
                    spans.pop(number)
                continue
            room -= _size_in_page(result)
            if room < 0:
                results.close()
                return
            yield f"{kind}-{name}", result


def _size_in_page(held: bytes) -> float:
    """Bytes that a piece takes in the page: it is in base64, in an element."""
    return len(held) * 4 / 3 + 100


def _wanting_boxes(made: Collected, options: PageOptions) -> list[tuple[int, Any]]:
    """(number of the track, card) of the clips that may have boxes, the most important first."""
    if not options.boxes:
        return []
    turns = _in_turn([track["cards"] for track in made.data["tracks"]])
    return [(number, card) for number, card in turns if has_boxes(made.clips[number].track)]


def _boxes_need(made: Collected, options: PageOptions) -> float:
    """Bytes that the boxes of a page take, about."""
    some = _wanting_boxes(made, options)[: options.played]
    return sum(expected_bytes(card["end"] - card["start"]) for _, card in some)


def _boxes(
    run: ReportedRun, made: Collected, options: PageOptions, names: set[str], room: float
) -> list[tuple[str, bytes]]:
    """(name, bytes) of the boxes of clips that play, as far as they fit into `room` bytes.

    `names`: of the pictures that the page has. If there cannot be any boxes, the page says why.
    """
    playing = [
        (number, card)
        for number, card in _wanting_boxes(made, options)
        if f"proxy-{number}-{card['n']}" in names or "link" in card
    ]
    found: list[tuple[str, bytes]] = []
    for number, clips in enumerate(made.clips):
        cards = [card for track, card in playing[: options.played] if track == number]
        if not cards:
            continue
        ids: dict[str, set[str]] = {}
        for card in cards:
            ids.setdefault(card["shard"], set()).add(card["id"])
        try:
            packed = dict(BoxFinder(run.layout, clips.track, options.workers).find(ids))
        except LiveccError as error:
            logger.warning("%s: the page has no boxes of faces: %s", clips.track.name, error)
            made.data["tracks"][number]["no_boxes"] = f"no boxes of faces: {error}"
            continue
        for card in cards:
            held = packed.get(card["id"])
            if held is not None and _size_in_page(held) <= room:
                room -= _size_in_page(held)
                found.append((f"boxes-{number}-{card['n']}", held))
    return found


def _in_turn(lists: Sequence[Sequence[Any]]) -> list[tuple[int, Any]]:
    """(number of the list, item): the first of each list, then the second of each."""
    longest = max((len(one) for one in lists), default=0)
    return [
        (number, one[place])
        for place in range(longest)
        for number, one in enumerate(lists)
        if place < len(one)
    ]


def span_of(clips: TrackClips, card: Mapping[str, Any]) -> media.Span | None:
    """The part of a file that a clip shows; None if it is not there, or must not be opened."""
    if card["video_end"] <= card["video_start"]:
        return None
    try:
        path = clips.track.videos.file(card["video"])
    except LiveccError:
        return None
    return media.Span(path, card["video_start"], card["video_end"]) if path.is_file() else None


def _link(made: Collected, output: Path) -> None:
    """Give each clip the address of its file, relative to the page."""
    for clips, track in zip(made.clips, made.data["tracks"], strict=True):
        for card in track["cards"]:
            span = span_of(clips, card)
            if span is None:
                continue
            try:
                offset = media.clock_offset(span.path)
            except VideoError:
                continue
            place = os.path.relpath(span.path.absolute(), output.absolute().parent)
            card["link"] = quote(place)
            card["offset"] = offset


def _mark(made: Collected, pieces: Sequence[tuple[str, bytes]]) -> None:
    """Say of each clip which media the page has."""
    names = {name for name, _ in pieces}
    for number, track in enumerate(made.data["tracks"]):
        for card in track["cards"]:
            card["strip"] = f"strip-{number}-{card['n']}" in names
            card["boxes"] = f"boxes-{number}-{card['n']}" in names
            card["plays"] = f"proxy-{number}-{card['n']}" in names or "link" in card
