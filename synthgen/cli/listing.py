"""`synthgen list`: what there is of tasks, filters, methods, teachers, formats and metrics."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o

KINDS = {"stages": "stage", "tasks": "task", "filters": "filter", "dedup": "dedup method", "teachers": "teacher", "formats": "format", "metrics": "metric"}


def list_components(
    what: Annotated[str | None, typer.Argument(metavar="[tasks|filters|dedup|teachers|formats|metrics|stages]", help="one kind; all where left out")] = None, as_json: o.AsJson = False
) -> None:
    """List the known components with a sentence on each."""
    from synthgen import registry
    from synthgen.errors import UnknownName

    if what is not None and what not in KINDS:
        raise UnknownName("kind of component", what, KINDS)
    found = {plural: {name: _purpose(kind, name) for name in sorted(registry.names(kind))} for plural, kind in KINDS.items() if what in (None, plural)}
    if as_json:
        o.out_json(found)
        return
    for plural, entries in found.items():
        o.out(plural)
        width = max(map(len, entries), default=0)
        for name, purpose in entries.items():
            o.out(f"  {name:<{width}}  {purpose}")


def _purpose(kind: str, name: str) -> str:
    """The first sentence of the component's module; of its class, where a module holds several components."""
    import sys

    from synthgen import registry

    known = registry.names(kind)
    module, _, cls = known[name].partition(":")
    alone = sum(target.partition(":")[0] == module for target in known.values()) == 1
    found = registry.find(kind, name)
    text = (sys.modules[module].__doc__ if alone or not cls else found.__doc__) or ""
    return text.strip().split("\n\n")[0].replace("\n", " ").removeprefix(f"{name}: ")
