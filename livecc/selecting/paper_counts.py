"""The paper's funnel beside what a run has measured: which share passes each step.

Published figures are from the paper (arXiv 2504.16030v1: section 3 and Fig. 4a), the card of its
pre-training set, and names of files in its released code. What is stated nowhere is `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.files.parquet import read_table
from livecc.formats.layout import Layout
from livecc.formats.shard_list import read_shard_list
from livecc.scores.columns import ScoreColumns, is_ok, lacks_value, read_columns
from livecc.stages.catalogue import Catalogue
from livecc.stages.describe_video.declaration import EXCLUDED
from livecc.stages.describe_video.declaration import STAGE as DESCRIBE_VIDEO
from livecc.thresholds.kinds import Rule, Threshold
from livecc.thresholds.listed import located
from livecc.thresholds.sets import ON_UNKNOWN, parse_rules

#: Where a figure stands: in the paper or its card; in names of files; nowhere.
Origin = Literal["published", "file names", "unknown"]


@dataclass(frozen=True)
class Step:
    """A step of the funnel: `rules` of a selection, on videos or clips.

    share: of those before it that pass. left: what the paper has left after it, in words.
    """

    name: str
    rules: tuple[str, ...]
    unit: Literal["videos", "clips"]
    share: float | None
    left: str
    origin: Origin


#: The steps of each track, in the order of the paper.
STEPS: dict[str, tuple[Step, ...]] = {
    "pretrain": (
        Step(
            "metadata: length, height, captions, language",
            ("duration", "height", "captions", "caption_language"),
            *("videos", None, "10.7 M videos; of how many is unknown", "published"),
        ),
        Step(
            "language of all captions, distinct words",
            ("video_language", "distinct_words"),
            *("videos", 5.7 / 10.7, "5.7 M videos", "published"),
        ),
        Step("evaluation videos", ("excluded",), "videos", None, "", "unknown"),
        Step("words a second", ("words_per_second",), "clips", None, "", "unknown"),
        Step("language-model loss", ("lm_loss",), "clips", None, "", "unknown"),
        Step("talking head", ("talking_head",), "clips", None, "5.05 M samples", "published"),
    ),
    "sft": (
        Step("words a second", ("words_per_second",), "clips", None, "", "unknown"),
        Step("language-model loss", ("lm_loss",), "clips", 2.8 / 3.5, "2.8 M clips", "file names"),
        Step("categories", ("category",), "clips", 1.54 / 2.8, "1.54 M clips", "file names"),
        Step(
            "active speaker",
            ("active_speaker",),
            "clips",
            1.01 / 1.54,
            "1.01 M clips",
            "file names",
        ),
        Step("prompt", ("prompt",), "clips", 527_583 / 1.01e6, "527,583 clips", "file names"),
        Step("language", ("language",), "clips", 525_941 / 527_583, "525,941 clips", "published"),
        Step("evaluation videos", ("excluded",), "clips", None, "", "unknown"),
    ),
}
#: Clips that a video with clips has, samples of a video: (share, in words, origin).
PER_VIDEO: dict[str, dict[str, tuple[float, str, Origin]]] = {
    "pretrain": {
        "samples a video": (5_047_208 / 5.7e6, "5,047,208 of 5.7 M videos", "published"),
    },
    "sft": {"clips a video": (3.5 / 3.1, "3.5 M of 3.1 M videos", "file names")},
}
#: Fig. 4a: clips of the SFT set by category.
CATEGORIES = {
    "Howto & Style": 168_541,
    "Science & Technology": 82_157,
    "Education": 80_993,
    "Autos & Vehicles": 76_645,
    "Sports": 73_968,
    "Gaming": 31_801,
    "News & Politics": 11_836,
}


@dataclass
class Passed:
    """Of a step: how many came to it with a score, passed it, and had no score."""

    reached: int = 0
    passed: int = 0
    unscored: int = 0

    @property
    def share(self) -> float | None:
        return self.passed / self.reached if self.reached else None


@dataclass
class TrackCounts:
    """What a selection of a track has measured.

    steps: name -> counts, for the steps whose rules the selection has. videos: with a usable
    line; clips; samples; categories: samples by category; not_here: lists of excluded videos whose
    file is not known, so that their step is not measured.
    """

    track: str
    selection: str
    videos: int = 0
    clips: int = 0
    samples: int = 0
    steps: dict[str, Passed] = field(default_factory=dict)
    categories: Counter[str] = field(default_factory=Counter)
    not_here: list[str] = field(default_factory=list)


def measured(
    layout: Layout,
    track: str,
    selection: str,
    catalogue: Catalogue,
    lists: Sequence[Path] = (),
) -> TrackCounts:
    """Count the steps of a selection that a run has released, shard by shard.

    Its thresholds are those of the manifest; `lists` are files that may hold its lists of excluded
    videos. Raises LiveccError without results of it.
    """
    manifest = read_json(layout.manifest(track, selection))
    try:
        thresholds = manifest["configuration"]["thresholds"]
        names, samples = list(manifest["scores"]), manifest["counts"]["samples"]
    except (KeyError, TypeError):
        raise LiveccError(f"{layout.manifest(track, selection)}: not a manifest") from None
    known = [one for one in catalogue.tracks[track].score_stages if one.name in names]
    counts = TrackCounts(track, selection, samples=samples)
    thresholds = _with_lists(thresholds, lists, counts.not_here)
    for shard in read_shard_list(layout, track):
        files = layout.shard(track, shard)
        scores = {stage: Path(files.scores(stage.name)) for stage in known}
        columns = read_columns(Path(files.clips), scores)
        _add_videos(counts, scores, thresholds, catalogue)
        keep_unknown = thresholds.get(ON_UNKNOWN) == "keep"
        _add_clips(counts, columns, parse_rules(thresholds, columns.rules), keep_unknown)
        if track == "sft":
            _add_categories(counts, Path(files.decisions(selection)), Path(files.videos))
    return counts


def _with_lists(
    thresholds: Mapping[str, Any], files: Sequence[Path], not_here: list[str]
) -> dict[str, Any]:
    """Thresholds whose lists can be read; without the rule if one cannot, which is noted."""
    if not (told := thresholds.get(EXCLUDED)):
        return dict(thresholds)
    found = {recorded: located(recorded, files) for recorded in told["lists"]}
    not_here += [recorded.split("#")[0] for recorded, place in found.items() if place is None]
    return {**thresholds, EXCLUDED: None if not_here else {"lists": list(found.values())}}


def _add_videos(
    counts: TrackCounts,
    scores: Mapping[TableStage, Path],
    thresholds: Mapping[str, Any],
    catalogue: Catalogue,
) -> None:
    """Steps on videos: those with captions, with clips or without."""
    if DESCRIBE_VIDEO not in scores:
        return
    table = read_table(scores[DESCRIBE_VIDEO], ["video", "status", *DESCRIBE_VIDEO.rule_columns])
    rules = parse_rules(thresholds, catalogue.rules)
    left = is_ok(table["status"])
    counts.videos += int(left.sum())
    columns = {name: table[name] for name in DESCRIBE_VIDEO.rule_columns}
    keep_unknown = thresholds.get(ON_UNKNOWN) == "keep"
    for step in STEPS[counts.track]:
        used = [name for name in step.rules if name in rules]
        if step.unit == "videos" and used:
            masks = [
                (_passing(rules[name], catalogue.rules[name], columns, keep_unknown), None)
                for name in used
            ]
            left = _pass(counts, step, left, masks)


def _add_clips(
    counts: TrackCounts,
    columns: ScoreColumns,
    thresholds: Mapping[str, Threshold],
    keep_unknown: bool,
) -> None:
    """Steps on clips of videos that passed those on videos."""
    left = columns.ok
    counts.clips += int(left.sum())
    if DESCRIBE_VIDEO.rules[0].name not in columns.scored:
        counts.videos += len(columns.clips["video"].unique())

    for step in STEPS[counts.track]:
        used = [name for name in step.rules if name in thresholds]
        masks = [
            (
                _passing(thresholds[name], columns.rules[name], columns.values, keep_unknown),
                columns.scored.get(name),
            )
            for name in used
        ]
        if step.unit == "clips" and used:
            left = _pass(counts, step, left, masks)
        elif used:
            for mask, _ in masks:
                left = left & mask


def _passing(
    threshold: Threshold, rule: Rule, values: Mapping[str, Any], keep_unknown: bool
) -> Any:
    """n booleans: which pass a rule, or lack its value where that is kept; all have its score."""
    mask = threshold.mask(values)
    return mask | lacks_value(values, rule) if keep_unknown and rule.may_be_unknown else mask


def _pass(counts: TrackCounts, step: Step, left: Any, masks: Sequence[tuple[Any, Any]]) -> Any:
    """Count those in `left` at a step; returns those that pass.

    `masks`: of each rule, which pass it, and which have its score (None: all).
    """
    scored, passed = left, left
    for mask, has_score in masks:
        scored = scored if has_score is None else scored & has_score
        passed = passed & mask
    passed = passed & scored
    told = counts.steps.setdefault(step.name, Passed())
    told.reached += int(scored.sum())
    told.passed += int(passed.sum())
    told.unscored += int((left & ~scored).sum())
    return passed


def _add_categories(counts: TrackCounts, decisions: Path, videos: Path) -> None:
    """Samples by the category of their video."""
    kept = read_table(decisions, ["video", "kept"])
    by_video = Counter(kept.filter(kept["kept"])["video"].to_pylist())
    table = read_table(videos, ["video", "category", "status"])
    for row in table.filter(is_ok(table["status"])).to_pylist():
        counts.categories[row["category"] or "(none)"] += by_video.pop(row["video"], 0)


def rows_of(counts: TrackCounts) -> list[tuple[str, str, str, str, str]]:
    """(step, measured, published, origin, note) for a table, in words."""
    rows = []
    for step in STEPS[counts.track]:
        told = counts.steps.get(step.name)
        note = ""
        if told is None:
            note = "rule not used"
            if EXCLUDED in step.rules and counts.not_here:
                note = f"not measured without {', '.join(counts.not_here)}: --exclude FILE"
        elif told.unscored:
            note = f"{told.unscored:,} unscored"
        share = None if told is None else told.share
        numbers = f" of {told.reached:,} {step.unit}" if told and told.reached else ""
        published = " ".join(
            filter(None, [_percent(step.share), f"({step.left})" if step.left else ""])
        )
        rows.append((step.name, f"{_percent(share)}{numbers}", published, _origin(step), note))
    for name, (ratio, words, origin) in PER_VIDEO[counts.track].items():
        number = counts.samples if name.startswith("samples") else counts.clips
        found = f"{number / counts.videos:.2f}" if counts.videos else "-"
        rows.append(
            (
                name,
                f"{found} ({number:,} of {counts.videos:,})",
                f"{ratio:.2f} ({words})",
                origin,
                "",
            )
        )
    if counts.track == "sft":
        rows += _category_rows(counts)
    return rows


def _category_rows(counts: TrackCounts) -> list[tuple[str, str, str, str, str]]:
    """Fig. 4a."""
    total, published = counts.categories.total(), sum(CATEGORIES.values())
    names = [*CATEGORIES, *sorted(set(counts.categories) - set(CATEGORIES))]
    return [
        (
            f"samples: {name}",
            _percent(counts.categories[name] / total if total else None),
            _percent(CATEGORIES[name] / published) if name in CATEGORIES else "not taken",
            "published",
            "",
        )
        for name in names
        if name in CATEGORIES or counts.categories[name]
    ]


def _origin(step: Step) -> str:
    return "unknown" if step.share is None and not step.left else step.origin


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
