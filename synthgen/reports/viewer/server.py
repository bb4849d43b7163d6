"""The viewer as a server on loopback: addresses to pages; see `guard` for who may look."""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from synthgen.core.errors import InputError
from synthgen.operations.marks import agreement_text
from synthgen.reports.diff import diff_runs
from synthgen.reports.diff_text import diff_text
from synthgen.reports.find_run import find_run, run_names
from synthgen.reports.viewer.catalogue import Catalogue, RowFile
from synthgen.reports.viewer.condition import Condition
from synthgen.reports.viewer.guard import Guard, answer
from synthgen.reports.viewer.line_index import FileLine, parsed
from synthgen.reports.viewer.marking import Marking, asked_text, texts_of
from synthgen.reports.viewer.overview import duplicates, overview
from synthgen.reports.viewer.pages import Pages, Wanted, link
from synthgen.reports.viewer.relations import Place, find_row
from synthgen.reports.why import why_row

STATIC = {"viewer.css": "text/css", "viewer.js": "text/javascript"}
LARGEST_BODY = 4 << 20
"""Bytes."""


class Viewer:
    """The routes over one run or file.

    Args:
        catalogue: the row files.
        marking: the marks.
        guard: who may look.
        title: the run's or the file's name.
        ledger: the folder of the ledger that holds the replies.
        runs: the folder that holds all runs, to compare with.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        marking: Marking,
        guard: Guard,
        title: str,
        ledger: Path | None,
        runs: Path,
    ) -> None:
        self.catalogue, self.marking, self.guard = catalogue, marking, guard
        self.pages = Pages(catalogue, marking, title)
        self.ledger, self.runs = ledger, runs

    def application(self) -> web.Application:
        """The server's routes."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self.guard.check])
        for path, page in (
            ("/", self._home),
            ("/live", self._live),
            ("/rows", self._rows),
            ("/row", self._row),
            ("/text", self._text),
            ("/story", self._story),
            ("/pair", self._pair),
            ("/duplicates", self._duplicates),
            ("/compare", self._compare),
            ("/static/{name}", self._static),
        ):
            app.router.add_get(path, page)
        app.router.add_post("/marks", self._mark)
        return app

    async def _home(self, _: web.Request) -> web.Response:
        if self.catalogue.run is None:
            only = self.catalogue.files()[0].name
            return web.Response(status=303, headers={"Location": link("/rows", file=only)})
        return await self._page(
            lambda: self.pages.render(
                "home.html.jinja",
                **overview(self.catalogue),
                agreement=self._agreement(),
                others=self._other_runs(),
            )
        )

    def _agreement(self) -> str:
        try:
            return agreement_text(self.marking.path, [file.path for file in self.catalogue.files()])
        except InputError as fault:  # a line that is no mark; all else can be looked at
            return str(fault)

    def _other_runs(self) -> list[str]:
        """The names of the runs that this one can be compared with."""
        own = self.catalogue.run
        return [name for name in run_names(self.runs) if own is None or name != own.absolute().name]

    async def _live(self, _: web.Request) -> web.Response:
        if self.catalogue.run is None:
            raise web.HTTPNotFound
        return await self._page(lambda: self.pages.render("live.html.jinja", **overview(self.catalogue)))

    async def _rows(self, request: web.Request) -> web.Response:
        query = request.query
        file = self._file(query.get("file", ""))
        beside = self._file(query["beside"]) if query.get("beside") else None
        line = _number(query.get("line") or "1")
        name, operator = query.get("field", "").strip(), query.get("op", "has")
        tested = bool(name) and (bool(query.get("value")) or operator in ("there", "absent"))
        condition = Condition(name, operator, query.get("value", "")) if tested else None
        wanted = Wanted(line, query.get("q", ""), bool(query.get("words")), condition)
        return await self._page(lambda: self.pages.rows(file, wanted, beside))

    async def _row(self, request: web.Request) -> web.Response:
        file, line = await self._line(request.query, "file", "line")
        return await self._page(lambda: self.pages.row(file, line))

    async def _text(self, request: web.Request) -> web.Response:
        """A text of a row as it is, to be edited."""
        file, line = await self._line(request.query, "file", "line")
        texts = texts_of(file.row(line.number) or {})
        if request.query.get("field") not in texts:
            raise web.HTTPNotFound
        return answer({"text": texts[request.query["field"]]})

    async def _story(self, request: web.Request) -> web.Response:
        run = self.catalogue.run
        if run is None:
            raise web.HTTPNotFound
        row = request.query.get("row", "")
        story = await asyncio.to_thread(why_row, run, row, self.ledger)
        return await self._page(
            lambda: self.pages.render(
                "story.html.jinja", story=story, asked=asked_text, place=self._last_place(story["id"])
            )
        )

    def _last_place(self, row_id: str) -> Place | None:
        """Where a row stands furthest down the pipeline."""
        return find_row(self.catalogue.files()[::-1], row_id)

    async def _pair(self, request: web.Request) -> web.Response:
        sides = []
        for side in ("a", "b"):
            file, line = await self._line(request.query, side, f"{side}_line")
            row = parsed(line.raw)
            if row is None:
                raise web.HTTPNotFound
            sides.append((file, line, row))
        if asked_text(sides[0][2]) != asked_text(sides[1][2]):
            raise InputError("these two rows do not answer one question")
        return await self._page(lambda: self.pages.pair(sides[0], sides[1]))

    async def _duplicates(self, request: web.Request) -> web.Response:
        file = self._file(request.query.get("file", ""))
        return await self._page(
            lambda: self.pages.render("duplicates.html.jinja", **duplicates(self.catalogue, file))
        )

    async def _compare(self, request: web.Request) -> web.Response:
        run = self.catalogue.run
        name = request.query.get("run", "")
        # A run's name only: an address must not reach into other folders.
        if run is None or not name or Path(name).name != name or name in (".", ".."):
            raise InputError("name a run", next=f"the runs are those in {self.runs}")
        other = find_run(str(self.runs / name), self.runs)
        body = await asyncio.to_thread(lambda: diff_text(diff_runs(run, other), full=True))
        return await self._page(
            lambda: self.pages.render(
                "text.html.jinja", heading_text=f"{run.absolute().name} and {other.name}", body=body
            )
        )

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        text = (resources.files(__package__) / "static" / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=STATIC[name])

    async def _mark(self, request: web.Request) -> web.Response:
        try:
            asked = orjson.loads(await request.read())
        except orjson.JSONDecodeError as fault:
            raise InputError("the mark is no JSON") from fault
        if not isinstance(asked, dict):
            raise InputError("a mark is a JSON object")
        file, line = await self._line(asked, "file", "line")
        over = None
        if asked.get("mark") == "prefer":
            other, other_line = await self._line(asked, "over_file", "over_line")
            over = other, other_line.number
        try:
            row = await asyncio.to_thread(self.marking.add, file, line.number, asked, over)
        except OSError as fault:
            return answer({"error": f"the mark was not written: {fault.strerror or fault}"}, 500)
        self.marking.follow()
        return answer({"badges": self.marking.badges(row), "marks": self.marking.count})

    def _file(self, name: Any) -> RowFile:
        file = self.catalogue.get(name) if isinstance(name, str) else None
        if file is None:
            raise web.HTTPNotFound(reason="no such file in this viewer")
        return file

    async def _line(self, asked: Any, file_name: str, line_name: str) -> tuple[RowFile, FileLine]:
        file = self._file(asked.get(file_name, ""))
        line = await asyncio.to_thread(file.line, _number(asked.get(line_name, "")))
        if line is None:
            raise web.HTTPNotFound(reason="no such line")
        return file, line

    @staticmethod
    async def _page(render: Any) -> web.Response:
        return web.Response(text=await asyncio.to_thread(render), content_type="text/html", charset="utf-8")


def _number(text: Any) -> int:
    digits = str(text).replace(",", "").strip()
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 15:
        raise InputError("a line is a number from 1")
    return max(1, int(digits))
