"""A cluster, and an installation of the profile and the executor, for the tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, missing
from tests.slurm.driving import Driver, Installation
from tests.support.places import REPOSITORY


def _cannot(reason: str) -> None:
    """Skip with the reason, or fail where these tests have to run."""
    if os.environ.get("LIVECC_SLURM_TESTS") == "required":
        pytest.fail(f"LIVECC_SLURM_TESTS=required, but {reason}")
    pytest.skip(f"{reason} (make test-slurm runs these tests)")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three nodes, two of them with two GPUs."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _cannot("the tests of one cluster run in one process")
    if reason := missing():
        _cannot(reason)
    # Not below pytest's own folder: services run as other users, who cannot get in there.
    with tempfile.TemporaryDirectory(prefix="livecc-slurm-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder, "cluster"))
        Path(folder).chmod(0o755)
        try:
            cluster.up()
            yield cluster
        finally:
            cluster.down()


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """What `make install-profile` makes, in an environment that is only these tests'."""
    folder = tmp_path_factory.mktemp("installation")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    here = folder.joinpath("venv", *Path(sysconfig.get_path("purelib")).parts[-3:])
    (here / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    made = Installation(python, folder / "home")
    made.home.mkdir()
    subprocess.run(
        [str(python), "-m", "livecc.commands", "install-profile"],
        cwd=REPOSITORY,
        env=made.environment,
        stdout=sys.stderr,
        check=True,
    )
    return made


@pytest.fixture
def drive(cluster: Cluster, installation: Installation) -> Iterator[Callable[..., Driver]]:
    """Start Snakemake in a folder; whatever still runs at the end of the test is ended."""
    drivers: list[Driver] = []

    def start(folder: Path, *flags: str, tools: Path | None = None) -> Driver:
        drivers.append(Driver(installation, folder, *flags, tools=tools))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.kill()
    cluster.run("scancel", "--user=root", check=False)
