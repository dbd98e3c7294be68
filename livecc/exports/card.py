"""`README.md`: the data-set card of a selection, as the Hugging Face hub wants it.

It says what lies beside it and how that was made. What data sets, models and users wrote is escaped
(`markdown_text`, `markdown_name`, `markdown_fence`): the Hub shows the card as Markdown with HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from livecc.exports.distributions import Distributions, bars, read_distributions
from livecc.exports.funnel import read_funnel
from livecc.exports.parquet import SPLIT, schema_of
from livecc.exports.release import Release
from livecc.files.atomic import read_json, write_bytes
from livecc.stages.check_samples.report import sentence
from livecc.terminal import printable, printable_lines
from livecc.thresholds.sets import as_written

TEMPLATE = "card.md.jinja"
#: The Hub's classes of sizes: from so many samples on.
_SIZES = (
    (10**9, "n>1B"),
    (10**8, "100M<n<1B"),
    (10**7, "10M<n<100M"),
    (10**6, "1M<n<10M"),
    (10**5, "100K<n<1M"),
    (10**4, "10K<n<100K"),
    (10**3, "1K<n<10K"),
)
#: Languages of at least this part of the samples are named in the header.
_LEAST_LANGUAGE = 0.01
#: What columns of numbers are, for people; others go by their names.
_SAYS = {
    "seconds": "Length of clips in seconds",
    "words_per_second": "Words per second",
    "language_confidence": "Confidence of the language",
    "lm_loss": "Language-model loss in nats per token",
    "talking_head": "Talking head: probability, or fraction of frames",
    "active_speaker": "Active speaker: fraction of frames in which a visible person speaks",
    "video_seconds": "Length of videos in seconds, once for each clip",
}
_FEATURES = {
    "id": "the clip: its video, and its first and last word in the transcript",
    "video": "path of the video file",
    "video_start": "where the sample starts in the video, in seconds",
    "video_end": "where it ends",
    "title": "title of the video",
    "category": "category of the video; empty in samples in the form of the published set",
    "query": "what the user asks; empty in pre-training",
    "previous": "all that was said in the video before",
    "words": "what is said, word by word, with start and end in seconds of the video",
    "split": "train, validation or test",
}


#: Between a number and its unit: a narrow cell of a table would part them.
_NO_BREAK = "\u00a0"


def write(
    release: Release, files: Mapping[str, Path], options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Write the card. `options`: `livecc.exports.formats.CardOptions`."""
    text = render(release, options)
    write_bytes(files["train"], text.encode("utf-8"))
    return {}


def render(release: Release, options: Mapping[str, Any]) -> str:
    """The card as Markdown with its YAML header."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Everything that is put in has one of the filters below: HTML's escapes are not Markdown's.
        autoescape=False,
    )
    environment.filters |= {
        "text": markdown_text,
        "name": markdown_name,
        "fence": markdown_fence,
        "number": lambda value: f"{value:,}",
        "duration": _duration,
        "size": _size,
        "percent": lambda value, whole: f"{100 * value / whole:.1f}{_NO_BREAK}%" if whole else "",
    }
    text = environment.get_template(TEMPLATE).render(_context(release, options))
    return re.sub(r"\n{3,}", "\n\n", text)


# --- what others wrote ---------------------------------------------------------------------------


#: What Markdown, HTML and the Hub take for more than text within a line: marks, entities, mentions,
#: formulas, and what makes a link of an address.
_MARKS = re.compile(r"[\\`*_\[\]<>&|~$@#]|:(?=/)|(?<=www)\.", re.IGNORECASE)


def markdown_text(value: object) -> str:
    """Text within a line, of which Markdown and HTML show every character as it is."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", printable(str(value)))


def markdown_name(value: object) -> str:
    """A name as code, if it is an ordinary one; other text as it is."""
    text = str(value)
    return f"`{text}`" if re.fullmatch(r"[\w.:/@=-]+", text, re.ASCII) else markdown_text(text)


