"""Whether a reply is the JSON that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FENCED = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*?)\n?```\Z", re.DOTALL)


def read_json_reply(text: str) -> Any:
    """The value of a reply that is JSON and nothing else, a code fence around it allowed.

    Raises:
        ValueError: it is not.
    """
    fenced = _FENCED.match(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def json_meets(text: str, terms: Mapping[str, Any]) -> bool:
    """Whether a reply parses and has what the terms name.

    Args:
        text: the reply.
        terms: `keys` of an object with the kind of each value, or `values` that they have; `items` of an
            array, `of` one kind; `equals`, the whole value; `inside`, the key that holds the array.
    """
    try:
        value = read_json_reply(text)
    except ValueError:
        return False
    if "inside" in terms:
        if not isinstance(value, dict):
            return False
        value = value.get(terms["inside"])
    if "equals" in terms:
        return bool(value == terms["equals"])
    if "items" not in terms:
        return _fits(value, terms)
    return (
        isinstance(value, list) and len(value) == terms["items"] and all(_fits(one, terms) for one in value)
    )


def _fits(value: Any, terms: Mapping[str, Any]) -> bool:
    if "of" in terms:
        return _is(value, terms["of"])
    if not isinstance(value, dict):
        return False
    return all(key in value and _is(value[key], kind) for key, kind in terms.get("keys", {}).items()) and all(
        key in value and _equal(value[key], wanted) for key, wanted in terms.get("values", {}).items()
    )


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, str) and bool(value.strip()) if kind == "text" else value not in (None, "")


def _equal(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one; a number may be written as text ("$9,000"), and text in any case."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, int):
        return re.sub(r"[^\d.]", "", str(value)).rstrip(".") in (str(wanted), f"{wanted}.0", f"{wanted}.00")
    return isinstance(value, str) and value.strip().casefold() == str(wanted).casefold()
