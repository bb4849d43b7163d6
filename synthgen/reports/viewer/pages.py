"""The pages: what each needs of files and marks, and its template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from synthgen.core.rows import Row
from synthgen.core.text import printable, shortened
from synthgen.reports.differing import marked
from synthgen.reports.row_text import in_words, rounded
from synthgen.reports.viewer.catalogue import Catalogue, RowFile
from synthgen.reports.viewer.condition import OPERATORS, Condition, plain
from synthgen.reports.viewer.line_index import FileLine, parsed
from synthgen.reports.viewer.marking import Marking, answer_text, asked_text, texts_of
from synthgen.reports.viewer.relations import find_row, other_answers
from synthgen.reports.viewer.search import find_lines
from synthgen.reports.visible import clipped

PAGE = 50
"""Rows on a page."""
LONGEST_FIELD = 200_000
"""Characters of one field that a row's page shows."""
_LATE_FIELDS = ("meta", "rejection")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=lambda value: f"{value:,}",
        shown=lambda value: printable(str(value)),
        short=shortened,
        words=lambda value: printable(in_words(value)),
    )
    environment.globals.update(link=link, operators=OPERATORS)
    return environment


def link(path: str, **query: Any) -> str:
    """An address of this viewer; values that are empty are left out."""
    given = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True)
class Wanted:
    """Which rows a list shows: from which line on, with which text or words, and with what in a field."""

    line: int = 1
    text: str = ""
    words: bool = False
    condition: Condition | None = None


class Pages:
    """Renders pages over a catalogue and its marks."""

    def __init__(self, catalogue: Catalogue, marking: Marking, title: str) -> None:
        self.catalogue, self.marking, self.title = catalogue, marking, title

    def render(self, template: str, **values: Any) -> str:
        """A template with what all pages have."""
        self.marking.follow()
        common = {
            "title": self.title,
            "files": [file.name for file in self.catalogue.files()],
            "is_run": self.catalogue.run is not None and not self.catalogue.of_stage,
            "who": self.marking.who,
            "read_only": self.marking.read_only,
            "marks": self.marking.count,
        }
        return str(_environment().get_template(template).render(**common, **values))

    def rows(self, file: RowFile, wanted: Wanted, beside: RowFile | None) -> str:
        """Rows of a file from a line on, and those of another file beside them."""
        self.marking.follow()
        panes = [self._pane(file, wanted)]
        if beside is not None:
            panes.append(self._pane(beside, replace(wanted, line=1)))
        return self.render(
            "rows.html.jinja",
            panes=panes,
            wanted=wanted,
            condition=wanted.condition,
            file=file.name,
            models=_first_models(file),
            counterpart=self._counterpart(file),
            beside=beside.name if beside else "",
            page=PAGE,
        )

    def _pane(self, file: RowFile, wanted: Wanted) -> dict[str, Any]:
        indexed = 1.0
        if wanted.words and wanted.text:
            words = file.word_index()
            indexed = words.done
            found = words.find(wanted.text, wanted.line, PAGE)
        else:
            conditions = [wanted.condition] if wanted.condition else []
            found = find_lines(file.index, wanted.line, PAGE, wanted.text, conditions)
        return {
            "indexed": indexed,
            "file": file.name,
            "lines": file.index.lines,
            "complete": file.complete,
            "go_on": found.go_on,
            "from": wanted.line,
            "items": [self._item(one) for one in found.lines if one.raw.strip()],
        }

    def _item(self, line: FileLine) -> dict[str, Any]:
        row = parsed(line.raw)
        if row is None:
            broken = line.raw[:400].decode("utf-8", "replace")
            return {
                "line": line.number,
                "seen": line.digest,
                "question": broken,
                "answer": "",
                "rule": "no JSON",
                "badges": [],
                "score": "",
                "models": [],
            }
        rejection = row.get("rejection")
        return {
            "line": line.number,
            "seen": line.digest,
            "question": shortened(asked_text(row) or _first_text(row), 160),
            "answer": shortened(answer_text(row), 160),
            "rule": str(rejection.get("rule", "")) if isinstance(rejection, dict) else "",
            "badges": self.marking.badges(row),
            "score": _score(row),
            "models": _models(row),
        }

    def _counterpart(self, file: RowFile) -> str:
        """The file of a stage's dropped rows for its kept ones, and the other way round."""
        stage, _, part = file.name.rpartition("/")
        if not part.startswith(("rows", "rejected")):
            return ""
        wanted = "rows" if part.startswith("rejected") else "rejected"
        names = [one.name for one in self.catalogue.files()]
        near = [
            name
            for name in names
            if name.rpartition("/")[0] == stage and name.rpartition("/")[2].startswith(wanted)
        ]
        return near[0] if near else ""

    def row(self, file: RowFile, line: FileLine) -> str:
        """One row, whole."""
        self.marking.follow()
        row = parsed(line.raw)
        files = self.catalogue.files()
        matched, others = None, []
        if row is not None:
            rejection = row.get("rejection")
            matched_id = rejection.get("matched_id") if isinstance(rejection, dict) else None
            matched = find_row(files, matched_id) if isinstance(matched_id, str) else None
            others = other_answers(files, file, line.number, row)
        return self.render(
            "row.html.jinja",
            file=file.name,
            line=line.number,
            lines=file.index.lines,
            row=row,
            seen=line.digest,
            raw=clipped(line.raw.decode("utf-8", "replace"), LONGEST_FIELD) if row is None else "",
            fields=_fields(row or {}),
            badges=self.marking.badges(row) if row else [],
            matched=matched,
            others=others,
            answer=answer_text,
            texts=list(texts_of(row or {})),
            sides=_marked(asked_text(row), asked_text(matched.row)) if row and matched else None,
            answers=_marked(answer_text(row), answer_text(matched.row)) if row and matched else None,
            models=_models(row or {}),
        )

    def pair(self, left: tuple[RowFile, FileLine, Row], right: tuple[RowFile, FileLine, Row]) -> str:
        """Two answers to one question, for a preference."""
        return self.render(
            "pair.html.jinja",
            question=asked_text(left[2]),
            sides=[
                {
                    "file": file.name,
                    "line": line.number,
                    "seen": line.digest,
                    "text": text,
                    "rule": (row.get("rejection") or {}).get("rule", ""),
                }
                for (file, line, row), text in zip(
                    (left, right), _marked(answer_text(left[2]), answer_text(right[2])), strict=True
                )
            ],
        )


