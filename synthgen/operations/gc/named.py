"""Which stages' results are named: by their run's pipeline, by another run, or by what was made from them.

A name is any of these: an id in the pipeline that a run recorded; `run:NAME:STAGE` or a path with
`NAME/STAGE` in such a record; an input in a manifest. What a named result was made from is named, too, so
that its origin can still be told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from synthgen.pipeline.recorded import recorded_stages
from synthgen.pipeline.spec import RESOLVED
from synthgen.store.manifest import NAME, read_manifest

_REFERENCE = re.compile(r"run:([^:\s'\"]+):([A-Za-z0-9][A-Za-z0-9_-]*)")


class Named:
    """The stages that some runs name; `unreadable` are runs of which it is not known what they name."""

    def __init__(self, runs: Iterable[Path]) -> None:
        self._texts: list[str] = []
        self._stages: set[Path] = set()
        self.unreadable: list[Path] = []
        for run in runs:
            self._read(run)
        waiting = list(self._stages)
        while waiting:
            for before in _made_from(waiting.pop()):
                if before not in self._stages:
                    self._stages.add(before)
                    waiting.append(before)

    def __contains__(self, stage: Path) -> bool:
        """Whether a stage's folder is named."""
        path = re.escape(f"{stage.parent.name}/{stage.name}")
        written = re.compile(rf"{path}(?![A-Za-z0-9_-])")
        return _plain(stage) in self._stages or any(written.search(text) for text in self._texts)

    def _read(self, run: Path) -> None:
        try:
            text = (run / RESOLVED).read_text(encoding="utf-8")
        except FileNotFoundError:  # killed as it began, or its record was deleted: all that it has is kept
            self._stages |= {_plain(file.parent) for file in run.glob(f"*/{NAME}")}
            return
        except (OSError, UnicodeDecodeError):
            text = ""
        stages = recorded_stages(run)
        if stages is None:
            self.unreadable.append(run)
            return
        self._texts.append(text)
        self._stages |= {_plain(run / stage) for stage in stages}
        self._stages |= {_plain(run.parent / name / stage) for name, stage in _REFERENCE.findall(text)}


def _made_from(stage: Path) -> Iterator[Path]:
    """The stages, also of other runs, that a published one had read."""
    manifest = read_manifest(stage) if (stage / NAME).is_file() else None
    for records in manifest.inputs.values() if manifest is not None else ():
        for record in records:
            yield _plain((stage.parent / record.file).parent)


def _plain(path: Path) -> Path:
    return Path(os.path.abspath(path))
