"""The pages that people read, taken apart: code blocks, commands, links and anchors."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import DOCS, ROOT

SITE = sorted(DOCS.rglob("*.md"))
"""The pages of the site."""
PAGES = [
    ROOT / "README.md",
    ROOT / "RELEASE.md",
    *sorted((ROOT / "project").glob("*.md")),
    *SITE,
]

_FENCE = re.compile(r"^```")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*([^)\s]+)[^)]*\)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$")


@dataclass(frozen=True)
class Block:
    """A code block: its text without the indentation, and the line of the page where it begins."""

    text: str
    line: int


def shown(path: Path) -> str:
    """A page's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def taken_apart(text: str) -> tuple[list[Block], list[tuple[int, str]]]:
    """A page's code blocks, and its other lines with their numbers."""
    blocks: list[Block] = []
    prose: list[tuple[int, str]] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        start = at
        if _FENCE.match(lines[at]):
            at += 1
            while at < len(lines) and not _FENCE.match(lines[at]):
                at += 1
            blocks.append(Block("\n".join(lines[start + 1 : at]), start + 2))
            at += 1
        elif lines[at].startswith("    ") and _opens(lines, at):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            blocks.append(Block(textwrap.dedent("\n".join(lines[start:at])).rstrip(), start + 1))
        else:
            prose.append((at + 1, lines[at]))
            at += 1
    return blocks, prose


def _opens(lines: list[str], at: int) -> bool:
    """Whether an indented line begins a code block: after a blank line, and not within a list."""
    if at and lines[at - 1].strip():
        return False
    before = next((line for line in reversed(lines[:at]) if line.strip() and not line.startswith("    ")), "")
    return not re.match(r"\s*([-*]|\d+\.) ", before)


def commands(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(place, words after `synthgen`) of each command in a page's code blocks."""
    blocks, _ = taken_apart(path.read_text("utf-8"))
    for block in blocks:
        joined = re.sub(r"\\\n\s*", " ", block.text)
        for number, line in enumerate(joined.split("\n")):
            command = line.removeprefix("$ ")
            if not re.match(r"(?:\S+=\S+ |srun )*synthgen ", command) or "[OPTIONS]" in command:
                continue
            for part in re.split(r" (?:&&|\|\|?|;|>>?) | &$", re.sub(r"\s{2,}#.*$| # .*$", "", command)):
                words = shlex.split(part)
                while words and words[0] != "synthgen" and re.match(r"srun$|\w+=", words[0]):
                    words = words[1:]
                if words and words[0] == "synthgen":
                    yield f"{shown(path)}:{block.line + number}", words[1:]


def outputs(path: Path) -> list[tuple[str, list[str]]]:
    """(command, the lines that the page shows of its output) of blocks that begin with a command."""
    found: list[tuple[str, list[str]]] = []
    for block in taken_apart(path.read_text("utf-8"))[0]:
        if not block.text.startswith("$ "):
            continue
        for line in block.text.split("\n"):
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() not in ("", "…"):
                found[-1][1].append(plain(line))
    return found


def plain(line: str) -> str:
    """A line without what differs from one run to the next: seconds, and room between columns."""
    return re.sub(r"in [\d.]+ (s|min)\b", "in N s", " ".join(line.split()))


def missing(lines: list[str], printed: list[str]) -> list[str]:
    """The lines that are not printed in this order; those after a missing one are looked for all the same."""
    lost, at = [], 0
    for line in lines:
        if line in printed[at:]:
            at = printed.index(line, at) + 1
        else:
            lost.append(line)
    return lost


def mentioned(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(place, words after `synthgen`) of each command in backquotes in a page's text."""
    _, prose = taken_apart(path.read_text("utf-8"))
    text = "\n".join(line for _, line in prose)
    for found in re.finditer(r"(?<!`)`synthgen ([^`]+)`(?!`)", text):
        number = text[: found.start()].count("\n")
        yield f"{shown(path)}:{prose[number][0]}", found[1].split()


def links(path: Path) -> Iterator[tuple[str, str]]:
    """(place, target) of each link and picture in a page's text."""
    _, prose = taken_apart(path.read_text("utf-8"))
    text = "\n".join(line for _, line in prose)
    bare = re.sub(r"`[^`\n]*`", lambda code: "x" * len(code[0]), text)
    for found in _LINK.finditer(bare):
        number = text[: found.start()].count("\n")
        yield f"{shown(path)}:{prose[number][0]}", found[1]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as both GitHub and Python-Markdown make them.

    Headings on which the two differ have no anchor here: a link to them would be dead in one place.
    """
    _, prose = taken_apart(path.read_text("utf-8"))
    made: set[str] = set()
    for _, line in prose:
        if heading := _HEADING.match(line):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).strip().lower()
            github = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            site = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip())
            made |= {github} if github == site else set()
    return made
