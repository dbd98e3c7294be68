"""What a user gets told about a wrong configuration."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from livecc import configuration
from livecc.configuration.options import defaults
from livecc.errors import LiveccError
from livecc.sections import options_of


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The defaults with one small input."""
    (tmp_path / "a.jsonl").write_text("{}\n")
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    config["tracks"]["pretrain"] = {
        "inputs": [str(tmp_path / "*.jsonl")],
        "videos": str(tmp_path),
    }
    return config


def error_of(config: dict[str, Any], over: dict[str, Any]) -> str:
    changed = copy.deepcopy(config)
    configuration.overlay(changed, over)
    with pytest.raises(LiveccError) as raised:
        configuration.check(changed)
    return str(raised.value)


def test_defaults_are_valid(config: dict[str, Any]) -> None:
    configuration.check(config)


@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_presets_are_valid(config: dict[str, Any], preset: str) -> None:
    file = configuration.REPOSITORY / "presets" / f"{preset}.yaml"
    inputs = dict(config["tracks"]["pretrain"])
    configuration.overlay(config, configuration.read_yaml(file))
    config["tracks"]["pretrain"] = inputs
    configuration.check(config)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"mode": "papr"}, ["mode", "'papr'", "did you mean 'paper'", "default, paper"]),
        ({"scor_lm_loss": 3}, ["scor_lm_loss", "3", "did you mean 'score_lm_loss'"]),
        (
            {"score_lm_loss": {"modle": "x"}},
            ["score_lm_loss.modle", "'x'", "did you mean 'model'", "dtype"],
        ),
        (
            {"score_lm_loss": {"tokens_per_batch": "8k"}},
            ["score_lm_loss.tokens_per_batch", "'8k'", "a whole number, at least 1 or null"],
        ),
        (
            {"score_talking_head": {"engine": "qwen_vl"}},
            ["score_talking_head.engine", "'qwen_vl'", "did you mean 'qwen2_vl'", "face_presence"],
        ),
        (
            {"clip_captions": {"min_clip_seconds": 300}},
            ["clip_captions.min_clip_seconds", "300", "240", "lower it"],
        ),
        (
            {"selections": {"x": {"pretrain": {"lm_loss": {"min": 5, "max": 2}}}}},
            ["selections.x.pretrain.lm_loss.min", "5", "2"],
        ),
        (
            {"selections": {"x": {"pretrain": {"captions": {"labels": ["manual", "robot"]}}}}},
            ["selections.x.pretrain.captions.labels: 'robot' is not allowed; allowed: manual, "],
        ),
        (
            {"selections": {"x": {"sft": {"file": {"labels": ["their"]}}}}},
            ["selections.x.sft.file.labels: 'their'", "did you mean 'there'", "missing, refused"],
        ),
        (
            {"score_lm_loss": {"gate": {"captions": {"labels": ["automated"]}}}},
            ["score_lm_loss.gate.captions.labels: 'automated'", "did you mean 'automatic'"],
        ),
        (
            {"selections": {"x": {"pretrain": {"lm_los": {"min": 5}}}}},
            ["selections.x.pretrain.lm_los", "did you mean 'lm_loss'"],
        ),
        (
            {"selections": {"x": {"pretrain": {"on_unscored": "kep"}}}},
            ["selections.x.pretrain.on_unscored", "'kep'", "did you mean 'keep'"],
        ),
        ({"selections": {"scores": {}}}, ["selections.scores", "reserved"]),
        ({"selections": {"a b": {}}}, ["selections.a b", "folder names"]),
        ({"selections": {"default": None}}, ["no selection", "pretrain"]),
        ({"score_lm_loss": {"gate": "aut"}}, ["score_lm_loss.gate", "'aut'", "auto, none"]),
        (
            {"score_lm_loss": {"gate": {"language": {"labels": []}}}},
            ["score_lm_loss.gate.language.labels", "not empty"],
        ),
        (
            {"clip_captions": {"max_gap_seconds": float("nan")}},
            ["clip_captions.max_gap_seconds", "finite"],
        ),
        ({"device": None}, ["device", "None", "auto, cpu, cuda"]),
        ({"tracks": {"pretrain": {"videos": "no/such/folder"}}}, ["videos", "no/such/folder"]),
    ],
)
def test_message_names_key_value_and_what_is_allowed(
    config: dict[str, Any], over: dict[str, Any], words: list[str]
) -> None:
    message = error_of(config, over)
    assert [word for word in words if word not in message] == []


