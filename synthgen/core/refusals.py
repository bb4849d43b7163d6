"""Why options were refused, in few words."""

from __future__ import annotations

from pydantic import ValidationError


def first_reason(fault: ValidationError) -> str:
    """Why options were refused, for a validator that has other options check a part of its own."""
    told = str(fault.errors(include_url=False, include_input=False, include_context=False)[0]["msg"])
    return told.removeprefix("Value error, ")
