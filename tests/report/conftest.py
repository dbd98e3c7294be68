"""A browser for the tests of pages: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

#: Set where the tests must not be skipped (.ci/run).
REQUIRED = "LIVECC_BROWSER_TESTS"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        if os.environ.get(REQUIRED) == "required":
            pytest.fail("there is no chromium, and LIVECC_BROWSER_TESTS is required")
        pytest.skip("there is no chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program,
            # Tests may run as root, and in containers with little shared memory.
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a page; at the end no script may have failed, and no request have left."""
    contexts = []
    faults: list[str] = []

    def open_page(path: Any, **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("request", lambda request: _only_local(request.url, faults))
        page.on(
            "console",
            lambda told: (
                faults.append(f"console: {told.text} {told.location.get('url')}")
                if told.type == "error"
                else None
            ),
        )
        address = path if isinstance(path, str) else path.as_uri()
        page.goto(address)
        page.wait_for_selector("html.ready", timeout=60_000)
        page.faults = faults
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


def _only_local(url: str, faults: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
        faults.append(f"a request left: {url}")
