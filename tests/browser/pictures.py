"""Takes the picture of the README: python -m tests.browser.pictures data/runs/quickstart/report.html PNG."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import open_page

WIDTH, HEIGHT = 1200, 1000


async def take(page_file: Path, picture: Path) -> None:
    """Writes a picture of the top of a page."""
    with tempfile.TemporaryDirectory() as profile:
        async with open_page(Path(profile)) as page:
            await page.look(WIDTH, HEIGHT)
            await page.go(page_file.resolve().as_uri())
            picture.write_bytes(await page.picture())


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]), Path(sys.argv[2])))
