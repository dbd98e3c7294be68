"""The manifest of a released file, and checking a file against it."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.formats.layout import MANIFEST_SUFFIX as SUFFIX
from livecc.formats.samples import sample_line
from livecc.models.fetch import known_models
from livecc.scores.cache import ScoreCache
from livecc.selecting.manifest import manifest, release_configuration
from livecc.selecting.merge_samples import merge
from livecc.selecting.verify import manifests, verify
from tests.support.built_in import CATALOGUE, STAGES
from tests.support.places import LIVECC

SETTINGS = {"version": "1", "model": "abc", "dtype": "float32"}


def line(video: str, start: float) -> bytes:
    query = {"type": "text", "text": "", "previous": "", "title": "", "category": ""}
    return sample_line(video, start, start + 36, query, [[start, start + 36, "a"], [1, 2, "b"]])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """What a run leaves behind, as far as a manifest looks at it."""
    results = tmp_path / "results"
    (results / "samples").mkdir(parents=True)
    (results / "samples" / "one.jsonl").write_bytes(line("a", 0.0) + line("a", 40.0))
    (results / "samples" / "two.jsonl").write_bytes(line("b", 0.0))
    for shard in ("one", "two"):
        with ScoreCache(
            results / "cache",
            "score_lm_loss",
            "f" * 16,
            f"pretrain.{shard}",
            settings=SETTINGS,
            packages=STAGES["score_lm_loss"].packages,
        ) as cache:
            cache.append([(shard, {"status": "ok", "lm_loss": 1.0})])
        stats = {"stage": "score_lm_loss", "fingerprint": "f" * 16, "seconds": {"load": 1.5}}
        write_json(results / "stats" / "score_lm_loss" / f"{shard}.json", stats)
    receipt = {"licence": "MIT", "digest": "d1", "folder": "/home/me/models/Own-Model"}
    write_json(
        results / "hub.json",
        {**receipt, "model": "qwen", "source": {"hub": "a/b", "revision": "4f2"}},
    )
    write_json(
        results / "own.json",
        {
            **receipt,
            "model": "home-me-models-Own-Model-1a2b",
            "source": {"path": "/home/me/models"},
        },
    )
    write_json(
        results / "missing.json",
        {"model": "light_asd", "status": "missing", "reason": "not in /home/me"},
    )
    return results


def make(results: Path, shards: tuple[str, ...] = ("one", "two")) -> dict[str, Any]:
    name = "merged.jsonl"
    merged = merge([results / "samples" / f"{shard}.jsonl" for shard in shards], results / name)
    made = manifest(
        track="pretrain",
        selection="default",
        name=name,
        merged=merged,
        configuration={"mode": "default", "thresholds": {}, "gates": {}, "clips": {}},
        receipts={
            "score_lm_loss": results / "hub.json",
            "score_talking_head": results / "own.json",
            "score_active_speaker": results / "missing.json",
        },
        stats=results / "stats",
        stages=["score_lm_loss", "identify_language"],
        shards=shards,
        cache=results / "cache",
        catalogue=CATALOGUE,
    )
    write_json(results / f"{name}{SUFFIX}", made)
    return made


def test_manifest_says_what_made_the_file(results: Path) -> None:
    made = make(results)
    assert made["counts"] == {"samples": 3, "videos": 2, "hours": 0.03, "words": 6}
    assert made["files"]["merged.jsonl"]["bytes"] == (results / "merged.jsonl").stat().st_size
    assert made["models"] == {
        "score_lm_loss": {
            "name": "qwen",
            "source": {"hub": "a/b", "revision": "4f2"},
            "licence": "MIT",
            "digest": "d1",
        },
        "score_talking_head": {
            "name": "Own-Model",
            "source": "a folder",
            "licence": "MIT",
            "digest": "d1",
        },
        "score_active_speaker": {"name": "light_asd", "status": "missing"},
    }
    (scores,) = made["scores"]["score_lm_loss"]
    assert (scores["fingerprint"], scores["settings"]) == ("f" * 16, SETTINGS)
    assert scores["software"]["torch"] == [metadata.version("torch")]
    assert made["scores"]["identify_language"] == []
    assert made["software"]["pyarrow"] == metadata.version("pyarrow")
    assert made["code"]["stages"] == {
        "score_lm_loss": "1",
        "identify_language": "2",
        "select_samples": "1",
    }


def test_weights_that_are_not_those_listed_are_told(results: Path) -> None:
    receipt = {"licence": "MIT", "digest": "d1", "folder": "/m/light_asd", "model": "light_asd"}
    file = "finetuning_TalkSet.model"
    source = {"url": "https://a.example/b"}
    other = {file: {"bytes": 4, "sha256": "0" * 64}}
    write_json(results / "hub.json", {**receipt, "source": source, "files": other})
    made = make(results)["models"]["score_lm_loss"]
    assert made["not_as_listed"] == {file: "differs"}
    listed = known_models()["light_asd"]["files"][file]
    same = {file: {"bytes": 4, "sha256": listed}}
    write_json(results / "hub.json", {**receipt, "source": source, "files": same})
    assert "not_as_listed" not in make(results)["models"]["score_lm_loss"]


def test_no_machine_paths_no_times_no_shards(results: Path) -> None:
    first = make(results)
    text = json.dumps(first)
    assert "/home" not in text
    assert str(results) not in text
    stats = results / "stats" / "score_lm_loss"
    write_json(stats / "both.json", {"fingerprint": "f" * 16, "seconds": {"load": 9.0}})
    (results / "samples" / "both.jsonl").write_bytes(
        b"".join((results / "samples" / f"{shard}.jsonl").read_bytes() for shard in ("one", "two"))
    )
    assert make(results, ("both",)) == first


def test_scores_of_two_devices_are_both_told(results: Path) -> None:
    write_json(results / "stats" / "score_lm_loss" / "two.json", {"fingerprint": "e" * 16})
    scores = make(results)["scores"]["score_lm_loss"]
    assert [one["fingerprint"] for one in scores] == ["e" * 16, "f" * 16]
    assert scores[0] == {"fingerprint": "e" * 16, "settings": None, "software": {}}


def test_stats_that_are_not_there_are_no_error(results: Path) -> None:
    for path in (results / "stats").rglob("*.json"):
        path.unlink()
    assert make(results)["scores"]["score_lm_loss"] == []


@pytest.mark.parametrize("track", ["pretrain", "sft"])
def test_configuration_of_a_release(track: str) -> None:
    config = configuration.complete(configuration.read_yaml(configuration.DEFAULTS_FILE))
    told = release_configuration(config, track, "default")
    assert told["thresholds"] == config["selections"]["default"][track]
    assert told["gates"]["score_lm_loss"] == "auto"
    assert list(told["clips"]) == (
        ["clip_captions"] if track == "pretrain" else ["filter_categories", "clip_transcripts"]
    )
    # Another selection, another machine, or an option of a stage that the cache knows of.
    config["selections"]["other"] = {track: {"lm_loss": {"min": 0}}}
    config["resources"]["score_lm_loss"]["gpu"] = 9
    config["device"], config["results"] = "cuda", "/elsewhere"
    config["make_prompts"]["openai"]["base_url"] = "http://localhost"
    config["score_talking_head"]["videos_per_batch"] = 1
    assert release_configuration(config, track, "default") == told
    config["transcribe"]["enabled"] = False
    if track == "sft":
        assert "import_transcripts" in release_configuration(config, track, "default")["clips"]


# --- checking ----------------------------------------------------------------------------------


def test_verify(results: Path) -> None:
    make(results)
    file = results / "merged.jsonl"
    path = results / f"merged.jsonl{SUFFIX}"
    assert manifests([results]) == manifests([path]) == manifests([file]) == [path]
    assert verify(path) == []
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"a.', b'"b.', 1).replace(b'"b"', b'"c"', 1))
    assert verify(path) == [f"{file}: the sha256 does not match the manifest"]
    file.write_bytes(data[:-1])
    assert verify(path) == [f"{file}: has {len(data) - 1} bytes, not {len(data)}"]
    file.unlink()
    assert verify(path) == [f"{file}: missing"]


def test_verify_counts_samples(results: Path) -> None:
    made = make(results)
    made["counts"]["samples"] = 4
    write_json(results / f"merged.jsonl{SUFFIX}", made)
    (problem,) = verify(results / f"merged.jsonl{SUFFIX}")
    assert "number of samples does not" in problem


def test_manifest_from_anywhere(results: Path) -> None:
    made = make(results)
    file = made["files"].pop("merged.jsonl")
    path = results / f"merged.jsonl{SUFFIX}"
    for files in (None, [], {"../merged.jsonl": file}, {"a": 3}, {"a": {"bytes": "1"}}):
        write_json(path, {**made, "files": files})
        with pytest.raises(LiveccError, match="not a manifest of a released file"):
            verify(path)
    write_json(path, {**made, "files": {"merged.jsonl": file}, "counts": None})
    with pytest.raises(LiveccError, match="not a manifest of a released file"):
        verify(path)


def test_what_is_no_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(LiveccError, match="not a manifest of a released file"):
        verify(tmp_path / "x.json")
    with pytest.raises(LiveccError, match=r"contains no \*\.manifest\.json file"):
        manifests([tmp_path])
    with pytest.raises(LiveccError, match=r"its manifest y\.jsonl\.manifest\.json is missing"):
        manifests([tmp_path / "y.jsonl"])


def test_command(results: Path) -> None:
    make(results)

    def run() -> tuple[int, str]:
        command = [*LIVECC, "verify", str(results)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    assert run() == (0, "manifests checked: 1, problems: 0\n")
    (results / "merged.jsonl").unlink()
    status, output = run()
    assert (status, output.count("\n")) == (1, 2)
