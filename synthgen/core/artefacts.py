"""What stages publish: an artefact, its kind, and the account of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthgen.core.errors import StageFailed

Kind = Literal["rows", "split", "model", "metrics"]

_VERSION_DIGITS = 12


def version_of(sha256: str) -> str:
    """The short form of a content hash: the version of a dataset or a model, on any machine."""
    return sha256[:_VERSION_DIGITS]


@dataclass(frozen=True)
class Artefact:
    """What a finished stage published, as its readers see it.

    `file` is the row file (`rows.jsonl`, or `<part>.jsonl` of a split; the `model/` folder of a model);
    `sha256` its content hash; `rows` its number of rows; `inputs` the artefacts that the stage itself had
    read, by need.
    """

    stage_id: str
    stage_kind: str
    kind: Kind
    folder: Path
    file: Path
    sha256: str
    rows: int
    part: str | None = None
    inputs: Mapping[str, tuple[Artefact, ...]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`<stage id>` or `<stage id>.<part>`."""
        return f"{self.stage_id}.{self.part}" if self.part else self.stage_id

    @property
    def version(self) -> str:
        """The short form of `sha256`."""
        return version_of(self.sha256)


Inputs = Mapping[str, tuple[Artefact, ...]]
"""A stage's inputs by the names in its `needs`; an optional need that was not met is an empty tuple."""


@dataclass
class Counts:
    """The account of a stage's rows: `in_ = kept + rejected + failed`, by rule and reason."""

    in_: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def reject(self, rule: str, rows: int = 1) -> None:
        """Counts rows that a rule rejected."""
        self.rejected[rule] = self.rejected.get(rule, 0) + rows

    def fail(self, reason: str, rows: int = 1) -> None:
        """Counts rows that got no result."""
        self.failed[reason] = self.failed.get(reason, 0) + rows

    def check(self, stage: str) -> None:
        """Raises StageFailed where the sum is wrong (law 2: nothing vanishes)."""
        out = self.kept + sum(self.rejected.values()) + sum(self.failed.values())
        if out != self.in_:
            raise StageFailed(
                f"{stage}: {self.in_} rows came in but {out} are accounted for",
                next="its stage counted wrong; nothing was published",
            )

    def plain(self) -> dict[str, Any]:
        """The counts as the manifest holds them."""
        return {
            "in": self.in_,
            "kept": self.kept,
            "rejected": dict(sorted(self.rejected.items())),
            "failed": dict(sorted(self.failed.items())),
        }
