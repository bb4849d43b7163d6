"""The report in a real browser: it loads and logs nothing, and is read in light and dark, wide and narrow."""

from __future__ import annotations

import asyncio

import pytest

from synthgen.reports.report.page import write_html_report
from tests.browser.chromium import FAINT, PROGRAM, open_page
from tests.reports.made_runs import make_run, stage

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

HOSTILE = (
    "<script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>"
    "<a href='javascript:alert(3)'>\u202e"
)


@pytest.fixture
def report(tmp_path):
    """The report of a run in which a row, a rule and an option want to be more than text."""
    run = make_run(tmp_path / "run")
    row = {"id": HOSTILE, "instruction": HOSTILE, "output": HOSTILE}
    dropped = {**row, "rejection": {"kind": "rejected", "stage": "s", "rule": HOSTILE, "value": HOSTILE}}
    counts = {"in": 2, "kept": 1, "rejected": {HOSTILE: 1}, "failed": {}}
    files = {"rows.jsonl": [row], "rejected.jsonl": [dropped]}
    stage(run, "later", "load", "rows", files, counts=counts, config={HOSTILE: HOSTILE})
    return write_html_report(run)


def test_the_report_in_light_and_dark_at_both_widths_and_by_keyboard(report, tmp_path):
    async def looked_at():
        async with open_page(tmp_path / "profile") as page:
            grounds = {}
            for dark in (False, True):
                for width in (1400, 400):
                    await page.look(width, dark=dark)
                    await page.go(report.as_uri())
                    assert await page.value("document.documentElement.scrollWidth") <= width
                    assert await page.value("document.querySelectorAll('svg').length") >= 2
                    await page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
                    assert await page.value(FAINT) == []
                    assert await page.value("document.documentElement.scrollWidth") <= width
                    grounds[dark] = await page.value("getComputedStyle(document.body).backgroundColor")
            assert grounds[False] != grounds[True]
            await page.go(report.as_uri())
            for _ in range(60):
                await page.press("Tab")
                if await page.value("document.activeElement.tagName") == "SUMMARY":
                    break
            opened = "document.activeElement.parentElement.open"
            assert await page.value(opened) is False
            await page.press("Enter")
            assert await page.value(opened) is True
            pdf = await page.send("Page.printToPDF")
            assert pdf["data"].startswith("JVBERi"), "%PDF"
            assert await page.value("document.querySelectorAll('script, img, link, [onerror]').length") == 0
            return page

    page = asyncio.run(looked_at())
    assert set(page.requests) == {report.as_uri()} and not page.logged and not page.dialogs
