"""A page of a report, read; and a section's blocks."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from synthgen.reports.report.blocks import Block
from synthgen.reports.report.facts import RunFacts, read_facts


def blocks(section: Callable[[RunFacts], list[Block]], run: Path, samples: int = 1) -> list[Any]:
    """What a section makes of a run."""
    return list(section(read_facts(run, samples, 0, None)))


class Seen(HTMLParser):
    """The page as a browser reads it: its tags, text, and addresses that lead elsewhere."""

    VOID = {"meta", "link", "img", "br"}

    def __init__(self, page):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [
            value
            for name, value in attrs
            if name in ("src", "href", "srcset", "data", "action") or name.startswith("on")
            if not (tag == "a" and (value or "").startswith("#"))
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
