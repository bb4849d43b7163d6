"""The viewer in real Chromium: the whole path by keyboard, no script of a row, no request to elsewhere."""

import pytest

from synthgen.store.reviews import decisions, read_marks
from tests.browser.chromium import CTRL, FAINT, PROGRAM, open_page
from tests.reports.viewer.conftest import made_run

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")


async def test_the_whole_path_by_keyboard(start, run, tmp_path):
    viewer = start(run, "--reviewer", "anna")
    async with open_page(tmp_path / "profile") as page:
        await page.go(viewer.address)
        assert "token" not in await page.value("location.href")
        await page.press("j")
        await page.press("j")
        assert await page.value("document.activeElement.textContent") == "rows"
        await page.press("Enter", leaves=True)

        for _ in range(2):
            await page.press("j")
        assert await page.value("document.activeElement.dataset.line") == "2"
        await page.press("k")
        await page.press("x")
        await page.until("document.querySelector('.badges').textContent === 'anna: reject'")
        assert await page.value("document.querySelector('.badges .wrong').textContent") == "anna: reject"
        assert await page.value("document.querySelector('#marks').textContent") == "1 mark in the file"

        await page.press("/")
        await page.write("Tom has 3 apples")
        await page.press("Enter", leaves=True)
        await page.press("j")
        await page.press("Enter", leaves=True)
        assert "Tom has 3 apples" in await page.value("document.querySelector('.fields').textContent")
        await page.press("e")
        await page.until("document.querySelector('#write-text').value.startsWith('He has 3')")
        await page.value("document.querySelector('#write-text').select()")
        await page.write("Seven. The answer is 7.")
        await page.press("Enter", CTRL)
        await page.until("document.querySelector('.badges').textContent.includes('anna: fix')")
        await page.press("4")
        await page.until("document.querySelector('.badges').textContent.includes('grade 4')")
        await page.press("m")
        await page.write("<img src=x onerror=window.hit=9>")
        await page.press("Enter", CTRL)
        await page.until("document.querySelector('.badges').textContent.includes('note: <img')")
        assert await page.value("document.querySelector('#marks').textContent") == "4 marks in the file"
        await page.press("j", leaves=True)
        assert await page.value("document.querySelector('article').dataset.line") == "5"
        await page.press("a")
        await page.until("document.querySelector('.badges').textContent === 'anna: keep'")
        await page.press("u")
        await page.until("document.querySelector('.badges').textContent === ''")
        await page.press("s", leaves=True)
        assert "What became of it" in await page.value("document.body.innerText")

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
        assert "<script>" in await page.value("document.querySelector('.fields').textContent")
        await page.press("?")
        assert await page.value("document.querySelector('#keys').open")
        await page.press("Escape")
        await page.press("h", leaves=True)
        assert "people decided to keep 1 row" in await page.value("document.body.innerText")

        assert await page.value("typeof window.hit") == "undefined"
        assert page.logged == [] and page.dialogs == []
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


PATHS = {
    "start": "/",
    "rows": "/rows?file=filter/rejected&beside=filter/rows",
    "row": "/row?file=filter/rejected&line=3",
    "test question": "/row?file=evaluate/answers&line=1",
    "pair": "/pair?a=filter/rows&a_line=1&b=filter/rejected&b_line=1",
    "story": "/story?row=b000-2",
    "duplicates": "/duplicates?file=filter/rejected",
    "compare": "/compare?run=other",
}
NAMELESS = (
    "[...document.querySelectorAll('a,button,input:not([type=hidden]),select,textarea')].filter(one => "
    "!(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).length"
)
OVERFLOWS = """[...document.querySelectorAll('dialog[open]')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.left < 0 || box.right > innerWidth || one.scrollWidth > one.clientWidth;
}).length"""


SCROLLED = """[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth)
  .map(one => one.textContent)"""
"""Tables of which a part is only seen by scrolling."""


async def test_every_page_and_dialog_is_read_in_light_and_dark_on_a_phone_and_on_a_desk(start, run, tmp_path):
    made_run(run.parent / "other")
    viewer = start(run, "--runs", run.parent)
    async with open_page(tmp_path / "profile") as page:
        await page.go(viewer.address)
        for name, path in PATHS.items():
            await page.go(viewer.base + path)
            assert await page.value(NAMELESS) == 0, name
            assert await page.value("document.querySelectorAll('h1').length") == 1, name
            for width, dark in ((400, False), (400, True), (1400, True), (1400, False)):
                await page.look(width, dark=dark)
                assert await page.value("document.documentElement.scrollWidth") <= width, (name, width)
                assert await page.value(FAINT) == [], (name, dark)
                if name == "start":
                    assert await page.value(SCROLLED) == [], width
        await page.go(viewer.base + PATHS["row"])
        for width, key in ((400, "?"), (400, "e"), (400, "m"), (1400, "?")):
            await page.look(width)
            await page.press(key)
            await page.until("document.querySelector('dialog[open]')")
            assert await page.value(OVERFLOWS) == 0, (key, width)
            await page.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            await page.press("Escape")
            await page.until("!document.querySelector('dialog[open]')")
        assert page.logged == [] and page.dialogs == []