def test_all_wrong_keys_are_said_at_once(config: dict[str, Any]) -> None:
    message = error_of(config, {"mode": "x", "device": "tpu"})
    assert "mode" in message
    assert "device" in message


def test_no_input(config: dict[str, Any]) -> None:
    config["tracks"]["pretrain"]["inputs"] = []
    assert "make demo" in error_of(config, {})


def test_missing_input_names_the_nearest_file(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "captions_01.jsonl").touch()
    over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "caption_01.jsonl")]}}}
    assert "did you mean 'captions_01.jsonl'" in error_of(config, over)


def test_two_files_of_one_stem(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").touch()
    over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "a.*")]}}}
    assert "both be shard 'a'" in error_of(config, over)


def test_a_line_break_in_a_file_name_makes_no_line_of_a_message(
    config: dict[str, Any], tmp_path: Path
) -> None:
    for name, more in (
        ("a\nerror: run rm.jsonl", "may contain only letters"),
        ("a\x1b[2J.jsonl", "may contain only letters"),
        ("a\nb.jsn", "not a JSON-lines file"),
    ):
        (tmp_path / name).touch()
        over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "a*")]}}}
        message = error_of(config, over)
        (line,) = [line for line in message.splitlines() if more in line]
        assert "a\ufffd" in line
        assert not {"\n", "\x1b"} & set(line)
        assert len(message.splitlines()) == 1
        (tmp_path / name).unlink()


def test_file_of_another_kind(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "*")]}}}
    assert "b.csv: not a JSON-lines file" in error_of(config, over)


def test_shards_are_named_by_stem(config: dict[str, Any], tmp_path: Path) -> None:
    for name in ("z.jsonl", "m.jsonl.zst", "b.jsonl.gz"):
        (tmp_path / name).touch()
    config["tracks"]["pretrain"]["inputs"] = [str(tmp_path / "*"), str(tmp_path / "z*")]
    assert list(configuration.shards(config, "pretrain")) == ["a", "b", "m", "z"]


def test_gate_is_the_union_of_the_selections(config: dict[str, Any]) -> None:
    config["selections"] = {
        "low": {"pretrain": {"words_per_second": {"min": 1, "max": 3}, "lm_loss": {"max": 4}}},
        "high": {"pretrain": {"words_per_second": {"min": 2, "max": 4}, "lm_loss": {"max": 6}}},
        "none": {"sft": {}},
    }
    assert configuration.gate(config, "pretrain", "score_lm_loss") == {
        "words_per_second": {"min": 1.0, "max": 4.0}
    }
    assert configuration.gate(config, "pretrain", "score_talking_head") == {
        "words_per_second": {"min": 1.0, "max": 4.0},
        "lm_loss": {"max": 6.0},
    }
    config["score_talking_head"]["gate"] = "none"
    assert configuration.gate(config, "pretrain", "score_talking_head") == {}


def test_gate_leaves_out_switched_off_stages(config: dict[str, Any]) -> None:
    config["identify_language"]["enabled"] = False
    gate = configuration.gate(config, "pretrain", "score_talking_head")
    assert list(gate) == ["words_per_second", "lm_loss", "inside_video"]


