"""Reading and checking the configuration: what is wrong is said before any job starts.

The configuration is a plain dict, as Snakemake merges it: config.yaml holds every default, the
files given on the command line overwrite single keys.
"""

from __future__ import annotations

import difflib
import glob
import math
import os
import re
import shutil
import string
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from livecc.errors import LiveccError
from livecc.files import shard_name
from livecc.make_prompts.settings import problems as prompt_problems
from livecc.thresholds import RULES, Rule, parse_rules, rules_to_json, union

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA_FILE = REPOSITORY / "schemas" / "config.schema.yaml"
DEFAULTS_FILE = REPOSITORY / "config.yaml"

#: Track -> the stages that score its clips, in order.
TRACK_STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": ("identify_language", "score_lm_loss", "score_talking_head"),
    "sft": ("identify_language", "score_lm_loss", "score_active_speaker", "make_prompts"),
}
#: Track -> the stages that can make its clips, in order.
CLIP_STAGES: dict[str, tuple[str, ...]] = {
    "pretrain": ("clip_captions",),
    "sft": ("filter_categories", "transcribe", "import_transcripts", "clip_transcripts"),
}
#: Score stage -> the rule of a selection that its score decides.
STAGE_RULE = {
    "identify_language": "language",
    "score_lm_loss": "lm_loss",
    "score_talking_head": "talking_head",
    "score_active_speaker": "active_speaker",
    "make_prompts": "prompt",
}
#: What a shard may be called: the name goes into paths, wildcards and commands.
SHARD_NAME = re.compile(r"[\w.][\w.+=@,-]{0,199}")
#: Use of a model -> the task that models.yaml must say it is for.
MODEL_TASKS = {
    "identify_language": "language identification",
    "score_lm_loss": "causal language model",
    "make_prompts": "causal language model",
    "transcribe": "speech recognition",
    "transcribe:align": "speech alignment",
}
#: Face detector -> its weights in models.yaml.
DETECTOR_MODELS = {"centerface": "centerface", "yunet": "yunet", "scrfd": "scrfd_500m"}
#: The network of score_active_speaker; there is one.
ACTIVE_SPEAKER_MODEL = "light_asd"
#: Uses of models that a run can do without: what they would score stays unscored.
OPTIONAL_USES = frozenset({"score_active_speaker", "score_active_speaker:detector"})
#: Folder names inside results/{track}/ that a selection may not take.
RESERVED_NAMES = (
    *("records", "transcripts", "clips", "videos", "scores", "stats"),
    *("logs", "cache", "models"),
)


def load(files: Iterable[Path | str] = ()) -> dict[str, Any]:
    """The defaults with `files` laid over them, checked.

    Raises LiveccError when a file cannot be read or a setting is wrong.
    """
    config = read_yaml(DEFAULTS_FILE)
    for file in files:
        _overlay(config, read_yaml(file))
    check(config)
    return config


