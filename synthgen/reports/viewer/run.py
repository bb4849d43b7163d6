"""Opens a run or a file and serves its pages until Ctrl-C."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable
from pathlib import Path

from synthgen.core.errors import StageFailed
from synthgen.operations.serve.loopback import serve
from synthgen.reports.viewer.catalogue import Catalogue
from synthgen.reports.viewer.guard import Guard
from synthgen.reports.viewer.marking import Marking
from synthgen.reports.viewer.server import Viewer
from synthgen.store.reviews import reviews_file


def view(
    target: Path,
    ready: Callable[[str], None],
    *,
    port: int = 0,
    reviewer: str = "",
    read_only: bool = False,
    ledger: Path | None = None,
    runs: Path = Path("data/runs"),
) -> None:
    """Serves the pages of a run, a stage's folder or a row file until SIGTERM or SIGINT.

    Args:
        target: the folder or file.
        ready: called with the address, which holds the token, when it answers.
        port: 0 for any free one.
        reviewer: the name that marks are made under; the user's where left out.
        read_only: no mark can be made.
        ledger: the folder of the ledger that holds the replies.
        runs: the folder that holds all runs.

    Raises:
        InputError: there is nothing to show.
        StageFailed: the port cannot be had.
    """
    catalogue, guard = Catalogue(target), Guard()
    marking = Marking(reviews_file(target), reviewer or _user(), read_only)
    try:
        if catalogue.run is None:
            catalogue.get(target.name)
        viewer = Viewer(catalogue, marking, guard, target.absolute().name, ledger, runs)
        asyncio.run(serve(viewer.application(), port, lambda url: ready(f"{url}/?token={guard.token}")))
    except OSError as fault:
        raise StageFailed(
            f"cannot serve on port {port}: {fault.strerror or fault}",
            next="choose another with --port, or leave it out for any free one",
        ) from fault
    finally:
        catalogue.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"
