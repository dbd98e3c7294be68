"""What goes wrong on clusters, on a small workflow: each run ends, with whole and right files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, wait_for
from tests.slurm.driving import Driver, accounted
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.workflow

Drive = Callable[..., Driver]

#: Until the controller has written down that a job runs.
STATE_SAVED_SECONDS = 8
#: A slow job says when it begins to write and when it is done, so that two at once would show.
SLOW = """
rule slow:
    output: "slow.txt"
    resources: gpu=1, mem_mb=500, runtime=5
    shell:
        "echo begin $SLURM_JOB_ID >> writers.txt; "
        "sleep {seconds}; echo whole > {{output}}; "
        "echo end $SLURM_JOB_ID >> writers.txt"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "Snakefile").write_text(text)
    return folder


def writers(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "writers.txt").read_text().splitlines()]


def nothing_left(cluster: Cluster, folder: Path) -> bool:
    return not cluster.queue() and not list(folder.glob(".snakemake/livecc/slurm-runs/*"))


def test_job_that_fails_twice_works_the_third_time(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    write(
        tmp_path,
        """
rule flaky:
    output: "flaky.txt"
    resources: gpu=0, runtime=5, mem_mb=lambda wildcards, attempt: 500 * attempt
    shell: "echo x >> tries.txt; [ $(wc -l < tries.txt) -eq 3 ]; echo whole > {output}"
""",
    )
    driver = drive(tmp_path)
    driver.finish()
    assert (tmp_path / "flaky.txt").read_text() == "whole\n"
    jobs = accounted(cluster, driver.slurm_ids)
    assert [(job.state, job.attempt, job.memory) for job in jobs] == [
        ("FAILED", 1, "500M"),
        ("FAILED", 2, "1000M"),
        ("COMPLETED", 3, "1500M"),
    ]
    assert nothing_left(cluster, tmp_path)


def test_job_that_always_fails_ends_the_run_with_its_message(drive: Drive, tmp_path: Path) -> None:
    write(
        tmp_path,
        """
rule broken:
    output: "broken.txt"
    log: "broken.log"
    resources: gpu=0, runtime=5, mem_mb=500
    shell: "echo the reason > {log}; exit 3"
""",
    )
    driver = drive(tmp_path, "--retries", "1")
    assert driver.wait() == 1
    assert len(driver.slurm_ids) == 2
    assert "ended as FAILED" in driver.output
    assert "the reason" in driver.output


def test_cancelled_job_runs_again(cluster: Cluster, drive: Drive, tmp_path: Path) -> None:
    """The Slurm plugin does not know the state `CANCELLED by 0`, and waits for ever."""
    driver = drive(write(tmp_path, SLOW.format(seconds=6)))
    job = driver.wait_for_job(cluster, "slow")
    wait_for("the job to write", (tmp_path / "writers.txt").exists)
    cluster.run("scancel", job)
    driver.finish()
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    states = [job.state for job in accounted(cluster, driver.slurm_ids)]
    assert states == ["CANCELLED", "COMPLETED"]
    assert writers(tmp_path) == ["begin", "begin", "end"]


def test_job_of_a_node_that_goes_down_runs_on_another(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    driver = drive(write(tmp_path, SLOW.format(seconds=6)))
    job = driver.wait_for_job(cluster, "slow")
    node = cluster.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        driver.finish()
    finally:
        cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    first, second = accounted(cluster, driver.slurm_ids)
    assert (first.state, first.node) == ("NODE_FAIL", node)
    assert second.state == "COMPLETED"
    assert second.node not in ("", node)


def test_controller_may_be_away(cluster: Cluster, drive: Drive, tmp_path: Path) -> None:
    """For 30 s, while a job runs and another is to be submitted.

    The Slurm plugin gives up after some 29 s, forgets the jobs, and waits for ever.
    """
    write(
        tmp_path,
        """
rule after:
    input: "slow.txt", "local.txt"
    output: "after.txt"
    resources: gpu=1, mem_mb=500, runtime=5
    shell: "cat {input} > {output}"

rule second:
    input: "local.txt"
    output: "second.txt"
    resources: gpu=1, mem_mb=500, runtime=5
    shell: "echo second > {output}"

localrules: local

rule local:
    output: "local.txt"
    shell: "until [ -e controller_is_away ]; do sleep 0.2; done; echo local > {output}"
"""
        + SLOW.format(seconds=15),
    )
    driver = drive(tmp_path, "after.txt", "second.txt")
    driver.wait_for_job(cluster, "slow")
    # The controller writes its state every few seconds: one that is killed before starts the job,
    # which it does not know to run, once more.
    time.sleep(STATE_SAVED_SECONDS)
    cluster.stop_controller()
    try:
        (tmp_path / "controller_is_away").touch()
        time.sleep(30)
        assert driver.process.poll() is None, driver.output[-4000:]
    finally:
        cluster.start_controller()
    output = driver.finish()
    assert (tmp_path / "after.txt").read_text() == "whole\nlocal\n"
    assert (tmp_path / "second.txt").read_text() == "second\n"
    assert "Slurm does not answer" in output
    assert "accepts no jobs at the moment; retrying" in output
    # A job that ends while the controller is away reaches it late: it may take the node for failed.
    states = [job.state for job in accounted(cluster, driver.slurm_ids)]
    assert writers(tmp_path) == ["begin", "end"] * (1 + states.count("NODE_FAIL")), states


def tool(folder: Path, name: str, text: str) -> Path:
    """A folder with a program in place of Slurm's, which it finds as `$REAL`."""
    real = shutil.which(name)
    (folder / "tools").mkdir(exist_ok=True)
    program = folder / "tools" / name
    program.write_text(f"#!/bin/sh\nREAL={real}\n{text}")
    program.chmod(0o755)
    return program.parent


def test_job_that_was_taken_although_sbatch_failed_is_not_doubled(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    """The controller took it, and its answer was lost."""
    write(tmp_path, SLOW.format(seconds=15))
    tools = tool(
        tmp_path,
        "sbatch",
        f"""cd {tmp_path}
"$REAL" "$@" || exit
[ -e lost ] && exit
touch lost
echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
exit 1
""",
    )
    output = drive(tmp_path, tools=tools).finish()
    assert "accepts no jobs at the moment; retrying" in output
    assert "was already accepted as Slurm job" in output
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    assert writers(tmp_path) == ["begin", "end"]
    assert nothing_left(cluster, tmp_path)


def test_job_that_is_preempted_runs_again(cluster: Cluster, drive: Drive, tmp_path: Path) -> None:
    """To squeue a cancelled job reads as a preempted one here: this cluster preempts none."""
    write(tmp_path, SLOW.format(seconds=10))
    tools = tool(tmp_path, "squeue", """"$REAL" "$@" | sed 's/|CANCELLED|/|PREEMPTED|/'""" + "\n")
    driver = drive(tmp_path, tools=tools)
    cluster.run("scancel", driver.wait_for_job(cluster, "slow"))
    output = driver.finish()
    assert "ended as PREEMPTED" in output
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    assert writers(tmp_path)[-2:] == ["begin", "end"]
    first, second = accounted(cluster, driver.slurm_ids)
    assert (first.state, second.state) == ("CANCELLED", "COMPLETED")
    # More memory would have changed nothing.
    assert first.memory == second.memory == "500M"


def test_job_whose_state_is_unknown_is_waited_for(drive: Drive, tmp_path: Path) -> None:
    write(tmp_path, SLOW.format(seconds=5))
    tools = tool(
        tmp_path,
        "squeue",
        f"""cd {tmp_path}
echo x >> looks
if [ $(wc -l < looks) -gt 12 ]; then exec "$REAL" "$@"; fi
"$REAL" "$@" | sed -E 's/[|](RUNNING|COMPLETING|COMPLETED)[|]/|UNKNOWN|/'
""",
    )
    driver = drive(tmp_path, tools=tools)
    driver.finish()
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    assert writers(tmp_path) == ["begin", "end"]
    assert len(driver.slurm_ids) == 1


def test_device_of_the_nodes_must_be_said(drive: Drive, tmp_path: Path) -> None:
    """What `auto` finds where Snakemake runs would be taken for what the nodes have."""
    (tmp_path / "in.jsonl").write_text('{"video": "a.mp4", "subtitles": [[0, 1, "one two"]]}\n')
    (tmp_path / "my.yaml").write_text(
        "tracks: {pretrain: {inputs: [in.jsonl], videos: .}}\n"
        "score_lm_loss: {enabled: false}\nscore_talking_head: {enabled: false}\n"
    )
    flags = ["-s", str(REPOSITORY / "Snakefile"), "--configfile", "my.yaml"]
    driver = drive(tmp_path, *flags)
    assert driver.wait(60) == 1
    assert "set device: cuda in the configuration" in driver.output
    assert "Traceback" not in driver.output
    assert not driver.slurm_ids
    drive(tmp_path, *flags, "--config", "device=cuda").finish()
    assert list(tmp_path.glob("results/pretrain/default/*_with_seeks.jsonl"))


def test_interrupt_ends_all_jobs_and_a_restart_completes(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    """Jobs that just run, wait in the queue or are being submitted."""
    write(
        tmp_path,
        """
rule all:
    input: expand("{n}.txt", n=range(6))

rule slow:
    output: "{n}.txt"
    resources: gpu=1, mem_mb=500, runtime=5
    shell: "sleep 6; echo whole > {output}"
""",
    )
    driver = drive(tmp_path)
    driver.wait_for_job(cluster, "slow")
    driver.interrupt()
    assert driver.wait(60) == 1
    assert nothing_left(cluster, tmp_path)
    assert not list(tmp_path.glob(".snakemake/locks/*"))
    drive(tmp_path).finish()
    assert {(tmp_path / f"{n}.txt").read_text() for n in range(6)} == {"whole\n"}


def test_restart_after_a_killed_driver_has_one_writer(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    """Without the project's Snakefile, so that the lock is the user's to remove."""
    write(tmp_path, SLOW.format(seconds=20))
    first = drive(tmp_path)
    orphan = first.wait_for_job(cluster, "slow")
    wait_for("the job to write", (tmp_path / "writers.txt").exists)
    first.kill()
    assert cluster.queue() == {orphan: "RUNNING"}
    assert drive(tmp_path, "--unlock").wait() == 0
    second = drive(tmp_path)
    output = second.finish()
    assert "1 Slurm job of an earlier run" in output
    assert (tmp_path / "slow.txt").read_text() == "whole\n"
    assert writers(tmp_path) == ["begin", "begin", "end"]
    old, new = accounted(cluster, second.slurm_ids)
    assert (old.state, new.state) == ("CANCELLED", "COMPLETED")
    assert old.ended <= new.began
    assert nothing_left(cluster, tmp_path)


def test_packed_jobs_share_a_slurm_job_and_fail_alone(
    cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    write(
        tmp_path,
        """
rule all:
    input: expand("{n}.txt", n=range(3))

rule cheap:
    output: "{n}.txt"
    resources: gpu=0, mem_mb=500, runtime=5
    shell:
        "if [ {wildcards.n} = 1 ] && ! [ -e mended ]; then touch mended; exit 1; fi; "
        "echo $SLURM_JOB_ID > {output}"
""",
    )
    driver = drive(tmp_path)
    driver.finish()
    pack, alone = driver.slurm_ids
    ran_in = [(tmp_path / f"{n}.txt").read_text().strip() for n in range(3)]
    assert ran_in == [pack, alone, pack]
    jobs = accounted(cluster, [pack, alone])
    assert [(job.partition, job.gpus, job.minutes) for job in jobs] == [
        ("cpu", 0, "00:15:00"),
        ("cpu", 0, "00:05:00"),
    ]
