"""map: make fields of each row from its others, by a template or a function.

A row for which a template fails or gives nothing, or which has no shape of a row afterwards, is in
rejected.jsonl as it came, with the rule (`template`, `empty`, `function`, `no_answer`, `no_steps`,
`not_text`, `shape`) and what was found. Rows keep their ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Template

from synthgen.answers.worked import read_solution
from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.errors import ConfigError, EmptyResult, Fault, Interrupted
from synthgen.core.rows import Row, ordered, rejected, shape_of
from synthgen.core.text import amount, shortened
from synthgen.filters.rules.custom import load_function
from synthgen.stages.contract import Context, Need, Outcome, RowByRow, Stage
from synthgen.stages.map.options import FIXED, Config
from synthgen.stages.map.templates import NoResult, compiled, filled
from synthgen.stages.sharding.block import block_behind
from synthgen.store.jsonl import RowWriter, read_rows

_TEXTS = ("system", "instruction", "input", "output", "reasoning", "rationale", "final_answer")
_EVERY = 1000  # rows between two checks of the clock and the stop signal
_SHOWN = 80  # characters of a value in a reason
_HALF = re.compile("[\ud800-\udfff]")


class _Refused(Exception):
    """A row that cannot be made: by which rule, and what was found."""

    def __init__(self, rule: str, value: str) -> None:
        self.rule, self.value = rule, value
        super().__init__(rule)


class Mapper:
    """What a config does to one row after another."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._templates: dict[str, Template] = {name: compiled(text) for name, text in config.fields.items()}
        self._function: Callable[..., Any] | None = (
            load_function(config.function) if config.function else None
        )

    def __call__(self, row: Row) -> Row:
        """The row with its new fields.

        Raises:
            _Refused: one of them cannot be made.
        """
        made = dict(row)
        if self._config.solution:
            made.update(_worked(row, self._config.solution))
        if self._function is not None:
            _merge(made, self._called(made))
        for name, template in self._templates.items():
            try:
                made[name] = filled(template, made)
            except NoResult as why:
                raise _Refused("template", f"{name}: {why}") from None
            if not made[name]:
                raise _Refused("empty", name)
            if _HALF.search(made[name]):
                raise _Refused("template", f"{name}: half of a surrogate pair, which no file can hold")
        for name in self._config.drop:
            made.pop(name, None)
        for name in _TEXTS:
            if not isinstance(made.get(name), str | None):
                raise _Refused("not_text", f"{name}: {type(made[name]).__name__}")
        if shape_of(made) is None:
            raise _Refused("shape", "neither instruction, messages nor a preference")
        return ordered(made)

    def _called(self, row: Row) -> Mapping[str, Any]:
        assert self._function is not None
        try:
            given = self._function(dict(row), **self._config.options)
        except Exception as fault:  # whatever code of the user's raises is that row's reason
            raise _Refused("function", shortened(f"{type(fault).__name__}: {fault}", 200)) from None
        if not isinstance(given, Mapping):
            raise _Refused("function", f"it returned {type(given).__name__}, where a dict is wanted")
        try:
            orjson.dumps(dict(given))
        except TypeError as fault:
            raise _Refused("function", f"it returned what JSON cannot hold: {fault}") from None
        return given


def _merge(row: Row, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in FIXED:
            continue
        if value is None:
            row.pop(name, None)
        else:
            row[name] = value


def _worked(row: Row, field: str) -> dict[str, str]:
    text = row.get(field)
    if not isinstance(text, str) or not text.strip():
        raise _Refused("no_answer", f"{field}: {'no text' if text is None else type(text).__name__}")
    steps, answer = read_solution(text)
    if answer is None:
        raise _Refused("no_answer", f"… {text.strip()[-_SHOWN:]}")
    if not steps:
        raise _Refused("no_steps", f"nothing but its answer: {shortened(text, _SHOWN)}")
    return {"rationale": steps, "final_answer": answer}


def needs(config: Config) -> dict[str, Need]:
    """The rows to change."""
    return {"rows": Need("rows", part="train")}


def faults(config: Config) -> list[Fault]:
    """A function that cannot be loaded."""
    try:
        Mapper(config)
    except ConfigError as fault:
        return list(fault.faults)
    return []


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes `rows.jsonl` and `rejected.jsonl`.

    Raises:
        EmptyResult: no row is left.
        Interrupted: a signal asked us to stop.
    """
    change, counts = Mapper(config), Counts()
    examples: dict[str, str] = {}
    total = sum(artefact.rows for artefact in inputs["rows"])
    with (
        RowWriter(out / "rows.jsonl") as rows,
        RowWriter(out / "rejected.jsonl") as refused,
        context.reporter.stage(context.stage_id, total) as progress,
    ):
        for row in (row for artefact in inputs["rows"] for row in read_rows(artefact.file)):
            counts.in_ += 1
            try:
                rows.write(change(row))
                counts.kept += 1
            except _Refused as why:
                refused.write(rejected(row, stage=context.stage_id, rule=why.rule, value=why.value))
                counts.reject(why.rule)
                examples.setdefault(why.rule, why.value)
            if counts.in_ % _EVERY == 0:
                progress.update(done=counts.in_)
                if signal := context.stopping():
                    raise Interrupted(signal)
    if not counts.kept and not block_behind(inputs["rows"]):
        rules = ", ".join(sorted(counts.rejected))
        first = next((row for artefact in inputs["rows"] for row in read_rows(artefact.file)), {})
        has = f"; the first row has {', '.join(shortened(name, 40) for name in first)}" if first else ""
        raise EmptyResult(
            f"{context.stage_id}: no row is left of {counts.in_:,}: {rules or 'none came in'}",
            next="; ".join(f"{rule}: {value}" for rule, value in sorted(examples.items())) + has,
        )
    lines = [f"{amount(counts.in_, 'row')}, {counts.kept:,} made"]
    lines += [
        f"  {rule:<10} {number:>8,} not made   first: {shortened(examples[rule], _SHOWN)}"
        for rule, number in sorted(counts.rejected.items())
    ]
    return Outcome(counts, {"rows.jsonl": rows.rows, "rejected.jsonl": refused.rows}, table="\n".join(lines))


STAGE = Stage(
    config=Config,
    version=1,
    writes="rows",
    needs=needs,
    run=run,
    faults=faults,
    sharding=RowByRow(),
    may_add_rows=False,
    graceful=True,
    example='- map: {solution: output, fields: {reference: "{{ final_answer }}"}}',
    see="Templates, functions and worked solutions: [data.md](data.md#map).",
)
