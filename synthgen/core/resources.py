"""Where the prompts, pipelines and seeds that come with synthgen are: in the wheel, or in the checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PACKAGE = Path(__file__).resolve().parents[1]
_SAME_PLACE = ("prompts", "pipelines", "data/seeds")
_NAMES = {"gitignore": ".gitignore"}
"""Files of `project/` with another name in a project: a .gitignore there would rule in the checkout, too."""


def shipped(relative: str) -> Path:
    """The path of a shipped file or folder, such as `prompts` or `data/seeds/arithmetic.jsonl`."""
    packed = _PACKAGE / "_shipped"
    return (packed if packed.is_dir() else _PACKAGE.parent) / relative


def project_files() -> Iterator[tuple[PurePosixPath, Path]]:
    """The files of a new project: (path in the project, shipped file), in order."""
    for folder in ("project", *_SAME_PLACE):
        root = shipped(folder)
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            relative = PurePosixPath(source.relative_to(root).as_posix())
            if folder == "project":
                yield PurePosixPath(_NAMES.get(str(relative), str(relative))), source
            else:
                yield PurePosixPath(folder) / relative, source
