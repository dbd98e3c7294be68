"""A real Slurm of three nodes on this machine, for tests: `python tests/slurm/cluster.py up`.

The nodes n1 and n2 have two GPUs each (device files that lead nowhere), n3 has none. Accounting
goes through slurmdbd to a MariaDB of the cluster's own. Everything lies in one folder and listens
on 127.0.0.1 only. It needs root, and Debian's packages of PROGRAMS.

Slurm's own programs look for /etc/slurm/slurm.conf where SLURM_CONF is not set, as it is not in a
job step that the executor plugin starts; so that file becomes a link while the cluster is up, and
one cluster can be up on a machine at a time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

#: Program -> the Debian package that has it.
PROGRAMS = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "slurmdbd": "slurmdbd",
    "munged": "munge",
    "mariadbd": "mariadb-server",
}
NODES = ("n1", "n2", "n3")
GPU_NODES = ("n1", "n2")
GPUS_PER_NODE = 2
CONFIGURATION = Path("/etc/slurm/slurm.conf")
#: Seconds a service may take to start or to stop.
PATIENCE = 60.0


def missing() -> str | None:
    """Why no cluster can be started here; None when it can."""
    if os.geteuid() != 0:
        return "a test cluster needs root"
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = [
        package for name, package in PROGRAMS.items() if not shutil.which(name, path=search)
    ]
    if packages:
        return f"not installed: {', '.join(packages)}"
    if CONFIGURATION.exists() and not CONFIGURATION.is_symlink():
        return f"this machine has a Slurm of its own ({CONFIGURATION})"
    return None


def wait_for(what: str, ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return when `ready()` is true; RuntimeError when it is not in time."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Cluster:
    """The services of a cluster below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.settings = self.folder / "etc" / "slurm.conf"
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.environment = {**os.environ, "PATH": path, "SLURM_CONF": str(self.settings)}

    def run(self, *command: str, check: bool = True) -> str:
        """Standard output of a program that talks to the cluster."""
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        if check and result.returncode:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr or result.stdout}")
        return result.stdout

    # Starting and stopping

    def up(self) -> None:
        """Start all services, and wait until the three nodes can take jobs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("etc", "log", "run", "state", "dev", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._write_settings()
        CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
        CONFIGURATION.unlink(missing_ok=True)
        CONFIGURATION.symlink_to(self.settings)
        self._start_munge()
        self._start_database()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_for("three idle nodes", lambda: self.node_states() == dict.fromkeys(NODES, "IDLE"))

    def down(self) -> None:
        """End all jobs and stop all services, the youngest first."""
        self.run("scancel", "--user=root", check=False)
        with contextlib.suppress(RuntimeError):
            wait_for("jobs to end", lambda: not self.run("squeue", "-h", check=False).strip(), 10)
        pids = [f"slurmd.{node}" for node in NODES] + [
            "slurmctld",
            "slurmdbd",
            "mariadbd",
            "munged",
        ]
        for name in pids:
            self._stop(name)
        if CONFIGURATION.is_symlink() and CONFIGURATION.readlink() == self.settings:
            CONFIGURATION.unlink()

    def start_controller(self) -> None:
        self.run("slurmctld")
        wait_for("the controller", lambda: "is UP" in self.run("scontrol", "ping", check=False))

    def stop_controller(self) -> None:
        """Stop it as a machine that goes down does; jobs go on."""
        self._stop("slurmctld", signal.SIGKILL)

    def start_node(self, node: str) -> None:
        self.run("slurmd", "-N", node)

    # What the tests look at

    def node_states(self) -> dict[str, str]:
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()
        return {name: state.rstrip("*").upper() for name, state in map(str.split, lines)}

    def queue(self) -> dict[str, str]:
        """Id -> state of the jobs that wait or run (or are just ending)."""
        lines = self.run("squeue", "-h", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    # Services

    def _pid(self, name: str) -> int | None:
        try:
            return int((self.folder / "run" / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def _stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        pid = self._pid(name)
        if pid is None or not _is_running(pid):
            return
        os.kill(pid, number)
        try:
            wait_for(f"{name} to stop", lambda: not _is_running(pid), 20)
        except RuntimeError:
            os.kill(pid, signal.SIGKILL)
            wait_for(f"{name} to die", lambda: not _is_running(pid))

    def _start_munge(self) -> None:
        key = self.folder / "run" / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        run = self.folder / "run"
        self.run(
            "munged",
            "--force",
            f"--key-file={key}",
            f"--socket={run / 'munge.socket'}",
            f"--pid-file={run / 'munged.pid'}",
            f"--seed-file={run / 'munge.seed'}",
            f"--log-file={self.folder / 'log' / 'munged.log'}",
        )

    def _start_database(self) -> None:
        data = self.folder / "database"
        data.mkdir()
        shutil.chown(data, "mysql")
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            "--user=mysql",
            f"--datadir={data}",
        )
        socket_path = data / "socket"
        with (self.folder / "log" / "mariadbd.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    "mariadbd",
                    "--no-defaults",
                    "--user=mysql",
                    f"--datadir={data}",
                    f"--socket={socket_path}",
                    "--bind-address=127.0.0.1",
                    f"--port={self.ports['mariadbd']}",
                    "--innodb-buffer-pool-size=64M",
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.folder / "run" / "mariadbd.pid").write_text(str(process.pid))
        make = "create database accounting;"
        for host in ("localhost", "127.0.0.1"):
            make += f"create user slurm@'{host}' identified by 'slurm';"
            make += f"grant all on accounting.* to slurm@'{host}';"
        client = ["mariadb", "--no-defaults", f"--socket={socket_path}", "--user=root", "-e"]

        def answers() -> bool:
            ping = subprocess.run([*client, "select 1"], capture_output=True, check=False)
            return ping.returncode == 0

        wait_for("the database", answers)
        self.run(*client, make)
        self.run("slurmdbd")
        wait_for(
            "slurmdbd",
            lambda: "ControlHost" in self.run("sacctmgr", "show", "cluster", check=False),
        )

    def _write_settings(self) -> None:
        names = ["slurmctld", "slurmdbd", "mariadbd", *NODES]
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        for number in range(GPUS_PER_NODE):
            os.mknod(self.folder / "dev" / f"nvidia{number}", 0o600 | 0o020000, os.makedev(1, 3))
        folder, munge = self.folder, self.folder / "run" / "munge.socket"
        nodes = "\n".join(
            f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={self.ports[node]}"
            + (f" Gres=gpu:h100:{GPUS_PER_NODE}" if node in GPU_NODES else "")
            for node in NODES
        )
        self.settings.write_text(f"""\
