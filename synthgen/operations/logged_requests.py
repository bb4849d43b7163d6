"""Requests of Batch files, which other lines of a log answer by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from synthgen.core.hashing import value_hash
from synthgen.formats.containers.records import Record
from synthgen.formats.contract import Unfit
from synthgen.formats.logged_chats import is_batch_request

AMBIGUOUS, DUPLICATE, UNANSWERED = "ambiguous_id", "duplicate", "no_answer"


class LoggedRequests:
    """The requests by their `custom_id`, with where they stand; memory: their bodies.

    Batches are numbered alike (`request-1` …), so an id that several requests have, which ask different
    things, is nobody's: an answer under it could be that of another question.
    """

    def __init__(self, records: Iterable[tuple[Path, Record]]) -> None:
        self._bodies: dict[str, dict[str, Any]] = {}
        self._hashes: dict[str, str] = {}
        self._places: dict[str, list[dict[str, Any]]] = {}
        self._ambiguous: set[str] = set()
        self._answered: set[str] = set()
        for path, record in records:
            if record.fields is None or not is_batch_request(record.fields):
                continue
            name, body = record.fields["custom_id"], record.fields["body"]
            self._places.setdefault(name, []).append({"source": path.name, "line": record.number})
            found = value_hash(body)
            if self._hashes.setdefault(name, found) != found:
                self._ambiguous.add(name)
                self._bodies.pop(name, None)
            elif name not in self._ambiguous:
                self._bodies[name] = body

    def answered(self, name: str) -> dict[str, Any] | None:
        """The request that an answer is to; None where it was not given.

        Raises:
            Unfit: several that differ have this id.
        """
        self._answered.add(name)
        if name in self._ambiguous:
            raise Unfit(AMBIGUOUS, "requests that differ have this custom_id: import each batch by itself")
        return self._bodies.get(name)

    def left_over(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Why a request is in no row, and where it stands, for each of those."""
        for name, places in self._places.items():
            if name in self._ambiguous:
                yield from ((AMBIGUOUS, place) for place in places)
                continue
            if name not in self._answered:
                yield UNANSWERED, places[0]
            yield from ((DUPLICATE, place) for place in places[1:])
