"""Which options of a component differ from their defaults: what a pipeline file with all defaults says, too.

A validator that refuses an option beside another goes by this, and not by which options were given: a run's
`pipeline.resolved.yaml` gives all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel


def changed(options: BaseModel, names: Iterable[str]) -> list[str]:
    """Those of the named options whose value is not their default, in their order."""
    fields = type(options).model_fields
    return [
        name
        for name in names
        if getattr(options, name) != fields[name].get_default(call_default_factory=True, validated_data={})
    ]
