"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.models import fetch as models
from tests.support.places import REPOSITORY

# What tests start finds this checkout, whichever one is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])
)
# Nor are they part of the `make` that runs these tests, whose flags and overrides they would take.
for _name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL"):
    os.environ.pop(_name, None)
# Threads of torch and CTranslate2 that wait for each other sleep: tests run two at a time, on as
# many processors, where spinning takes time from the thread that is waited for. (Tests of the loss
# take a quarter of the processor time.)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a time limit of their own are the long ones; last, one would keep all waiting."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.fixture(autouse=True)
def scheduling() -> Iterator[None]:
    """No test leaves this process a real-time one, which all later tests' jobs would be, too."""
    yield
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of the real captions, media, models and parity files (LIVECC_TEST_DATA)."""
    folder = os.environ.get("LIVECC_TEST_DATA")
    if not folder:
        pytest.skip(
            "LIVECC_TEST_DATA is not set: the folder of real captions, media and parity files"
        )
    return Path(folder)


@pytest.fixture(scope="session")
def fetched_model() -> Callable[[str], Path]:
    """The folder of a model of models.yaml, fetched where the demo puts it."""

    def fetch(name: str) -> Path:
        try:
            return Path(models.fetch(name, REPOSITORY / "models")["folder"])
        except LiveccError as error:
            pytest.skip(f"{name} cannot be had: {error}")

    return fetch
