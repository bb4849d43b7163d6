"""Templates that make one field of a row from the others: sandboxed jinja2, as in prompts.

A template sees the row's fields by their names, and `row` for those whose name is no word, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from synthgen.core.rows import Row


class NoResult(Exception):
    """A template that gives nothing for a row: why."""


def before(text: str, mark: str) -> str:
    """What stands before the last occurrence of a mark."""
    head, found, _ = _text(text).rpartition(mark)
    if not found:
        raise NoResult(f"no {mark!r} in it")
    return head


def after(text: str, mark: str) -> str:
    """What stands behind the last occurrence of a mark."""
    _, found, tail = _text(text).rpartition(mark)
    if not found:
        raise NoResult(f"no {mark!r} in it")
    return tail


def find(text: str, pattern: str) -> str:
    """The first match of a regular expression, or its first group."""
    match = re.search(pattern, _text(text))
    if match is None:
        raise NoResult(f"no match of {pattern!r} in it")
    return match[1] if match.re.groups else match[0]


def remove(text: str, pattern: str) -> str:
    """A text without the matches of a regular expression."""
    return re.sub(pattern, "", _text(text))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise NoResult(f"{type(value).__name__}, where text is wanted")
    return value


_environment = SandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)
_environment.filters.update(
    {
        "json": lambda value: orjson.dumps(value).decode(),
        "before": before,
        "after": after,
        "find": find,
        "remove": remove,
    }
)


def compiled(text: str) -> Template:
    """A template, ready to be filled in.

    Raises:
        ValueError: its syntax is wrong, or it names a filter that there is not.
    """
    try:
        return _environment.from_string(text)
    except TemplateError as fault:
        raise ValueError(str(fault.message)) from None


def filled(template: Template, row: Mapping[str, Any] | Row) -> str:
    """What a template makes of a row, without white space around it.

    Raises:
        NoResult: it names a field that the row lacks, or fails otherwise.
    """
    try:
        return template.render({**row, "row": row}).strip()
    except NoResult:
        raise
    except (
        TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        MemoryError,
        re.error,
    ) as fault:
        raise NoResult(f"{type(fault).__name__}: {fault}"[:200]) from None