def read_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file; raises LiveccError when there is none."""
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise LiveccError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LiveccError(f"{path}: not valid YAML: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LiveccError(f"{path}: must hold keys and values, not a {type(value).__name__}")
    return value


def _overlay(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Lay `over` upon `base` in place, mapping by mapping, as Snakemake merges its config files."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _overlay(base[key], value)
        else:
            base[key] = value


# --- checking ----------------------------------------------------------------------------------


def check(config: Mapping[str, Any]) -> None:
    """Raise LiveccError naming each wrong setting: value, what is allowed, nearest known key."""
    problems = list(_schema_problems(config)) or list(_other_problems(config))
    if problems:
        raise LiveccError("Configuration: " + "\n".join(problems))


@cache
def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(read_yaml(SCHEMA_FILE))


def _schema_problems(config: Mapping[str, Any]) -> Iterator[str]:
    errors = sorted(_validator().iter_errors(config), key=lambda error: list(map(str, error.path)))
    for error in errors:
        yield from _explain(error)


def _explain(error: Any) -> Iterator[str]:
    key = ".".join(map(str, error.absolute_path)) or "the top level"
    value = error.instance
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        for name in sorted(set(value) - set(known), key=str):
            path = ".".join([*map(str, error.absolute_path), str(name)])
            given = _shown(str(name), value[name])
            nearest = _nearest(str(name), known)
            yield f"{path}: unknown key (set to {given}){nearest}; known here: {', '.join(known)}"
    elif error.validator == "anyOf":
        # The branch of the value's own kind has the useful message: a mapping's wrong key, say.
        same_kind = [
            inner
            for inner in error.context
            if isinstance(value, dict | list)
            and (inner.path or inner.validator not in ("type", "enum"))
        ]
        if same_kind:
            for inner in same_kind:
                yield from _explain(inner)
        else:
            choices = [
                str(choice) for inner in error.context for choice in inner.schema.get("enum", ())
            ]
            nearest = _nearest(str(value), choices)
            yield f"{key}: {value!r} is not allowed{nearest}; it must be {_describe(error.schema)}"
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in value]
        yield f"{key}: {', '.join(missing)} is missing"
    elif error.validator == "enum":
        allowed = [str(choice) for choice in error.validator_value]
        nearest = _nearest(str(value), allowed)
        yield f"{key}: {value!r} is not allowed{nearest}; allowed: {', '.join(allowed)}"
    else:
        yield f"{key}: {value!r} is not allowed; it must be {_describe(error.schema)}"


def _shown(name: str, value: Any) -> str:
    """A setting's value for a message; one that may be a secret in a wrong place is not shown."""
    secret = re.search(r"key|token|secret|password|credential", name, re.IGNORECASE)
    if secret and isinstance(value, str):
        return "a value not shown here"
    return textwrap.shorten(repr(value), 60)


