"""The pages hang together: links and anchors lead somewhere, and the site has every page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from ruamel.yaml import YAML

from tests import DOCS, ROOT
from tests.docs.pages import PAGES, SITE, anchors, links, shown, taken_apart

CONFIG = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=shown)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def dead_links(page: Path) -> list[str]:
    """The links of a page that lead to no file, to no heading, or out of the site."""
    dead = []
    for place, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / unquote(file)).resolve() if file else page
        if not goal.exists():
            dead.append(f"{place}: {target}: no such file")
        elif page in SITE and not goal.is_relative_to(DOCS):
            dead.append(f"{place}: {target}: not on the site")
        elif anchor and anchor not in anchors(goal):
            dead.append(f"{place}: {target}: no such heading, or GitHub and the site name it differently")
    return dead


def in_nav(entries: Any) -> list[str]:
    """The pages of the site's navigation, in order."""
    if isinstance(entries, str):
        return [entries]
    each = entries.values() if isinstance(entries, dict) else entries
    return [page for entry in each for page in in_nav(entry)]


def test_the_navigation_has_every_page_once() -> None:
    assert sorted(in_nav(CONFIG["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in SITE)


def test_the_way_in_leads_to_every_page() -> None:
    index = DOCS / "index.md"
    reached = {(DOCS / target.partition("#")[0]).resolve() for _, target in links(index)}
    assert {page for page in SITE if page != index} <= reached


def test_the_site_loads_nothing_from_elsewhere() -> None:
    assert CONFIG["theme"]["font"] is False and "analytics" not in CONFIG["extra"]
    for own in (*CONFIG["extra"]["polyfills"], *CONFIG.get("extra_javascript", ())):
        assert (DOCS / own).is_file()
    # The plugin `offline` takes a shim of this name from elsewhere where none is given.
    assert any("iframe-worker" in own for own in CONFIG["extra"]["polyfills"])
    assert not [f"{place}: {target}" for page in SITE for place, target in pictures(page) if ":" in target], (
        "a picture is loaded from elsewhere"
    )


def pictures(page: Path) -> list[tuple[str, str]]:
    text = page.read_text("utf-8")
    return [(shown(page), found) for found in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", text)]


@pytest.mark.parametrize("page", SITE, ids=shown)
def test_lists_and_tables_are_what_they_look_like_on_the_site_too(page: Path) -> None:
    """Python-Markdown wants a blank line before lists and tables, and four spaces for a list in a list."""
    wrong, before = [], ""
    for number, line in taken_apart(page.read_text("utf-8"))[1]:
        item = re.match(r"( *)([-*]|\d+\.) ", line)
        if item and len(item[1]) % 4:
            wrong.append(f"{shown(page)}:{number}: {len(item[1])} spaces before an item of a list")
        if item and not item[1] and before and not re.match(r"\s|[-*] |\d+\. ", before):
            wrong.append(f"{shown(page)}:{number}: no blank line before the list")
        if line.startswith("|") and before and not before.startswith(("|", "<!--")):
            wrong.append(f"{shown(page)}:{number}: no blank line before the table")
        before = line
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_file_of_the_project_that_a_page_names_is_there(page: Path) -> None:
    _, prose = taken_apart(page.read_text("utf-8"))
    named = re.findall(
        r"`((?:(?:tests|synthgen|benchmarks)/[\w./-]+\.py|(?:docs|pipelines)/[\w./-]+\.\w+))`",
        "\n".join(line for _, line in prose),
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_dead_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.pages.ROOT", tmp_path)
    page = tmp_path / "p.md"
    page.write_text(
        "# One & two\n\n## Three\n\n"
        "[a](#three) [b](#four) [c](q.md) [d](p.md#one-two) `[e](r.md)`\n\n    [f](s.md)\n"
    )
    assert [found.split(": ")[1] for found in dead_links(page)] == ["#four", "q.md", "p.md#one-two"]
