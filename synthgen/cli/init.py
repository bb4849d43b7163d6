"""`synthgen init`: lay out questions, a pipeline for them, prompts, pipelines and seeds to start from."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.core.text import path_word


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="where to; made if it is not there")
    ] = Path("."),
) -> None:
    """Lay out questions to start from, prompts and examples.

    my_questions.csv and my_questions.yaml run as they are: `synthgen run my_questions.yaml`.
    prompts/, pipelines/ and data/seeds/ hold what comes with synthgen. Files that are there
    already are left alone.
    """
    from synthgen.core.resources import project_files

    written = kept = same = 0
    for relative, source in project_files():
        place = directory / relative
        if place.exists() or place.is_symlink():
            own = not place.is_file() or place.read_bytes() != source.read_bytes()
            kept, same = kept + own, same + (not own)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        written += 1
    o.out(
        f"{written} file{'s' * (written != 1)} written to {directory}/ "
        "(my_questions.csv and .yaml, prompts/, pipelines/, data/seeds/)"
        + (f"; {same} were there already" if same else "")
        + (f"; {kept} of your own left as they are" if kept else "")
    )
    there = "" if directory == Path(".") else f"cd {shlex.quote(path_word(directory))} && "
    o.hint(f"{there}synthgen preview my_questions.yaml", f"{there}synthgen run my_questions.yaml")
