"""Takes the pictures of the README, of a run that is there.

python -m tests.browser.pictures data/runs/quickstart docs/pictures
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import open_page

WIDTH = 1200
VIEW = "/rows?file=filter%2Frejected&field=rejection.rule&op=is&value=answer_match"
"""What the viewer's picture shows: rows that the filter dropped for a wrong answer."""


async def take(address: str, picture: Path, height: int, then: str = "") -> None:
    """Writes a picture of the top of a page; `then` is a page that is opened after it, on the same server."""
    with tempfile.TemporaryDirectory() as profile:
        async with open_page(Path(profile)) as page:
            await page.look(WIDTH, height)
            await page.go(address)
            if then:
                await page.go(f"{address.partition('/?')[0]}{then}")
            picture.write_bytes(await page.picture())


def take_all(run: Path, folder: Path) -> None:
    """Writes report.png and viewer.png, of a run with a report and a stage `filter`."""
    asyncio.run(take((run / "report.html").resolve().as_uri(), folder / "report.png", 1000))
    command = [sys.executable, "-m", "synthgen", "view", str(run), "--read-only", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer:
        try:
            assert viewer.stdout is not None
            address = viewer.stdout.readline().strip()
            asyncio.run(take(address, folder / "viewer.png", 760, VIEW))
        finally:
            viewer.terminate()


if __name__ == "__main__":
    take_all(Path(sys.argv[1]), Path(sys.argv[2]))
