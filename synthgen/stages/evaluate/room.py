"""Whether students can be given as many tokens as the completions that they were trained on have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synthgen.core.artefacts import Artefact
from synthgen.store.manifest import read_manifest
from synthgen.training.reply_room import warning_from


def say_short(students: Sequence[Artefact], limit: int, say: Callable[[str], None]) -> None:
    """Says of which students replies will be cut, by what their trainings counted.

    Args:
        students: as their stages published them.
        limit: `max_new_tokens`.
        say: takes each warning.
    """
    for student in students:
        manifest = read_manifest(student.folder)
        counted = manifest.extra.get("preflight", {}) if manifest is not None else {}
        if short := warning_from(counted.get("completion_tokens", {}), limit):
            say(f"warning: {student.stage_id}: {short}")
