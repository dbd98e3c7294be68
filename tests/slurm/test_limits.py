"""The workflow itself with too little memory, too little time, and a driver that is killed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from livecc.formats.samples import read_offsets, read_sample
from tests.slurm.cluster import Cluster, wait_for
from tests.slurm.driving import Driver, Installation, accounted
from tests.support.places import REPOSITORY
from tests.support.tiny_language_models import save_tokenizer
from tests.workflow.running import FOLD, SUN, record

pytestmark = pytest.mark.workflow

Drive = Callable[..., Driver]
#: Seconds for a run on a machine that has other work too.
PATIENCE = 900
FLAGS = ["-s", str(REPOSITORY / "Snakefile"), "--configfile", "my.yaml"]


@pytest.fixture(scope="session")
def slow_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model that takes some hundredths of a second for a clip."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("slow-lm")
    save_tokenizer(folder)
    torch.manual_seed(1)
    config = transformers.Qwen2Config(
        vocab_size=420,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=10,
        num_attention_heads=6,
        num_key_value_heads=2,
    )
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def make_project(folder: Path, model: Path, clips: int, **resources: int) -> Path:
    """One shard of `clips` videos with a clip each, of which only the loss is looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    shuffle = random.Random(1)
    lines = [
        json.dumps(record(f"{n}.mp4", shuffle.sample([*FOLD, *SUN], 90), 90)) for n in range(clips)
    ]
    (folder / "shard.jsonl").write_text("\n".join(lines) + "\n")
    config: dict[str, Any] = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    settings = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"pretrain": {"inputs": ["shard.jsonl"], "videos": "."}},
        "identify_language": {"enabled": False},
        "score_talking_head": {"enabled": False},
        # Small batches: what is done is kept after each.
        "score_lm_loss": {"model": str(model), "gate": "none", "tokens_per_batch": 1000},
        "selections": {"default": {"pretrain": {"lm_loss": {"min": 0, "max": 50}}}},
        "resources": {"score_lm_loss": config["resources"]["score_lm_loss"] | resources},
    }
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))
    return folder


def samples(folder: Path) -> list[int]:
    """Offsets of the samples in the training file."""
    path = folder / "results/pretrain/default/livecc_pretrain_default_with_seeks.jsonl"
    offsets = list(read_offsets(path))
    assert all(read_sample(path, offset) for offset in offsets)
    return offsets


def stats(folder: Path) -> dict[str, Any]:
    path = folder / "results/pretrain/stats/score_lm_loss/shard.json"
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def cached(folder: Path) -> int:
    """Scores that are in the cache already."""
    files = folder.glob("results/cache/score_lm_loss/*/*.jsonl")
    return sum(len(path.read_bytes().splitlines()) for path in files)


def losses(folder: Path) -> list[float]:
    table = pq.read_table(folder / "results/pretrain/scores/score_lm_loss/shard.parquet")
    assert set(table["status"].to_pylist()) == {"ok"}
    return list(table["lm_loss"].to_pylist())


@pytest.fixture(scope="module")
def short_of_memory(
    cluster: Cluster,  # noqa: ARG001
    installation: Installation,
    slow_lm: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Driver:
    """A finished run of a few clips whose jobs get 300 MB at first."""
    folder = make_project(tmp_path_factory.mktemp("memory") / "p", slow_lm, 12, mem_mb=300)
    driver = Driver(installation, folder, *FLAGS)
    driver.finish(PATIENCE)
    return driver


@pytest.fixture(scope="module")
def clip_seconds(short_of_memory: Driver) -> float:
    """Seconds of scoring a clip takes here now."""
    return float(stats(short_of_memory.folder)["seconds"]["score"]) / 12


@pytest.fixture(scope="module")
def short_of_time(
    installation: Installation,
    slow_lm: Path,
    clip_seconds: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> Driver:
    """A finished run whose scoring takes longer than the minute that its job gets at first.

    Slurm may let a job go on for half a minute more, and the machine may have had other work when
    the seconds of a clip were measured.
    """
    clips = round(130 / clip_seconds)
    folder = make_project(tmp_path_factory.mktemp("time") / "p", slow_lm, clips, runtime=1)
    # More attempts than the profile has, for machines that have other work too.
    driver = Driver(installation, folder, *FLAGS, "--retries", "6")
    driver.finish(2 * PATIENCE)
    return driver


def test_too_little_memory(cluster: Cluster, short_of_memory: Driver) -> None:
    folder = short_of_memory.folder
    jobs = [j for j in accounted(cluster, short_of_memory.slurm_ids) if j.rule == "score_lm_loss"]
    assert len(jobs) >= 2
    assert [job.memory for job in jobs] == [f"{300 * 2**n}M" for n in range(len(jobs))]
    assert jobs[-1].state == "COMPLETED"
    logs = folder.glob(f".snakemake/slurm_logs/rule_score_lm_loss/*/{jobs[0].id}.log")
    assert "exceeded memory limit" in next(logs).read_text()
    assert len(losses(folder)) == len(samples(folder)) == 12


def test_too_little_time(cluster: Cluster, short_of_time: Driver) -> None:
    folder = short_of_time.folder
    jobs = [j for j in accounted(cluster, short_of_time.slurm_ids) if j.rule == "score_lm_loss"]
    assert len(jobs) >= 2
    assert {job.state for job in jobs[:-1]} == {"TIMEOUT"}
    assert jobs[-1].state == "COMPLETED"
    assert [job.minutes for job in jobs] == [f"00:0{n + 1}:00" for n in range(len(jobs))]
    # More memory would not have helped.
    assert {job.memory for job in jobs} == {jobs[0].memory}
    # The last attempt went on where the others had stopped: in the middle, or behind the last clip.
    last = stats(folder)
    assert last["found"] > 0
    assert last["found"] + last["scored"] == last["items"] == len(losses(folder))
    assert len(samples(folder)) == last["items"]


def test_killed_driver(
    cluster: Cluster, drive: Drive, slow_lm: Path, short_of_time: Driver, tmp_path: Path
) -> None:
    """Started again, nobody having looked after its lock or its jobs."""
    undisturbed = losses(short_of_time.folder)
    clips = max(20, len(undisturbed) // 3)
    folder = make_project(tmp_path / "p", slow_lm, clips, runtime=10)
    first = drive(folder, *FLAGS)
    orphan = first.wait_for_job(cluster, "score_lm_loss", PATIENCE)
    wait_for("scores in the cache", lambda: cached(folder) > 0, PATIENCE)
    first.kill()
    assert cluster.queue() == {orphan: "RUNNING"}

    second = drive(folder, *FLAGS)
    output = second.finish(PATIENCE)
    assert "its lock was removed" in output
    assert "1 Slurm job of an earlier run" in output
    jobs = [j for j in accounted(cluster, second.slurm_ids) if j.rule == "score_lm_loss"]
    assert [(job.id == orphan, job.state) for job in jobs] == [
        (True, "CANCELLED"),
        (False, "COMPLETED"),
    ]
    # Never two writers: the new job began when the old one was gone.
    assert jobs[0].ended <= jobs[1].began
    assert stats(folder)["found"] > 0
    assert losses(folder) == pytest.approx(undisturbed[:clips], abs=2e-4)
    assert len(samples(folder)) == clips
    third = drive(folder, *FLAGS)
    third.wait()
    assert "Nothing to be done" in third.output
