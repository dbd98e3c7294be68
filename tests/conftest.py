from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of the real captions, media, models and parity files (LIVECC_TEST_DATA)."""
    folder = os.environ.get("LIVECC_TEST_DATA")
    if not folder:
        pytest.skip(
            "LIVECC_TEST_DATA is not set: the folder of real captions, media and parity files"
        )
    return Path(folder)
