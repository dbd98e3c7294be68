"""Both tracks' demo on the cluster: what it makes, and which devices its jobs held."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from livecc.formats.samples import read_offsets, read_sample
from tests.slurm.cluster import GPU_NODES, Cluster
from tests.slurm.driving import Driver, accounted
from tests.support.places import REPOSITORY

pytestmark = [pytest.mark.workflow, pytest.mark.models]

#: The demo's models run on the CPU; here their jobs ask for a GPU all the same.
GPU_RULES = ("transcribe", "score_lm_loss", "score_talking_head", "score_active_speaker")
#: Seconds for the demo on a machine that has other work too.
PATIENCE = 900

Devices = dict[str, set[tuple[str, int]]]


def devices(cluster: Cluster) -> Devices:
    """Slurm id -> the devices (node, index) that a running job holds, as the controller says."""
    held: Devices = {}
    for text in cluster.run("scontrol", "--details", "show", "job", check=False).split("\n\n"):
        job = re.search(r"JobId=(\d+)", text)
        if job and "JobState=RUNNING" in text:
            parts = re.findall(r"Nodes=(\S+) .*GRES=gpu:h100:\d+\(IDX:([\d,]+)\)", text)
            held[job[1]] = {(node, int(i)) for node, indices in parts for i in indices.split(",")}
    return held


def test_demo(cluster: Cluster, drive: Callable[..., Driver], tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(REPOSITORY / "demo")
    flags = ["-s", str(REPOSITORY / "Snakefile")]
    flags += ["--configfile", str(REPOSITORY / "presets" / "demo.yaml")]
    flags += ["--config", f"models_folder={REPOSITORY / 'models'}"]
    flags += ["--set-resources", *(f"{rule}:gpu=1" for rule in GPU_RULES)]
    driver = drive(tmp_path, *flags)
    snapshots = []
    end = time.monotonic() + PATIENCE
    while driver.process.poll() is None and time.monotonic() < end:
        snapshots.append(devices(cluster))
        time.sleep(0.5)
    output = driver.finish(1)

    # What it makes.
    results = tmp_path / "results" / "demo"
    for track, selection in (("pretrain", "default"), ("pretrain", "strict"), ("sft", "default")):
        merged = results / track / selection / f"livecc_{track}_{selection}_with_seeks.jsonl"
        offsets = read_offsets(merged)
        assert offsets
        assert all(read_sample(merged, offset)[0]["role"] == "user" for offset in offsets)
    assert "11 clips" in output

    # What its jobs held: one GPU each where asked for, none otherwise, never the same at a time.
    jobs = accounted(cluster, driver.slurm_ids)
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert {job.rule for job in jobs} >= {*GPU_RULES, "pack", "merge_samples"}
    for job in jobs:
        on_gpu = job.rule in GPU_RULES
        assert (job.gpus, job.partition) == ((1, "gpu") if on_gpu else (0, "cpu")), job
        assert (job.node in GPU_NODES) == on_gpu, job
    for held in snapshots:
        assert all(len(held[job.id]) == job.gpus for job in jobs if job.id in held)
        together = [device for owned in held.values() for device in owned]
        assert len(together) == len(set(together)), held
    assert max(sum(map(len, held.values())) for held in snapshots) >= 2
    assert len({device for held in snapshots for owned in held.values() for device in owned}) >= 2

    again = drive(tmp_path, *flags)
    assert "Nothing to be done" in again.finish()
