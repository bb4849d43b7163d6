"""cron and systemd: one machine tries again every so often, until all is done; then a try takes a second."""

from __future__ import annotations

import shlex
from pathlib import Path

from synthgen.operations.jobs.files import STAY, Work, render


def files(work: Work, folder: Path, place: Path, minutes: int = 15) -> dict[str, str]:
    """The files: name -> text.

    Args:
        work: the pipeline.
        folder: where they will stand.
        place: the project's folder, in which the command runs; absolute: neither of the two knows another.
        minutes: between two attempts, 1 to 59.
    """
    script = place / folder / "run.sh"
    return {
        "run.sh": render("run.sh", name=work.name, place=str(place), setup=work.setup, command=work.whole()),
        "crontab": render(
            "crontab",
            schedule=f"*/{minutes} * * * *",
            script=shlex.quote(str(script)).replace("%", r"\%"),
            log=shlex.quote(str(script.with_name("run.log"))).replace("%", r"\%"),
        ),
        f"{work.slug}.service": render(
            "synthgen.service",
            slug=work.slug,
            name=work.name,
            script=_systemd(str(script)),
            leave=work.grace + STAY,
        ),
        f"{work.slug}.timer": render("synthgen.timer", name=work.name, calendar=f"*:0/{minutes}"),
    }


def _systemd(path: str) -> str:
    """A path as a word of ExecStart (systemd.service(5): quotes, specifiers, and variables)."""
    plain = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'
