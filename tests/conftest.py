"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livecc import models
from livecc.errors import LiveccError

REPOSITORY = Path(__file__).resolve().parents[1]


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
