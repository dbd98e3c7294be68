"""Summary of a finished run: input, output, and what was dropped and why."""

from __future__ import annotations

import difflib
import io
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.declaration import CachedStage, Stage, TableStage
from livecc.files.atomic import read_json
from livecc.files.parquet import read_rows
from livecc.formats.layout import Layout, ShardFiles
from livecc.formats.samples import read_offsets
from livecc.formats.shard_list import read_shard_list
from livecc.formats.splits import TRAIN
from livecc.selecting.decisions import NO_CLIP
from livecc.selecting.nothing_kept import explain
from livecc.selecting.top import SAYS as BELOW_TOP
from livecc.sources.assigned import read_assigned
from livecc.stages.catalogue import Catalogue
from livecc.stages.check_samples.report import sentence, troubles
from livecc.stages.external_scores.keys import COMPARED_ROWS, key_counts
from livecc.terminal import count, new_console, plain_table, plural, printable
from livecc.thresholds.kinds import Rule
from livecc.thresholds.sets import TOP

#: Maximum number of unusable lines to show.
SHOWN_PROBLEMS = 8
_WIDTH = 100
# Less speech outside of clips than this many seconds is not worth a word.
_LEAST_TOLD = 3.0


def summarize(layout: Layout, told: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The summary of all tracks.

    `told` maps each track to its clip stages and scoring stages, in order, to its selections with
    their merged files, and to its splits if something is held out.
    """
    summary = {
        track: _track_summary(
            layout,
            track,
            parts["clip_stages"],
            parts["stages"],
            parts["selections"],
            parts.get("splits", (TRAIN,)),
            catalogue,
        )
        | ({"sources": _sources(layout, parts["sources"])} if parts.get("sources") else {})
        for track, parts in told.items()
    }
    for stage in catalogue.external.values():
        shards = [
            layout.shard(track, name)
            for track, parts in told.items()
            if stage.name in parts["stages"]
            for name in read_shard_list(layout, track)
        ]
        first = next((track for track in told if stage.name in told[track]["stages"]), None)
        if first is not None:
            keys = summary[first].setdefault("external_scores", {})
            keys[stage.name] = key_counts(stage, shards)
    return summary


def _track_summary(
    layout: Layout,
    track: str,
    clip_stages: Sequence[str],
    score_stages: Sequence[str],
    selections: Mapping[str, str],
    splits: Sequence[str],
    catalogue: Catalogue,
) -> dict[str, Any]:
    shards = [layout.shard(track, name) for name in read_shard_list(layout, track)]
    by_stage = {
        stage: [read_json(Path(shard.stats(stage))) for shard in shards]
        for stage in (*clip_stages, *score_stages)
    }
    clips = by_stage[clip_stages[-1]]
    cached = {stage.name for stage in catalogue.cached_stages}
    counted = [*(stage for stage in clip_stages if stage in cached), *score_stages]
    return {
        "shards": len(shards),
        "input": _total(clips),
        "categories": _total(by_stage.get("filter_categories", [])),
        "problems": _problems(shards, clips),
        "stages": {
            stage: _stage_summary(by_stage[stage], catalogue.stages.get(stage)) for stage in counted
        },
        "selections": {
            name: _selection_summary(
                layout,
                track,
                name,
                shards,
                [catalogue.score_stage(one) for one in score_stages],
                splits,
            )
            for name in selections
        },
    }


def _sources(layout: Layout, names: Iterable[str]) -> dict[str, Any]:
    """What each source of a track holds, and what is not among its lines, by reason."""
    found = {}
    for name in names:
        files = layout.source(name)
        listed = read_assigned(files)
        made = _total(read_json(files.stats(shard)) for shard in listed.shards)
        left = {reason: number for reason, (number, _) in listed.left_out.items()}
        for reason, number in made.get("left_out", {}).items():
            left[reason] = left.get(reason, 0) + number
        found[name] = {
            "files": listed.files,
            "videos": made.get("videos", 0),
            "problems": made.get("problems", 0),
            "left_out": left,
        }
    return found


def _total(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of all numbers; mappings are summed key by key."""
    total: dict[str, Any] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, Mapping):
                total[key] = _total([total.get(key, {}), value])
            elif isinstance(value, int | float) and not isinstance(value, bool):
                total[key] = total.get(key, 0) + value
    return total