def test_models_of_the_engines_in_use(config: dict[str, Any]) -> None:
    assert configuration.models(config) == {
        "score_lm_loss": "qwen2-1.5b-instruct",
        "score_talking_head": "centerface",
    }
    config["identify_language"]["engine"] = "xlm_roberta"
    config["score_lm_loss"]["enabled"] = False
    config["score_talking_head"]["engine"] = "qwen2_vl"
    assert configuration.models(config) == {
        "identify_language": "xlm-roberta-language-detection",
        "score_talking_head": "qwen2-vl-2b-instruct",
    }


def test_models_of_the_sft_track(config: dict[str, Any]) -> None:
    config["tracks"]["sft"] = {"inputs": config["tracks"]["pretrain"]["inputs"], "videos": "."}
    assert configuration.models(config)["transcribe"] == "whisper-large-v3-turbo"
    assert "transcribe:align" not in configuration.models(config)
    config["transcribe"]["engine"] = "whisperx"
    assert configuration.models(config)["transcribe:align"] == "wav2vec2-base-960h"
    config["transcribe"]["align_model"] = "centerface"
    with pytest.raises(LiveccError, match=r"transcribe\.align_model: 'centerface' is a face det"):
        configuration.check(config)
    config["transcribe"]["enabled"] = False
    assert not [use for use in configuration.models(config) if use.startswith("transcribe")]


def test_config_yaml_lists_every_option_with_its_true_default() -> None:
    listed = configuration.read_yaml(configuration.DEFAULTS_FILE)
    assert listed == defaults(configuration.catalogue_of({}))


def test_every_option_has_a_line_of_documentation() -> None:
    for stage in configuration.catalogue_of({}).stages.values():
        for option in options_of(stage.options) if stage.options else ():
            assert option.says.endswith("."), f"{stage.name}.{option.name}: {option.says!r}"


def test_every_option_is_commented() -> None:
    """A reader of config.yaml finds a comment above, or above the group of, every option."""
    lines = configuration.DEFAULTS_FILE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith(("#", " ")):
            assert lines[number - 1].startswith("#"), f"no comment above: {line}"