def markdown_fence(text: str, language: str = "") -> str:
    """Text as a block of code, which nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    body = printable_lines(text).rstrip("\n")
    return f"{ticks}{language}\n{body}\n{ticks}"


def _yaml(value: Any) -> str:
    """YAML in which no value has more than one line."""
    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10**6)
    return dumped


# --- what the card says --------------------------------------------------------------------------


def _context(release: Release, options: Mapping[str, Any]) -> dict[str, Any]:
    distributions = read_distributions(release)
    manifest = release.manifests["train"]
    splits = [_split(release, split) for split in release.splits]
    title = options.get("pretty_name") or f"LiveCC {release.track} samples: {release.selection}"
    return {
        "header": _header(release, options, splits, distributions, title),
        "title": title,
        "track": release.track,
        "selection": release.selection,
        "repository": options.get("name"),
        "license": options.get("license", "unknown"),
        "splits": splits,
        "held_out": release.split.to_json(),
        "total": sum(split["samples"] for split in splits),
        "tables": [split["table"] for split in splits if split["table"]],
        "side_seeks": any(split["side_seeks"] for split in splits),
        "features": _features(release),
        "funnel": read_funnel(release),
        "bounds": dict(_bounds(release)),
        "configuration": _yaml(_to_write(release)),
        "models": list(_models(manifest["models"])),
        "histograms": list(_histograms(distributions)),
        "languages": distributions.kept.get("language", {}),
        "limits": list(_limits(release)),
        "code": manifest["code"],
        "manifest": Path(release.layout.manifest(release.track, release.selection)).name,
    }


def _split(release: Release, split: str) -> dict[str, Any]:
    """A split's numbers and files."""
    counts = release.manifests[split]["counts"]
    merged = release.merged(split)
    check = read_json(release.layout.check(release.track, release.selection, split))
    table = _described(release, "parquet", split)
    return {
        "name": split,
        **counts,
        "file": merged.name,
        "bytes": merged.stat().st_size,
        # Why there were no videos names a folder of the machine.
        "check": sentence({**check, "why": None}),
        "table": table and {"split": split, **table},
        "side_seeks": _described(release, "seeks", split),
    }


def _described(release: Release, name: str, split: str) -> dict[str, Any] | None:
    """What the manifest of another format says of its file of a split; None if it is not on."""
    manifest = release.described.get(name)
    if manifest is None:
        return None
    for file, told in manifest["files"].items():
        if told.get("split", "train") == split:
            return {"file": file, **told}
    return None


def _header(
    release: Release,
    options: Mapping[str, Any],
    splits: list[dict[str, Any]],
    distributions: Distributions,
    title: str,
) -> str:
    """The YAML of the card: what the Hub's search, its viewer and `load_dataset` read."""
    header: dict[str, Any] = {
        "license": options.get("license", "unknown"),
        "pretty_name": printable(title),
    }
    languages = _languages(distributions)
    if languages:
        header["language"] = languages
    header["task_categories"] = ["video-text-to-text"]
    header["size_categories"] = [_size_class(sum(split["samples"] for split in splits))]
    header["tags"] = ["livecc", "video", "streaming", "video-captioning"]
    # A table without rows is no split that could be loaded.
    tables = [split["table"] for split in splits if split["table"] and split["samples"]]
    if tables:
        header["configs"] = [
            {
                "config_name": "default",
                "data_files": [{"split": one["split"], "path": one["file"]} for one in tables],
            }
        ]
        header["dataset_info"] = {
            "features": hub_features(schema_of(release)),
            "splits": [
                {
                    "name": one["split"],
                    "num_bytes": one["bytes_in_memory"],
                    "num_examples": one["samples"],
                }
                for one in tables
            ],
            "download_size": sum(one["bytes"] for one in tables),
            "dataset_size": sum(one["bytes_in_memory"] for one in tables),
        }
    return _yaml(header)


def _languages(distributions: Distributions) -> list[str]:
    """Codes of the languages of the samples, most frequent first."""
    counts: Mapping[Any, int] = distributions.kept.get("language", {})
    least = _LEAST_LANGUAGE * sum(counts.values())
    ordered = sorted(counts, key=lambda name: (-counts[name], name))
    return [
        name for name in ordered if counts[name] >= least and re.fullmatch("[a-z]{2,3}", str(name))
    ]


def _size_class(samples: int) -> str:
    return next((name for least, name in _SIZES if samples >= least), "n<1K")


def hub_features(schema: Any) -> list[dict[str, Any]]:
    """The features of a `pyarrow.Schema` in the Hub's YAML: texts, numbers, lists of structs."""
    return [{"name": one.name, **_feature(one.type)} for one in schema]


def _feature(kind: Any) -> dict[str, Any]:
    import pyarrow.types as kinds

    if kinds.is_list(kind):
        inner = kind.value_type
        if kinds.is_struct(inner):
            return {"list": [{"name": one.name, **_feature(one.type)} for one in inner]}
        return {"list": str(inner)}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind))}