def _problems(
    shards: Iterable[ShardFiles], stats: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The first unusable input lines, with their reasons."""
    problems: list[dict[str, Any]] = []
    for shard, counts in zip(shards, stats, strict=True):
        if counts["failed_videos"] and len(problems) < SHOWN_PROBLEMS:
            rows = read_rows(Path(shard.videos), _PROBLEM_COLUMNS)
            problems += [{"shard": shard.name, **row} for row in rows if row["status"] == "failed"]
    return problems[:SHOWN_PROBLEMS]


_PROBLEM_COLUMNS = ["line", "video", "status", "reason"]


def _stage_summary(stats: Iterable[Mapping[str, Any]], stage: Stage | None) -> dict[str, Any]:
    stats = list(stats)
    devices = sorted({row["details"]["device"] for row in stats if "device" in row["details"]})
    return {**_total(stats), "devices": devices, "notes": list(_notes(stats, stage))}


def _notes(stats: Sequence[Mapping[str, Any]], stage: Stage | None) -> Iterator[str]:
    """What its scores cannot show of a stage, and the command that changes it."""
    details = [row["details"] for row in stats if row.get("items")]
    engines = stage.engines if isinstance(stage, CachedStage) else {}
    for name in dict.fromkeys(one["engine"] for one in details if "engine" in one):
        if name in engines and engines[name].stands_in:
            yield str(engines[name].stands_in)
    without = [one for one in details if one.get("missing_models")]
    if without:
        models = " ".join(dict.fromkeys(name for one in without for name in one["missing_models"]))
        folder = without[-1].get("models_folder")
        place = f" --models-folder {shlex.quote(folder)}" if folder else ""
        lost = sum(row["failed"] for row in stats if row["details"].get("missing_models"))
        yield (
            f"{count(lost, 'item')} not scored, because weights are missing; run `livecc models "
            f"fetch {models}{place}`, and then the same command again"
        )


def _selection_summary(
    layout: Layout,
    track: str,
    name: str,
    shards: Sequence[ShardFiles],
    stages: Sequence[TableStage],
    splits: Sequence[str],
) -> dict[str, Any]:
    total = _total(read_json(Path(shard.counts(name))) for shard in shards)
    files = {split: _file_summary(layout, track, name, split) for split in splits}
    manifest = read_json(Path(layout.manifest(track, name)))
    # The training file, with the samples of all splits.
    told = {
        **total,
        **files[TRAIN],
        "samples": sum(file["samples"] for file in files.values()),
    }
    if len(splits) > 1:
        told["splits"] = {
            split: file | read_json(Path(layout.manifest(track, name, split)))["counts"]
            for split, file in files.items()
        }
    unlike = {
        use: {"model": model["name"], "files": model["not_as_listed"]}
        for use, model in manifest["models"].items()
        if "not_as_listed" in model
    }
    if unlike:
        told["models_not_as_listed"] = unlike
    if not told["samples"] and told["clips"]:
        told["nearest"] = explain(manifest["configuration"], stages, shards)
    return told


def _file_summary(layout: Layout, track: str, name: str, split: str) -> dict[str, Any]:
    """The merged file of a split, and what the trainer's reader makes of it."""
    merged = Path(layout.merged(track, name, split))
    check = read_json(Path(layout.check(track, name, split)))
    for counts in check["counts"]:
        # Its own file has them.
        del counts["incomplete"]
    return {
        "file": str(merged),
        "bytes": merged.stat().st_size,
        "samples": len(read_offsets(merged)),
        "check": check,
    }


# --- the terminal ------------------------------------------------------------------------------


def render(summary: Mapping[str, Any], rules: Mapping[str, Rule]) -> str:
    """The summary as text of at most 100 columns; `rules` are those that can drop a clip."""
    written = io.StringIO()
    console = new_console(written, width=_WIDTH, color_system=None)
    for track, parts in summary.items():
        _render_input(console, track, parts)
        _render_stages(console, parts["stages"])
        for name, counts in parts.get("external_scores", {}).items():
            _render_keys(console, name, counts)
        for name, selection in parts["selections"].items():
            _render_selection(console, name, selection, rules)
    for track, parts in summary.items():
        _render_models(console, track, parts["selections"])
    for track, parts in summary.items():
        for name, selection in parts["selections"].items():
            if not selection["samples"]:
                _render_nothing(console, track, name, selection)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def _render_input(console: Any, track: str, parts: Mapping[str, Any]) -> None:
    counts = parts["input"]
    console.rule(f"{track}: input", align="left")
    for name, source in parts.get("sources", {}).items():
        _render_source(console, name, source)
    dropped = counts.get("dropped_videos", 0)
    # By the gate before transcription; its counts are of all that filter_categories did not drop.
    unwanted = dropped - parts["categories"].get("dropped_records", dropped)
    console.print(
        f"{count(parts['shards'], 'shard')}, {count(counts['lines'], 'line')}: "
        f"{count(counts['videos'], 'video')}, "
        + (f"{dropped - unwanted} of other categories, " if dropped - unwanted else "")
        + (f"{unwanted} outside of every selection, " if unwanted else "")
        + f"{counts['failed_videos']} unusable"
    )
    if parts["categories"]:
        _render_categories(console, parts["categories"])
    for problem in parts["problems"]:
        video = f" ({printable(problem['video'])})" if problem["video"] else ""
        reason = printable(problem["reason"])
        console.print(f"  {problem['shard']}, line {problem['line']}{video}: {reason}")
    if counts["failed_videos"] > len(parts["problems"]):
        console.print("  ... see videos/*.parquet, status failed, for all of them")
    if counts.get("caption_lines"):
        skipped = ", ".join(f"{reason} {n}" for reason, n in counts.get("skipped", {}).items())
        skipped = f" ({skipped})" if skipped else ""
        console.print(
            f"{count(counts['caption_lines'], 'caption line')}, "
            f"{counts['skipped_lines']} skipped{skipped}; {count(counts['words'], 'word')}"
        )
    elif counts.get("words"):
        removed = counts.get("dropped_words", 0)
        console.print(count(counts["words"], "word") + (f", {removed} removed" if removed else ""))
    if counts.get("cleaned"):
        console.print(
            "cleaned: " + ", ".join(f"{kind} {n}" for kind, n in counts["cleaned"].items())
        )
    console.print(
        f"{count(counts['clips'], 'clip')}, {_hours(counts['seconds'])}; "
        f"too short for a clip: {count(counts['short_spans'], 'span')}"
        + _unclipped(counts.get("unclipped_seconds", 0.0))
    )


def _render_source(console: Any, name: str, source: Mapping[str, Any]) -> None:
    unread = (
        f", {source['problems']} with captions that cannot be read" if source["problems"] else ""
    )
    files = f"{count(source['files'], 'file')}: " if source["files"] else ""
    console.print(f"source {name}: {files}{count(source['videos'], 'video')}{unread}")
    for reason, number in source["left_out"].items():
        console.print(f"{number:>8} left out: {printable(reason)}")


def _unclipped(seconds: float) -> str:
    return f"; speech in no clip: {_hours(seconds)}" if seconds >= _LEAST_TOLD else ""


def _render_categories(console: Any, counts: Mapping[str, Any]) -> None:
    kept = counts.get("kept_categories", {})
    names = sorted(counts["categories"], key=lambda name: -counts["categories"][name])
    told = [
        f"{printable(name)} {kept.get(name, 0)} of {counts['categories'][name]}" for name in names
    ]
    if told:
        console.print("categories: " + ", ".join(told))
    for wanted, there in _misspelt(counts.get("missing_categories", {}), names):
        console.print(f"no line has the wanted category {wanted!r}; did you mean {there!r}?")


def _misspelt(missing: Iterable[str], there: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(wanted category without any line, similar one). Small data sets may lack categories."""
    for name in missing:
        if name not in there:
            yield from ((name, like) for like in difflib.get_close_matches(name, there, n=1))


def _render_stages(console: Any, stages: Mapping[str, Any]) -> None:
    from rich.text import Text

    if not stages:
        return
    names = ("items", "from cache", "scored now", "same content", "failed")
    table = plain_table("scores", right=(*names, "loading", "scoring", "on"))
    for stage, total in stages.items():
        seconds = total.get("seconds", {})
        table.add_row(
            Text(stage),
            *(str(total.get(name, 0)) for name in ("items", "found", "scored", "shared", "failed")),
            *(f"{seconds.get(name, 0):.1f} s" for name in ("load", "score")),
            ", ".join(total["devices"]) or "-",
        )
    console.print()
    console.print(table)
    for stage, total in stages.items():
        for note in total.get("notes", ()):
            # Commands are copied, so they stay on one line.
            console.print(f"{stage}: {note}", soft_wrap=True)


def _render_keys(console: Any, name: str, counts: Mapping[str, Any]) -> None:
    """Report keys of an external score's table that match nothing, perhaps misspelled."""
    unknown, item = counts["unknown"], counts["key"]
    table = printable(counts["table"])
    if not counts["keys"]:
        console.print(f"warning: {name}: {table} has no rows")
    elif unknown == counts["keys"]:
        console.print(
            f"warning: {name}: no key of {table} ({count(counts['keys'], 'row')}, such as "
            f"{printable(counts['example'])!r}) matches a {item}: nothing has this score"
        )
    elif unknown:
        verb = "matches" if unknown == 1 else "match"
        keys = count(counts["keys"], "key")
        console.print(f"{name}: {unknown:,} of {keys} of {table} {verb} no {item}")
    if counts.get("repeated", 0) is None:
        console.print(
            f"{name}: {table} has more than {COMPARED_ROWS:,} rows, so keys that match no {item} "
            "were not searched for repeated ones"
        )
    elif repeated := counts.get("repeated"):
        console.print(
            f"warning: {name}: {table} has {count(repeated, 'row')} with the key of an earlier "
            f"row; a {item} can have only one score"
        )


def _render_selection(
    console: Any, name: str, selection: Mapping[str, Any], rules: Mapping[str, Rule]
) -> None:
    says = {NO_CLIP: "unusable clip", **{rule.name: rule.says for rule in rules.values()}}
    says[TOP] = BELOW_TOP
    console.print()
    console.rule(f"selection {name}", align="left")
    clips, kept = selection["clips"], selection["kept"]
    console.print(f"{clips:>8} {plural(clips, 'clip'):<12} {_hours(selection['seconds'])}")
    left = clips
    for rule in (rule for rule in says if rule in selection["dropped"]):
        dropped = selection["dropped"][rule]
        left -= dropped
        unscored = selection["unscored"].get(rule, 0)
        unknown = selection.get("unknown", {}).get(rule, 0)
        why = f"{says[rule]} {dropped - unscored - unknown}" + (
            f", not scored {unscored}" if unscored else ""
        )
        why += f", unknown {unknown}" if unknown else ""
        console.print(f"{-dropped:>8} {rule:<18} {why}; {left} left")
    twice = kept - selection["samples"]
    if twice:
        left -= twice
        console.print(f"{-twice:>8} {'duplicates':<18} in several shards, used once; {left} left")
    console.print(
        f"{selection['samples']:>8} {plural(selection['samples'], 'sample'):<12} "
        f"{_hours(selection['kept_seconds'])}, "
        f"{count(selection['kept_videos'], 'video')}, {count(selection['kept_words'], 'word')}"
    )
    if "splits" not in selection:
        _render_file(console, selection)
    for split, file in selection.get("splits", {}).items():
        console.print(
            f"{file['samples']:>8} {split:<12} {_hours(file['hours'] * 3600)}, "
            f"{count(file['videos'], 'video')}, {count(file['words'], 'word')}"
        )
        _render_file(console, file)


def _render_file(console: Any, file: Mapping[str, Any]) -> None:
    console.print(f"         {file['file']} ({_size(file['bytes'])})", soft_wrap=True)
    if file["samples"]:
        console.print(f"         {sentence(file['check'])}")
        for trouble in troubles(file["check"]):
            console.print(f"           {trouble}", soft_wrap=True)


def _render_models(console: Any, track: str, selections: Mapping[str, Any]) -> None:
    """Say which weights are not those of models.yaml, once for all selections of a track."""
    unlike: dict[str, Any] = {}
    for selection in selections.values():
        unlike |= selection.get("models_not_as_listed", {})
    if not unlike:
        return
    console.print()
    console.rule(f"WARNING: {track}, weights not of models.yaml", align="left", characters="!")
    for use, told in unlike.items():
        files = ", ".join(f"{name} {fault}" for name, fault in told["files"].items())
        console.print(f"{use}: {told['model']}: {files}", soft_wrap=True)
    console.print("Scores under this name are of other weights; the manifests say so, too.")


def _render_nothing(console: Any, track: str, name: str, selection: Mapping[str, Any]) -> None:
    """Say at the very end, where it is seen, that a selection keeps nothing, and what to do."""
    console.print()
    console.rule(f"WARNING: {track}, selection {name} keeps no clip", align="left", characters="!")
    console.print("The trainer stops on its empty training file.")
    if not selection["clips"]:
        console.print("There are no clips; see the input above.")
        return
    dropped = selection["dropped"]
    most = max(dropped, key=lambda rule: dropped[rule])
    unscored = selection["unscored"].get(most, 0)
    console.print(
        f"{most} dropped most: {dropped[most]:,} of {count(selection['clips'], 'clip')}"
        + (f", {unscored:,} of them without a score" if unscored else "")
    )
    nearest = selection["nearest"]
    if not nearest["changes"]:
        few = ", ".join(nearest["fewest_failures"])
        console.print(
            "No change of a single threshold lets a clip through"
            + (f"; the clip that fails the fewest fails {few}." if few else ".")
        )
        return
    console.print("The nearest thresholds, each alone, that let a clip through:")
    for change in nearest["changes"]:
        told = [f"keeps {count(change['kept'], 'clip')}"] if change["kept"] else []
        if change["open"]:
            told.append(f"{count(change['open'], 'clip')} still to be scored")
        console.print(f"  --set {change['setting']:<32} {', '.join(told)}", soft_wrap=True)
    console.print("`livecc what-if` with such a --set shows the clips.")


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:,.1f} hours"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