def test_not_yaml(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("a: [1,\n")
    with pytest.raises(LiveccError, match="not valid YAML"):
        configuration.load([file])


def test_aliases_that_unfold_to_billions(tmp_path: Path) -> None:
    """Also where Snakemake has read the file."""
    lines = ["a0: &a0 [1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
    file = tmp_path / "laughs.yaml"
    file.write_text("\n".join(lines))
    with pytest.raises(
        LiveccError, match=r"laughs\.yaml: its aliases unfold to more than 1,000,000"
    ):
        configuration.load([file])
    with pytest.raises(LiveccError, match="the configuration: its aliases unfold"):
        configuration.complete(yaml.safe_load(file.read_text()))


def test_aliases_are_allowed() -> None:
    told = yaml.safe_load("results: &where elsewhere\nmodels_folder: *where\n")
    assert configuration.complete(told)["models_folder"] == "elsewhere"


def test_prompts_of_the_defaults_are_the_papers() -> None:
    from dataclasses import asdict

    from livecc.stages.score_lm_loss.prompts import PAPER_PROMPTS

    default = configuration.read_yaml(configuration.DEFAULTS_FILE)
    paper = configuration.read_yaml(configuration.REPOSITORY / "presets" / "paper.yaml")
    assert default["score_lm_loss"]["prompts"] == asdict(PAPER_PROMPTS)
    assert paper["score_lm_loss"]["prompts"] == asdict(PAPER_PROMPTS)


def test_question_of_the_presets_is_the_papers() -> None:
    from livecc.stages.score_talking_head.declaration import QUESTION

    for file in (configuration.DEFAULTS_FILE, configuration.REPOSITORY / "presets" / "paper.yaml"):
        assert configuration.read_yaml(file)["score_talking_head"]["question"] == QUESTION


def test_conda_and_pip_environments_have_the_same_pins() -> None:
    folder = configuration.REPOSITORY / "envs"

    def pins(name: str) -> list[str]:
        found = []
        for line in (folder / name).read_text().splitlines():
            text = line.split("#")[0].strip()
            if text.startswith("-r "):
                found += pins(text.removeprefix("-r ").strip())
            elif text:
                found.append(text)
        return found

    files = sorted(folder.glob("*.yaml"))
    assert files
    for file in files:
        conda = yaml.safe_load(file.read_text())
        inner = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
        assert inner == pins(f"{file.stem}.txt"), file


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"selections": {1: {"pretrain": {}}}}, ["selections.1", "quote it"]),
        ({"selections": {True: {"pretrain": {}}}}, ["selections.True", "quote it"]),
        ({"selections": {"x" * 300: {"pretrain": {}}}}, ["at most 64"]),
        ({"results": "/dev/null/x"}, ["results", "/dev/null is a file"]),
        ({"results": "r{x}"}, ["results", "braces"]),
        ({"container": "images/{x}.sif"}, ["container", "braces"]),
        ({"score_lm_loss": {"model": "centerface"}}, ["face detector", "smollm2-135m-instruct"]),
        (
            {"score_lm_loss": {"prompts": {"with_context": "{titel} {context}"}}},
            ["prompts.with_context", "{titel}", "did you mean 'title'"],
        ),
        ({"score_lm_loss": {"prompts": {"with_context": "no fields"}}}, ["{context} is missing"]),
        ({"score_lm_loss": {"prompts": {"without_context": "{"}}}, ["without_context", "braces"]),
        ({"score_talking_head": {"question": "{frame}"}}, ["question", "did you mean 'frames'"]),
        ({"score_lm_loss": {"gate": {"lm_loss": {"max": 3}}}}, ["not scored before", "language"]),
        ({"transcribe": {"language": "de"}}, ["transcribe.language", "'de'", "['en']"]),
        ({"transcribe": {"languages": ["english"]}}, ["languages.0", "'english'", "such as en"]),
        ({"retry_failed": "transcibe"}, ["retry_failed", "did you mean 'transcribe'"]),
        ({"retry_failed": ["transcribe", "lmloss"]}, ["retry_failed.1", "'lmloss'", "lm_loss"]),
        ({"environments": {"lm": "/no/python"}}, ["environments.lm", "not an executable"]),
        (
            {"selections": {"default": {"pretrain": {"language": {"labels": ["english"]}}}}},
            ["labels", "language code"],
        ),
    ],
)
def test_mistakes_that_a_job_would_meet_first(
    config: dict[str, Any], over: dict[str, Any], words: list[str]
) -> None:
    message = error_of(config, over)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("name", ["a b", "-a", "a'b", "`id`", "a;b", "a&b", "a|b", "(a)", "{a}"])
def test_shard_names_that_a_shell_would_read(
    config: dict[str, Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.jsonl").touch()
    over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "*.jsonl")]}}}
    assert "named after the file stem" in error_of(config, over)