def _marked(text: str, other: str) -> tuple[Markup, Markup]:
    return marked(printable(text), printable(other))


def _first_text(row: Row) -> str:
    return next((value for value in row.values() if isinstance(value, str) and " " in value), "") or plain(
        row
    )


def _score(row: Row) -> str:
    meta = row.get("meta")
    scores = meta.get("scores") if isinstance(meta, dict) else None
    if not isinstance(scores, dict):
        return ""
    return ", ".join(f"{name} {value:g}" for name, value in scores.items() if isinstance(value, int | float))


def _fields(row: Row) -> list[tuple[str, str]]:
    """Names and texts of the fields, those about the row behind its own."""
    names = [name for name in row if name not in _LATE_FIELDS and name != "answers"]
    late = [name for name in _LATE_FIELDS if name in row]
    told = [(name, plain(row[name])) for name in names] + [(name, _by_key(row[name])) for name in late]
    return [(clipped(name, 200), clipped(text, LONGEST_FIELD)) for name, text in told]


def _by_key(value: Any) -> str:
    """An object as a line for each key."""
    if not isinstance(value, dict):
        return plain(value)
    return "\n".join(f"{name}: {_told(part)}" for name, part in value.items())


def _told(value: Any) -> str:
    """A value of `meta` or `rejection`: objects and lists of short texts, without the signs of JSON."""
    short = isinstance(value, list) and all(isinstance(part, str) and len(part) < 40 for part in value)
    return in_words(value) if short or isinstance(value, dict | bool) else plain(rounded(value))


def _first_models(file: RowFile) -> list[str]:
    """The models whose answers a file holds."""
    return [model["name"] for model in _models((file.row(1) or {}) if file.name.endswith("answers") else {})]


def _models(row: Row) -> list[dict[str, Any]]:
    """What base, students and teacher answered, where the row is a test question with answers."""
    answers = row.get("answers")
    return [
        {
            "name": name,
            "right": _outcome(answer.get("right")),
            "parsed": answer.get("parsed"),
            "text": clipped(str(answer.get("text", "")), LONGEST_FIELD),
            "ending": answer.get("ending", ""),
        }
        for name, answer in (answers.items() if isinstance(answers, dict) else ())
        if isinstance(answer, dict)
    ]


def _outcome(right: Any) -> str:
    if not isinstance(right, bool):
        return "not judged"
    return "right" if right else "wrong"
