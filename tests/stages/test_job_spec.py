"""What is planned is what runs: a job's command line says the whole of its specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.configuration.resolved import cached_stages
from livecc.declaration import CachedStage
from livecc.files.yaml_files import REPOSITORY, overlay, read_yaml
from livecc.formats.video_paths import VideoFolder
from livecc.planning.jobs import job_spec
from livecc.stages.catalogue import Catalogue
from livecc.stages.job_spec import JobSpec

STAGES = {stage.name: stage for stage in Catalogue({}).cached_stages}
PRESETS = ("demo", "paper")
#: A name that a shard may have.
SHARD = "a.b+c=d,e@f-1"
VIDEOS = "my videos/%s=é"


def configured(preset: str, *over: dict[str, Any]) -> dict[str, Any]:
    """A preset with the demo's input, and everything switched on."""
    config = read_yaml(configuration.DEFAULTS_FILE)
    overlay(config, read_yaml(REPOSITORY / "presets" / f"{preset}.yaml"))
    for track in ("pretrain", "sft"):
        inputs = [str(REPOSITORY / "demo" / track / "*.jsonl")]
        overlay(config, {"tracks": {track: {"inputs": inputs}}})
    overlay(config, {"probe_videos": {"enabled": True}, "describe_video": {"enabled": True}})
    for one in over:
        overlay(config, one)
    config = configuration.complete(config)
    configuration.check(config)
    # A check wants a folder that is there.
    for track in config["tracks"].values():
        track["videos"] = VIDEOS
    return config


def planned(config: dict[str, Any]) -> Iterator[JobSpec]:
    for track in configuration.active_tracks(config):
        for stage in cached_stages(config, track):
            yield job_spec(config, track, stage, SHARD)


def parsed(spec: JobSpec, *more: str) -> JobSpec:
    """The job that runs by the command line of a planned one."""
    return JobSpec.parse(spec.stage, [*spec.arguments(), "--output", "o", "--stats", "s", *more])


def without_files(spec: JobSpec) -> JobSpec:
    """The specification but for what the job writes."""
    return replace(spec, output=None, stats=None, coverage=None, made_with="")


def check(spec: JobSpec) -> None:
    run = parsed(spec)
    assert (run.output, run.stats) == (Path("o"), Path("s"))
    assert without_files(run) == spec
    # Equal numbers of another type are other settings, and so another folder of the cache.
    assert {name: type(value) for name, value in run.options.items()} == {
        name: type(value) for name, value in spec.options.items()
    }
    assert run.arguments() == spec.arguments()
    assert list(run.deciding_options()) == list(spec.deciding_options())


def engines() -> list[tuple[str, str | None]]:
    return [(name, engine) for name, stage in STAGES.items() for engine in stage.engines or [None]]


@pytest.mark.parametrize(("stage", "engine"), engines())
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("device", ["auto", "cpu", "cuda"])
def test_planned_job_is_what_its_command_line_says(
    preset: str, stage: str, engine: str | None, device: str
) -> None:
    over = {} if engine is None else {stage: {"engine": engine}}
    config = configured(preset, {"device": device}, over)
    specs = [spec for spec in planned(config) if spec.stage.name == stage]
    assert specs
    for spec in specs:
        assert spec.options.get("engine") == engine
        check(spec)