def _features(release: Release) -> Iterator[dict[str, str]]:
    """The columns of the table of samples, for people."""
    scores = {
        column: rule
        for rule in release.catalogue.track_rules(release.track).values()
        for column in rule.columns
    }
    for one in schema_of(release):
        rule = scores.get(one.name)
        says = _FEATURES.get(one.name) or (
            f"score of the rule {rule.name}" if rule else "score that decided"
        )
        if one.name == SPLIT and not release.split.held_out:
            says = "train"
        kind = "list of word, start, end" if one.name == "words" else _feature(one.type)["dtype"]
        yield {"name": one.name, "type": kind, "says": says}


def _to_write(release: Release) -> dict[str, Any]:
    """The part of a configuration that makes these thresholds and clips again."""
    told = release.configuration
    return {
        "mode": told["mode"],
        **({"split": told["split"]} if "split" in told else {}),
        **told["clips"],
        **{stage: {"gate": gate} for stage, gate in told["gates"].items()},
        "selections": {release.selection: {release.track: told["thresholds"]}},
    }


def _bounds(release: Release) -> Iterator[tuple[str, str]]:
    """(rule, its bounds in words); lists of ids are files of somebody's machine, and not named."""
    thresholds = as_written(release.configuration["thresholds"], release.catalogue.rules)
    for rule, bounds in thresholds.items():
        if not isinstance(bounds, Mapping):
            continue
        told = [
            f"{name.replace('_', ' ')} {_in_words(value)}"
            for name, value in bounds.items()
            if name != "lists" and value is not None
        ]
        if told:
            yield rule, "; ".join(told)


def _in_words(bound: Any) -> str:
    return ", ".join(map(str, bound)) if isinstance(bound, list) else str(bound)


def _models(models: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for use, model in models.items():
        source = model.get("source", "")
        if isinstance(source, Mapping):
            # The files within do not matter.
            told = (f"{name} {value}" for name, value in source.items() if name != "members")
            source = ", ".join(told)
        yield {
            "use": use,
            "name": model["name"],
            "source": source,
            "licence": model.get("licence", ""),
            "digest": model.get("digest", "")[:16],
            "note": ("not there" if model.get("status") == "missing" else "")
            or ("files differ from those that models.yaml lists" * ("not_as_listed" in model)),
        }


def _duration(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:,.1f}{_NO_BREAK}minutes"
    return f"{seconds / 3600:,.1f}{_NO_BREAK}hours"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.{0 if unit == 'bytes' else 1}f}{_NO_BREAK}{unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f}{_NO_BREAK}TB"


def _histograms(distributions: Distributions) -> Iterator[dict[str, str]]:
    for name in distributions.numbers():
        text = "\n".join(bars(distributions.bins(name)))
        yield {"says": _SAYS.get(name, name), "text": text}


def _limits(release: Release) -> Iterator[str]:
    """What these settings and these results limit, beside what holds for all."""
    told = release.configuration
    if told["mode"] == "paper":
        yield (
            "It was made in paper mode, with the quirks of the original scripts: some words are "
            "lost in training."
        )
    if told["thresholds"].get("on_unscored") == "keep":
        yield (
            "Clips without a score that a threshold needs were kept, not dropped: in these columns "
            "they have null."
        )
    for use, model in release.manifests["train"]["models"].items():
        if model.get("status") == "missing":
            yield f"The model {model['name']} of {use} was missing: it scored nothing."
        if "not_as_listed" in model:
            yield f"The weights of {model['name']} ({use}) are not those that models.yaml lists."
    yield from _stand_ins(release)
    if release.video_prefix:
        yield "Paths of videos start with what the trainer of the makers needs (`video_prefix`)."
    if not release.split.held_out:
        yield "Nothing is held out: there is no validation split."


def _stand_ins(release: Release) -> Iterator[str]:
    """Of engines that stand in for models: what they are not."""
    for stage in release.catalogue.cached_stages:
        for made in release.manifests["train"]["scores"].get(stage.name, ()):
            name = str((made.get("settings") or {}).get("engine"))
            if name in stage.engines and stage.engines[name].stands_in:
                # What follows is for whoever runs the workflow.
                says = str(stage.engines[name].stands_in).partition(";")[0]
                yield f"{says[0].upper()}{says[1:]}."
