"""What the stages behind an artefact did, from their manifests: the recipe on a dataset's card.

Only what is the same in every run over the same replies: no times, no hosts, no costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.formats.card import Step
from synthgen.store.manifest import Manifest, read_manifest

_TOLD = ("sources", "task", "kind", "rules", "methods", "against", "prompt", "samples", "test", "validation")
"""Options of a stage that say what it does; the resolved pipeline has all of them."""
_LONGEST = 200


def steps_behind(artefacts: Sequence[Artefact]) -> list[Step]:
    """The stages that led to these artefacts, the first one first, each once."""
    steps: dict[str, Step] = {}
    for artefact in artefacts:
        _add(artefact, steps)
    return list(steps.values())


def provenance(need: str, artefacts: Sequence[Artefact]) -> Any:
    """What of the recipe a card says, for the key of a stage that writes one."""
    return [step._asdict() for step in steps_behind(artefacts)]


def _add(artefact: Artefact, steps: dict[str, Step]) -> None:
    place = str(artefact.folder)
    if place in steps:
        return
    for inputs in artefact.inputs.values():
        for one in inputs:
            _add(one, steps)
    manifest = read_manifest(artefact.folder)
    if manifest is not None:
        steps[place] = _step(manifest)


def _step(manifest: Manifest) -> Step:
    counts = manifest.counts
    told = ", ".join(f"{name} {_shown(manifest.config[name])}" for name in _TOLD if manifest.config.get(name))
    compared = manifest.extra.get("evaluation_rows") if manifest.kind == "decontaminate" else None
    return Step(
        manifest.stage,
        manifest.kind,
        told if len(told) <= _LONGEST else told[:_LONGEST] + " …",
        int(counts.get("in", 0)),
        int(counts.get("kept", 0)),
        {**counts.get("rejected", {}), **counts.get("failed", {})},
        compared,
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key} {_shown(part)}" if part not in ({}, None) else key for key, part in value.items()
        )
    if isinstance(value, list | tuple):
        return ", ".join(_named(part) for part in value)
    return str(value)


def _named(value: Any) -> str:
    """A component by its name, with the options that it was given; a file by its path."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, options),) = value.items()
        given = isinstance(options, Mapping) and ", ".join(
            f"{key}={part}" for key, part in options.items() if isinstance(part, str | int | float)
        )
        return f"{name} ({given})" if given else str(name)
    if isinstance(value, Mapping):
        return str(value.get("path") or value.get("dataset") or _shown(value))
    return str(value)
