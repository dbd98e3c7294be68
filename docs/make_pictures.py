#!/usr/bin/env python3
"""Make docs/report.webp, the picture of the demo's page, with the Chromium of this system.

    make demo
    .venv/bin/python docs/make_pictures.py

Needs chromium and playwright (envs/dev.txt).
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "results/demo/report.html"
PICTURE = REPOSITORY / "docs/report.webp"
SIZE = {"width": 1360, "height": 1170}
#: Of the picture; a README is shown about 900 pixels wide.
WIDTH = 1360
MOST_BYTES = 200_000


def screenshot(page: Path, program: str) -> bytes:
    """The page with a threshold moved, as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("html.ready")
        tab.evaluate("livecc.state.change('lm_loss', {min: 1.5, max: 3})")
        # The funnel's end and the explorer are in view.
        tab.evaluate("document.querySelector('#funnel').scrollIntoView({behavior: 'instant'})")
        tab.wait_for_timeout(500)
        made = tab.screenshot()
        browser.close()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--output", type=Path, default=PICTURE)
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("there is no chromium; install it (apt-get install chromium)")
    if not options.page.is_file():
        sys.exit(f"{options.page}: no such file; run `make demo` first")
    from PIL import Image

    with Image.open(io.BytesIO(screenshot(options.page, program))) as picture:
        scale = WIDTH / picture.width
        small = picture.convert("RGB").resize((WIDTH, round(picture.height * scale)))
    small.save(options.output, "WEBP", quality=82, method=6)
    size = options.output.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{options.output}: {size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    main()
