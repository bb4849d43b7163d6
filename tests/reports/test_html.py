from html.parser import HTMLParser

import pytest
from made_runs import make_run, stage

from synthgen.errors import InputError
from synthgen.reports.html import html_report, write_html_report

HOSTILE = "<script>alert('x')</script><img src=x onerror=y> {{ 7*7 }} {% raw %} \" ' & \x00\x1b\u202e"


class Seen(HTMLParser):
    """The page as a browser reads it: its tags, addresses and text."""

    VOID = {"meta", "link", "img", "br"}

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href") or name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_tells_the_run(tmp_path):
    path = write_html_report(make_run(tmp_path / "run"))
    page = path.read_text(encoding="utf-8")
    seen = Seen(page)
    text = "".join(seen.text)
    assert not seen.open and not seen.addresses and "script" not in seen.tags
    assert "answer_match: 1 of 8" in text and "rouge_l: 1 of 7" in text
    assert "because of" in text and "Tom has 0 apples" in text
    assert "50.0%" in text and "10.0% – 90.0%" in text
    assert "sha256" in text and "What the run came to: 6 rows of dedup" in text
    assert page == html_report(tmp_path / "run") + ""


def test_nothing_from_a_row_becomes_markup(tmp_path):
    row = {"id": HOSTILE, "instruction": HOSTILE, "output": [HOSTILE], HOSTILE: HOSTILE, "meta": {"source": HOSTILE}}
    run = tmp_path / "run"
    dropped = [{**row, "rejection": {"kind": "rejected", "stage": "s", "rule": HOSTILE, "value": HOSTILE, "matched_id": "gone"}}]
    stage(run, "load", "load", "rows", {"rows.jsonl": [row], "rejected.jsonl": dropped}, counts={"in": 2, "kept": 1, "rejected": {HOSTILE: 1}, "failed": {}}, config={HOSTILE: HOSTILE})
    page = html_report(run)
    seen = Seen(page)
    assert set(seen.tags) <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "table", "tr", "th", "td", "div", "dl", "dt", "dd", "details", "summary", "span"}
    assert not seen.addresses and not seen.open
    text = "".join(seen.text)
    assert "<script>alert('x')</script>" in text and "{{ 7*7 }}" in text
    assert not any(sign in page for sign in "\x00\x1b\u202e")


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(InputError, match="no run"):
        html_report(tmp_path)
