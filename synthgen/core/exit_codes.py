"""What each exit code means, and what a wrapper does about it: the contract with batch systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Again = Literal["never", "later", "at once", "changed"]
"""Whether another attempt makes sense: not needed; the same command a little later; the same at once; only
after somebody changed something.
"""


@dataclass(frozen=True)
class ExitCode:
    """One exit code: what it means, whether to try again, and what to do."""

    code: int
    means: str
    again: Again
    then: str


EXIT_CODES = (
    ExitCode(0, "done", "never", ""),
    ExitCode(1, "failed", "later", "read the last lines; the same command keeps what is done"),
    ExitCode(
        2,
        "the command or the pipeline file is wrong",
        "changed",
        "mend it: each error is listed with its line",
    ),
    ExitCode(
        3,
        "stopped at the budget",
        "changed",
        "raise it and run the same command, or publish what is finished with `--accept-partial`",
    ),
    ExitCode(
        4,
        "finished, but more rows failed than `max_failed` allows",
        "changed",
        "`--retry-failed` asks again for them, or raise `max_failed`",
    ),
    ExitCode(5, "another live process holds this run", "later", "wait for it, or end it"),
    ExitCode(
        130,
        "interrupted by SIGINT (Ctrl-C)",
        "at once",
        "run the same command again: it continues where this one stopped",
    ),
    ExitCode(141, "whoever read the output closed it, such as `head`", "never", ""),
    ExitCode(
        143,
        "interrupted by SIGTERM",
        "at once",
        "run the same command again: it continues where this one stopped",
    ),
)


def codes(again: Again) -> list[int]:
    """The exit codes after which another attempt makes sense in this way."""
    return [one.code for one in EXIT_CODES if one.again == again]