ClusterName=livecctest
SlurmctldHost={socket.gethostname().split(".")[0]}(127.0.0.1)
SlurmctldPort={self.ports["slurmctld"]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge}
CredType=cred/munge
MailProg=/bin/true
MpiDefault=none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# The nodes have more cores and memory than the machine: nothing is bound or reserved.
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
# Memory is looked at every second, and jobs with more than they asked for are ended.
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={self.ports["slurmdbd"]}
AccountingStoragePass={munge}
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
GresTypes=gpu
ReturnToService=1
KillWait=2
SlurmdTimeout=20
SchedulerParameters=bf_interval=2,batch_sched_delay=0
NodeName=DEFAULT CPUs=8 RealMemory=64000 State=UNKNOWN
{nodes}
PartitionName=DEFAULT MaxTime=1-0 DefMemPerCPU=500 State=UP
PartitionName=cpu Nodes=n3 Default=YES
PartitionName=gpu Nodes={",".join(GPU_NODES)}
""")
        (folder / "etc" / "gres.conf").write_text(f"""\
AutoDetect=off
NodeName={",".join(GPU_NODES)} Name=gpu Type=h100 File={folder}/dev/nvidia[0-{GPUS_PER_NODE - 1}]
""")
        database = folder / "etc" / "slurmdbd.conf"
        database.write_text(f"""\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={self.ports["slurmdbd"]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={munge}
PidFile={folder}/run/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={self.ports["mariadbd"]}
StorageUser=slurm
StoragePass=slurm
StorageLoc=accounting
""")
        database.chmod(0o600)


def main() -> int:
    parser = argparse.ArgumentParser(description="A Slurm of three nodes on this machine.")
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("/tmp/livecc-slurm"))
    arguments = parser.parse_args()
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    cluster = Cluster(arguments.folder)
    if arguments.action == "down":
        cluster.down()
        return 0
    cluster.up()
    print(cluster.run("sinfo", "-N", "-o", "%N %P %T %c %m %G"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
