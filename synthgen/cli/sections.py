"""In which sections `synthgen --help` lists the commands: by what somebody wants to do."""

from __future__ import annotations

from collections.abc import Iterable

from synthgen.stages import STAGES

SECTIONS: dict[str, tuple[str, ...]] = {
    "Begin": ("init", "validate", "preview", "estimate", "gate", "run"),
    "One stage": tuple(STAGES),
    "Several runs, machines or batches": ("ablate", "curve", "improve", "merge", "batch", "jobs"),
    "Look": ("status", "inspect", "why", "report", "view", "marks", "diff", "runs"),
    "Use the student": ("verdict", "chat", "serve", "push", "drift", "import-log"),
    "Look up and tidy": ("list", "prompts", "schema", "ledger", "gc", "serve-builtin"),
}
"""A section's title -> its commands."""


def sections(commands: Iterable[str]) -> dict[str, list[str]]:
    """The commands that there are, by section; one that no section names stands in the last."""
    there = list(commands)
    found = {title: [name for name in names if name in there] for title, names in SECTIONS.items()}
    listed = {name for names in found.values() for name in names}
    found[list(SECTIONS)[-1]] += [name for name in there if name not in listed]
    return found