def test_brackets_in_the_name_of_a_folder(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in [1]").mkdir()
    (tmp_path / "in [1]" / "a.jsonl").touch()
    over = {"tracks": {"pretrain": {"inputs": [str(tmp_path / "in [1]" / "a.jsonl")]}}}
    assert "are wildcards" in error_of(config, over)


def test_braces_in_the_folder_of_inputs(config: dict[str, Any], tmp_path: Path) -> None:
    """Snakemake would read them as wildcards of its own."""
    folder = tmp_path / "{track}"
    folder.mkdir()
    (folder / "b.jsonl").write_text("{}\n")
    inputs = {"pretrain": {"inputs": [f"{folder}/*.jsonl"]}}
    message = error_of(config, {"tracks": inputs})
    assert f"tracks.pretrain.inputs[0]: '{folder}/b.jsonl' must not contain braces" in message
    inputs = {"pretrain": {"inputs": [str(tmp_path / "{a,b}.jsonl")]}}
    assert "{a,b} is not expanded" in error_of(config, {"tracks": inputs})


@pytest.mark.parametrize("key", ["results", "score_cache", "models_folder"])
def test_a_folder_that_no_system_has(config: dict[str, Any], key: str, tmp_path: Path) -> None:
    message = error_of(config, {key: str(tmp_path / ("x" * 300))})
    assert f"{key}: '" in message
    assert message.endswith("cannot be a folder: File name too long")
    assert "no path may have" in error_of(config, {key: "a\0b"})
    if Path("/proc/self").exists():
        told = error_of(config, {key: "/proc/nowhere/x"})
        assert told.endswith("cannot be a folder: the kernel keeps /proc to itself")
    (tmp_path / "file").touch()
    assert "file is a file" in error_of(config, {key: str(tmp_path / "file" / "inside")})


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no other")
@pytest.mark.parametrize("key", ["results", "score_cache"])
def test_a_folder_that_cannot_be_made(config: dict[str, Any], key: str, tmp_path: Path) -> None:
    for place in ("/proc/nowhere/results", "/proc/self/results"):
        config |= {"results": str(tmp_path / "results"), key: place}
        with pytest.raises(LiveccError) as raised:
            configuration.check_writable(config)
        told = str(raised.value)
        assert told.startswith(f"{key}: {place!r} ")
        assert "takes no new folder" in told or "not writable" in told
    configuration.check_writable(config | {key: str(tmp_path / "a" / "b")})
    assert (tmp_path / "a" / "b").is_dir()


def test_results_are_no_inputs(config: dict[str, Any], tmp_path: Path) -> None:
    made = tmp_path / "results" / "pretrain" / "transcripts"
    made.mkdir(parents=True)
    (made / "b.jsonl").write_text("{}\n")
    over = {
        "results": str(tmp_path / "results"),
        "tracks": {"pretrain": {"inputs": [str(tmp_path / "**" / "*.jsonl")]}},
    }
    assert f"{made}/b.jsonl is in '{tmp_path}/results', where it was made" in error_of(config, over)
    over["tracks"] = {"pretrain": {"inputs": [str(tmp_path / "*.jsonl")]}}
    configuration.overlay(config, over)
    configuration.check(config)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"format": "ytdl", "paths": ["x"]}, "sources.s.from.0.format: 'ytdl' is not allowed"),
        ({"paths": ["x"]}, "sources.s.from.0.format: is missing"),
        ({"format": "ytdlp", "paths": "x"}, "sources.s.from.0.paths: 'x' is not allowed"),
        ({"format": "ytdlp", "paths": ["x"], "bogus": 1}, "sources.s.from.0.bogus: unknown key"),
        ({"format": "ytdlp", "paths": ["x"], "prefer": ["all"]}, "from.0.prefer.0: 'all' is not"),
    ],
)
def test_a_mistake_in_a_source_is_one_line(part: dict[str, Any], told: str) -> None:
    config = configuration.complete({"sources": {"s": {"shards": 2, "from": [part]}}})
    with pytest.raises(LiveccError) as raised:
        configuration.check(config)
    assert told in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1, raised.value


def test_a_template_of_videos_names_each_of_them(config: dict[str, Any]) -> None:
    part = {"format": "hdvila", "paths": ["x.jsonl"], "video": "x.mp4"}
    message = error_of(config, {"sources": {"s": {"shards": 2, "from": [part]}}})
    assert "sources.s.from[0].video: 'x.mp4' must contain {id}" in message


def test_too_many_shards_are_refused() -> None:
    part = {"format": "ytdlp", "paths": ["x"]}
    config = configuration.complete({"sources": {"s": {"shards": 99_999_999, "from": [part]}}})
    with pytest.raises(LiveccError, match=r"sources\.s\.shards: 99999999 is not allowed"):
        configuration.check(config)