VARIANTS: dict[str, dict[str, Any]] = {
    "whole numbers where others are meant": {
        "transcribe": {
            "max_seconds": 7200,
            "vad_threshold": 1,
            "decode_timeout_seconds": 100,
        },
        "score_talking_head": {"min_score": 1, "min_face": 0, "decode_timeout_seconds": 9},
        "score_active_speaker": {"decode_timeout_seconds": 7},
    },
    "other numbers": {
        "transcribe": {"max_seconds": 0.1 + 0.2, "vad_threshold": 1e-7},
        "score_talking_head": {"min_score": 0.30000000000000004, "min_face": 1e-300},
    },
    "whole numbers of whisperx": {
        "transcribe": {"engine": "whisperx", "vad_offset": 1, "align_model": None},
    },
    "null": {
        "transcribe": {
            "max_seconds": None,
            "language": None,
            "languages": None,
            "batch_size": None,
        },
        "identify_language": {"engine": "xlm_roberta", "tokens_per_batch": None},
        "score_lm_loss": {"max_context_tokens": None, "tokens_per_batch": None},
        "make_prompts": {"engine": "openai", "openai": {"temperature": None, "base_url": None}},
    },
    "no null": {
        "transcribe": {
            "max_seconds": 12.5,
            "language": "de",
            "languages": ["en", "de"],
            "batch_size": 3,
            "compute_type": "float16",
        },
        "identify_language": {"engine": "xlm_roberta", "tokens_per_batch": 700},
        "score_lm_loss": {"max_context_tokens": 512, "tokens_per_batch": 9, "dtype": "bfloat16"},
        "make_prompts": {
            "engine": "transformers",
            "transformers": {"dtype": "float16", "tokens_per_batch": 100},
        },
    },
    "one language": {"transcribe": {"languages": ["yue"]}},
    "numbers of a service": {
        "make_prompts": {
            "engine": "openai",
            "openai": {
                "temperature": 1,
                "max_cost": 3,
                "input_price": 1,
                "output_price": 2.5,
                "timeout_seconds": 9,
            },
        },
    },
    "texts that a command line could stumble over": {
        "score_talking_head": {
            "engine": "qwen2_vl",
            "question": "--really, in {frames}\nframes?  50 % \"quoted\" 'so' $HOME \\ é 語 =",
            "answer": "-1",
        },
        "score_lm_loss": {
            "prompts": {
                "system": "",
                "with_context": "--x {title} {context} {{}}\n\t%s",
                "without_context": "{title}=é",
            }
        },
        "make_prompts": {"engine": "template", "templates": ["--one", "two\n", '"', "é 語 %(x)s"]},
    },
    "a gate of its own, and none": {
        "score_lm_loss": {"gate": {"language": {"labels": ["en"]}, "words_per_second": {"min": 1}}},
        "score_talking_head": {"gate": "none"},
        "score_active_speaker": {"gate": "none"},
    },
    "again what failed": {"retry_failed": True},
    "again what failed of some": {"retry_failed": ["transcribe", "score_lm_loss"]},
    "folders with odd names": {
        "results": "so called/results é=1/",
        "score_cache": "kept = here",
    },
    "paper mode": {"mode": "paper"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_no_setting_is_lost_on_the_way(preset: str, variant: str) -> None:
    config = configured(preset, VARIANTS[variant])
    specs = list(planned(config))
    assert {spec.stage.name for spec in specs} >= VARIANTS[variant].keys() & STAGES.keys()
    for spec in specs:
        check(spec)


def test_settings_arrive_as_their_options_have_them() -> None:
    """Against the configuration itself: both sides of the comparison above could be wrong alike."""
    over = {
        "transcribe": {"engine": "faster_whisper", "max_seconds": 7200, "languages": ["en", "de"]},
        "retry_failed": ["transcribe"],
    }
    specs = {spec.stage.name: spec for spec in planned(configured("demo", over))}
    run = parsed(specs["transcribe"])
    assert run.options["max_seconds"] == 7200.0
    assert type(run.options["max_seconds"]) is float
    assert run.options["wanted"] == ["en", "de"]
    assert run.options["language"] is None
    assert "vad_onset" not in run.options
    assert run.retry_failed
    assert not parsed(specs["score_lm_loss"]).retry_failed
    assert (run.track.name, run.shard) == ("sft", SHARD)
    assert run.videos == VideoFolder(Path(VIDEOS))
    assert run.receipts == {"": Path("results/demo/models/whisper-tiny.en.json")}
    assert run.files == {"records": Path(f"results/demo/sft/records/{SHARD}.parquet")}


def test_videos_outside_of_their_folder_are_told_where_they_are_allowed() -> None:
    over = {"tracks": {"pretrain": {"videos_outside": "links"}}}
    specs = [spec for spec in planned(configured("demo", over)) if spec.videos]
    assert {parsed(spec).videos for spec in specs if spec.track.name == "pretrain"} == {
        VideoFolder(Path(VIDEOS), "links")
    }
    for spec in specs:
        allowed = "--videos-outside" in spec.arguments()
        assert allowed == (spec.track.name == "pretrain")


def test_what_the_job_writes_and_its_threads_are_said_beside() -> None:
    spec = next(spec for spec in planned(configured("demo")) if spec.stage.gated)
    more = ["--coverage=c", "--made-with=digest", "--threads=3"]
    run = parsed(spec, *more)
    assert (run.coverage, run.made_with, run.threads) == (Path("c"), "digest", 3)
    assert replace(without_files(run), threads=1) == spec


def test_a_job_knows_the_external_scores_that_its_gate_looks_at(tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("video,beauty\na.mp4,1\n")
    external = {"beauty": {"key": "video", "table": str(scores), "column": "beauty"}}
    gate = {"beauty": {"min": 1}}
    config = configured("demo", {"external_scores": external, "score_lm_loss": {"gate": gate}})
    specs = [spec for spec in planned(config) if spec.stage.gated and spec.scores]
    assert specs
    for spec in specs:
        run = parsed(spec)
        # A job makes a catalogue of its own, with stages of its own for external scores.
        same = {"track": spec.track, "scores": spec.scores}
        assert without_files(replace(run, **same)) == spec
        assert run.track.name == spec.track.name
        assert _paths(run) == _paths(spec)
        assert "beauty" in _paths(run)
    (loss, _) = [spec for spec in specs if spec.stage.name == "score_lm_loss"]
    assert parsed(loss).gate == gate


def _paths(spec: JobSpec) -> dict[str, Path]:
    return {stage.name: path for stage, path in spec.scores.items()}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_bare_command_line_has_the_defaults(stage: CachedStage) -> None:
    """But for null, which stands for what no argument says."""
    given = {"track": "sft", "shard": "s", "cache": "c", "output": "o", "stats": "s"}
    if stage.name == "score_talking_head":
        given["track"] = "pretrain"
    given |= {
        name: "f"
        for name in ("lines", "records", "transcripts", "clips", "videos")
        if name in stage.needs
    }
    if stage.name == "make_prompts":
        given |= {"engine": "template", "settings": "{}"}
    spec = JobSpec.parse(stage, [f"--{name}={value}" for name, value in given.items()])
    for flag in stage.flags:
        if flag.name in spec.options and not flag.required:
            assert spec.options[flag.name] == flag.default, flag.name
