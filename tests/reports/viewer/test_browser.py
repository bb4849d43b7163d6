"""The viewer in real Chromium: the whole path by keyboard, no script of a row, no request to elsewhere."""

import pytest

from synthgen.store.reviews import decisions, read_marks
from tests.reports.viewer.browser import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
CTRL = 2


async def test_the_whole_path_by_keyboard(start, run):
    viewer = start(run, "--reviewer", "anna")
    async with browser() as page:
        await page.go(viewer.address)
        assert "token" not in await page.js("location.href")
        await page.press("j")
        await page.press("j")
        assert await page.js("document.activeElement.textContent") == "rows"
        await page.press("Enter", leaves=True)

        for _ in range(2):
            await page.press("j")
        assert await page.js("document.activeElement.dataset.line") == "2"
        await page.press("k")
        await page.press("x")
        await page.until("document.querySelector('.badges').textContent === 'anna: reject'")

        await page.press("/")
        await page.write("Tom has 3 apples")
        await page.press("Enter", leaves=True)
        await page.press("j")
        await page.press("Enter", leaves=True)
        assert "Tom has 3 apples" in await page.js("document.querySelector('.fields').textContent")
        await page.press("e")
        await page.until("document.querySelector('#write-text').value.startsWith('He has 3')")
        await page.js("document.querySelector('#write-text').select()")
        await page.write("Seven. The answer is 7.")
        await page.press("Enter", CTRL)
        await page.until("document.querySelector('.badges').textContent.includes('anna: fix')")
        await page.press("4")
        await page.until("document.querySelector('.badges').textContent.includes('grade 4')")
        await page.press("m")
        await page.write("<img src=x onerror=window.hit=9>")
        await page.press("Enter", CTRL)
        await page.until("document.querySelector('.badges').textContent.includes('note: <img')")
        await page.press("j", leaves=True)
        assert await page.js("document.querySelector('article').dataset.line") == "5"
        await page.press("a")
        await page.until("document.querySelector('.badges').textContent === 'anna: keep'")
        await page.press("u")
        await page.until("document.querySelector('.badges').textContent === ''")
        await page.press("s", leaves=True)
        assert "What became of it" in await page.js("document.body.innerText")

        await page.go(f"{viewer.base}/row?file=filter/rows&line=1")
        await page.press("c", leaves=True)
        await page.press("ArrowRight")
        await page.until("document.querySelector('#said').textContent === 'Right is better.'")
        await page.press("b", leaves=True)
        await page.press("b", leaves=True)
        await page.press("g")
        await page.write("9")
        await page.press("Enter", leaves=True)
        await page.press("j")
        await page.press("Enter", leaves=True)
        assert "<script>" in await page.js("document.querySelector('.fields').textContent")
        await page.press("?")
        assert await page.js("document.querySelector('#keys').open")
        await page.press("Escape")
        await page.press("h", leaves=True)
        assert "people decided to keep 1 rows" in await page.js("document.body.innerText")

        assert await page.js("typeof window.hit") == "undefined"
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith((viewer.base, "data:"))] == []
    decided = decisions(run / "reviews.jsonl")
    assert {row: (one.keep, one.edits) for row, one in decided.items()} == {
        "b000": (False, {}),
        "b003": (True, {"output": "Seven. The answer is 7."}),
    }
    marks = list(read_marks(run / "reviews.jsonl"))
    assert [mark["mark"] for mark in marks] == [
        *("reject", "fix", "grade", "note", "keep", "undo", "prefer"),
    ]
    assert (marks[-1]["row"], marks[-1]["over"]) == ("b000-2", "b000")


async def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(start, run):
    viewer = start(run)
    nameless = (
        "[...document.querySelectorAll('a,button,input:not([type=hidden]),select,textarea')].filter(one => "
        "!(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).length"
    )
    paths = ("/", "/rows?file=filter/rejected&beside=filter/rows", "/row?file=filter/rejected&line=3")
    async with browser() as page:
        await page.go(viewer.address)
        await page.call(
            "Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False
        )
        for path in paths:
            await page.go(viewer.base + path)
            assert await page.js(nameless) == 0, path
            assert await page.js("document.documentElement.scrollWidth") <= 400, path
            assert await page.js("document.querySelectorAll('h1').length") == 1, path
        assert page.errors == []