def _nearest(name: str, known: Sequence[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "not empty",
    "minItems": "not empty",
}


def _describe(schema: Mapping[str, Any]) -> str:
    """What a value must be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _describe(_validator().schema["$defs"][name])
    if "anyOf" in schema:
        return " or ".join(_describe(branch) for branch in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    words = [_TYPE_NAMES[schema["type"]]]
    if schema.get("pattern", "").startswith("^[a-z]{2,3}"):
        words.append("a language code such as en")
    words += [text.format(schema[key]) for key, text in _LIMITS.items() if key in schema]
    return ", ".join(words)


def _other_problems(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _not_finite(config, ())
    for stage in ("clip_captions", "clip_transcripts"):
        if config[stage]["min_clip_seconds"] > config[stage]["max_clip_seconds"]:
            yield _min_max(
                *(f"{stage}.min_clip_seconds", config[stage]),
                *("min_clip_seconds", "max_clip_seconds"),
            )
    for name, selection in config["selections"].items():
        if not isinstance(name, str):
            yield f"selections.{name}: the name is no text for YAML; put it in quotes"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            yield (
                f"selections.{name}: a selection's name is a folder name: letters, digits, - and _ "
                "only, a letter or digit first, 64 at most"
            )
        if name in RESERVED_NAMES:
            yield f"selections.{name}: this name is taken; not allowed: {', '.join(RESERVED_NAMES)}"
        for track, thresholds in (selection or {}).items():
            yield from _band_problems(f"selections.{name}.{track}", thresholds or {})
    for stage in STAGE_RULE:
        gate = config[stage].get("gate")
        if isinstance(gate, Mapping):
            yield from _band_problems(f"{stage}.gate", gate)
            yield from _gate_problems(stage, gate)
    spoken, wanted = config["transcribe"]["language"], config["transcribe"]["languages"]
    if spoken is not None and wanted is not None and spoken not in wanted:
        yield f"transcribe.language: {spoken!r} is not in transcribe.languages {wanted}"
    yield from _prompt_problems(config)
    yield from _model_problems(config)
    yield from _place_problems(config)
    yield from prompt_problems(config["make_prompts"])
    yield from _input_problems(config)


def _not_finite(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _not_finite(inner, (*path, str(key)))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{'.'.join(path)}: {value} is not allowed; it must be a finite number"


def _band_problems(path: str, thresholds: Mapping[str, Any]) -> Iterator[str]:
    for rule, bounds in thresholds.items():
        if not isinstance(bounds, Mapping):
            continue
        for upper in ("max", "below"):
            if {"min", upper} <= bounds.keys() and bounds["min"] > bounds[upper]:
                yield _min_max(f"{path}.{rule}.min", bounds, "min", upper)


def _min_max(path: str, values: Mapping[str, Any], low: str, high: str) -> str:
    return (
        f"{path}: {values[low]} is greater than {high} {values[high]}; lower it or raise {high} "
        "(one that you did not set has its default)"
    )


def _gate_problems(stage: str, gate: Mapping[str, Any]) -> Iterator[str]:
    """A gate looks at earlier scores; its own or a later one would never bind."""
    tracks = [track for track, stages in TRACK_STAGES.items() if stage in stages]
    earlier = {rule for track in tracks for rule in _earlier_rules(TRACK_STAGES[track], stage)}
    for rule in gate:
        if rule not in earlier:
            allowed = ", ".join(rule for rule in RULES if rule in earlier)
            yield f"{stage}.gate.{rule}: not scored before {stage}; a gate there may use {allowed}"


def _earlier_rules(stages: Sequence[str], stage: str) -> list[str]:
    """The rules whose scores are there when a stage of `stages` begins."""
    before = stages[: stages.index(stage)]
    return ["words_per_second", *(STAGE_RULE[name] for name in before)]


def _prompt_problems(config: Mapping[str, Any]) -> Iterator[str]:
    prompts = config["score_lm_loss"]["prompts"]
    texts = {
        "score_lm_loss.prompts.with_context": (prompts["with_context"], ("title", "context")),
        "score_lm_loss.prompts.without_context": (prompts["without_context"], ("title",)),
        "score_talking_head.question": (config["score_talking_head"]["question"], ("frames",)),
    }
    for key, (text, known) in texts.items():
        try:
            fields = {field for _, field, _, _ in string.Formatter().parse(text)} - {None}
        except ValueError as error:
            yield f"{key}: {error}; write {{{{ and }}}} for braces of the text"
            continue
        for field in sorted(fields - set(known), key=str):
            told = " and ".join(f"{{{name}}}" for name in known)
            yield f"{key}: {{{field}}} is not known{_nearest(str(field), known)}; there is {told}"

    if "{context}" not in prompts["with_context"]:
        yield "score_lm_loss.prompts.with_context: {context} is missing: what was said before"


def _model_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """A model of models.yaml must be for the task it is used for."""
    entries = read_yaml(REPOSITORY / "models.yaml")
    for use, reference in models(config).items():
        task = entries.get(reference, {}).get("task")
        if task is not None and use in MODEL_TASKS and task != MODEL_TASKS[use]:
            fitting = [name for name, entry in entries.items() if entry["task"] == MODEL_TASKS[use]]
            section, _, role = use.partition(":")
            if use == "make_prompts":
                section = "make_prompts.transformers"
            key = f"{section}.{role}_model" if role else f"{section}.model"
            yield (
                f"{key}: {reference!r} is a {task}, not for {MODEL_TASKS[use]}; "
                f"models.yaml has {', '.join(fitting)}"
            )


def _place_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Folders that cannot be written and interpreters that are not there."""
    for key in ("results", "score_cache", "models_folder"):
        if config[key] is None:
            continue
        if re.search(r"[{}\n]", config[key]):
            yield f"{key}: {config[key]!r} may have no braces or line breaks"
            continue
        place = Path(config[key]).expanduser().absolute()
        while not os.path.lexists(place):
            place = place.parent
        if not place.is_dir():
            yield f"{key}: {config[key]!r} cannot be a folder: {place} is a file"
        elif not os.access(place, os.W_OK):
            yield f"{key}: {config[key]!r} cannot be written: no permission in {place}"
    for kind, python in config["environments"].items():
        if python is not None and shutil.which(Path(python).expanduser()) is None:
            yield f"environments.{kind}: {python!r} is no program that can be run"


def _input_problems(config: Mapping[str, Any]) -> Iterator[str]:
    with_input = [name for name, track in config["tracks"].items() if track["inputs"]]
    if not with_input:
        yield (
            "tracks: no input; name your JSON-lines files in tracks.pretrain.inputs or "
            "tracks.sft.inputs, or try the demo (make demo)"
        )
    for name in with_input:
        try:
            shards(config, name)
        except LiveccError as error:
            yield str(error)
        if not Path(config["tracks"][name]["videos"]).is_dir():
            yield (
                f"tracks.{name}.videos: {config['tracks'][name]['videos']!r} is no folder; give "
                'the folder that the "video" paths of the records are relative to'
            )
        if not selections(config, name):
            yield f"selections: no selection has thresholds for {name}; add selections.NAME.{name}"


# --- what the rules ask --------------------------------------------------------------------------


def active_tracks(config: Mapping[str, Any]) -> list[str]:
    """The tracks that have inputs, in the order of TRACK_STAGES."""
    return [name for name in TRACK_STAGES if config["tracks"].get(name, {}).get("inputs")]


def shards(config: Mapping[str, Any], track: str) -> dict[str, str]:
    """Shard name -> input file of a track, sorted by name; raises as `find_shards`."""
    return find_shards(config["tracks"][track]["inputs"], f"tracks.{track}.inputs")


def find_shards(patterns: Iterable[str], key: str) -> dict[str, str]:
    """Shard name -> input file that a pattern matches, sorted by name.

    `key` is where the patterns come from, for messages. Raises LiveccError when a pattern matches
    no file, a file is not JSON lines, or two files have the same stem.
    """
    found: dict[str, str] = {}
    for number, pattern in enumerate(patterns):
        place = f"{key}[{number}]"
        # Path.glob takes no absolute pattern.
        files = sorted(glob.glob(str(Path(pattern).expanduser()), recursive=True))  # noqa: PTH207
        if not files:
            raise LiveccError(f"{place}: {pattern!r} matches no file{_nearest_file(pattern)}")
        for file in files:
            name = shard_name(file)
            # One file reached by two patterns is one shard.
            if name in found and Path(found[name]).resolve() != Path(file).resolve():
                raise LiveccError(
                    f"{place}: {file} and {found[name]} are both shard {name!r}; "
                    "rename one: a shard is named by its file's stem"
                )
            if not SHARD_NAME.fullmatch(name):
                raise LiveccError(
                    f"{place}: {file}: a shard is named by its file's stem, which may have letters,"
                    " digits and _ . - + = @ , only and not begin with -; rename the file"
                )
            found.setdefault(name, file)
    return dict(sorted(found.items()))


def _nearest_file(pattern: str) -> str:
    if glob.has_magic(pattern) and Path(pattern).expanduser().exists():
        return "; *, ? and [ ] are special in a pattern: write [[] for a [ in a name"
    folder = Path(pattern).expanduser().parent
    if glob.has_magic(str(folder)):
        return ""
    if not folder.is_dir():
        return f"; the folder {folder} does not exist"
    return _nearest(Path(pattern).name, sorted(entry.name for entry in folder.iterdir()))


def active_stages(config: Mapping[str, Any], track: str) -> list[str]:
    """The score stages of a track that are switched on, in order."""
    return [stage for stage in TRACK_STAGES[track] if config[stage]["enabled"]]


def clip_stages(config: Mapping[str, Any], track: str) -> list[str]:
    """The stages that make a track's clips, in order; each writes stats."""
    if track == "pretrain":
        return ["clip_captions"]
    return ["filter_categories", words_stage(config), "clip_transcripts"]


def words_stage(config: Mapping[str, Any]) -> str:
    """The stage that makes the transcripts of the SFT track."""
    return "transcribe" if config["transcribe"]["enabled"] else "import_transcripts"


def active_rules(config: Mapping[str, Any], track: str) -> list[str]:
    """The rules that have a score to look at, in the order they are applied."""
    scored = {STAGE_RULE[stage] for stage in active_stages(config, track)}
    return [rule for rule in RULES if rule == "words_per_second" or rule in scored]


def selections(config: Mapping[str, Any], track: str) -> dict[str, dict[str, Any]]:
    """Selection name -> its thresholds for the track; selections set to null are left out."""
    return {
        name: selection[track]
        for name, selection in config["selections"].items()
        if selection and selection.get(track) is not None
    }


def gate(config: Mapping[str, Any], track: str, stage: str) -> dict[str, Any]:
    """The thresholds, on earlier scores, of the items that a stage scores.

    `auto` is the union of what the track's selections keep; where one keeps unscored clips, so does
    the gate.
    """
    setting = config[stage]["gate"]
    earlier = _earlier_rules(active_stages(config, track), stage)
    if setting == "none":
        return {}
    if setting == "auto":
        chosen = selections(config, track).values()
        bands: list[Mapping[str, Rule]] = [parse_rules(rules, earlier) for rules in chosen]
        keeps = any(rules.get("on_unscored") == "keep" for rules in chosen)
        return rules_to_json(union(bands)) | ({"on_unscored": "keep"} if keeps else {})
    return rules_to_json(parse_rules(setting, earlier))


def explicit_gates(config: Mapping[str, Any], track: str) -> dict[str, dict[str, Any]]:
    """Stage -> its gate, for the stages whose gate the configuration spells out.

    A score outside such a gate comes from a run with a wider one, and no selection looks at it.
    With `auto` there is nothing to say: what is outside fails an earlier rule of every selection.
    """
    return {
        stage: gate(config, track, stage)
        for stage in active_stages(config, track)
        if isinstance(config[stage].get("gate"), Mapping)
    }


def models(config: Mapping[str, Any]) -> dict[str, str]:
    """Use -> the model it needs, for the stages that some active track runs.

    A use is the name of a stage, or `stage:role` for a second model of the same stage.
    """
    needed = {
        stage
        for track in active_tracks(config)
        for stage in (*clip_stages(config, track), *active_stages(config, track))
    }
    references = {}
    transcribe = config["transcribe"]
    references["transcribe"] = transcribe["model"]
    if transcribe["engine"] == "whisperx" and transcribe["align_model"] is not None:
        references["transcribe:align"] = transcribe["align_model"]
    if config["identify_language"]["engine"] == "xlm_roberta":
        references["identify_language"] = config["identify_language"]["model"]
    references["score_lm_loss"] = config["score_lm_loss"]["model"]
    talking_head = config["score_talking_head"]
    references["score_talking_head"] = (
        talking_head["model"]
        if talking_head["engine"] == "qwen2_vl"
        else DETECTOR_MODELS[talking_head["detector"]]
    )
    references["score_active_speaker"] = ACTIVE_SPEAKER_MODEL
    references["score_active_speaker:detector"] = DETECTOR_MODELS[
        config["score_active_speaker"]["detector"]
    ]
    if config["make_prompts"]["engine"] == "transformers":
        references["make_prompts"] = config["make_prompts"]["transformers"]["model"]
    return {use: model for use, model in references.items() if use.split(":")[0] in needed}


def optional_models(config: Mapping[str, Any]) -> set[str]:
    """The models whose every use is one that a run can do without."""
    uses = models(config)
    return set(uses.values()) - {uses[use] for use in uses.keys() - OPTIONAL_USES}
