"""In the tool's own process: drops near-duplicates and prints one line of JSON."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.clock import Clock
from benchmarks.deduplicating import TOOLS, dedup_of
from benchmarks.environments import release_of, report

if __name__ == "__main__":
    tool, path = sys.argv[1:]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        kept = dedup_of(tool)(Path(path), Path(folder), clock)
    report({**clock.figures(), "kept": kept, "version": release_of(TOOLS[tool][2])})
