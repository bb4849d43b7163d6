"""What each exit code of a run means, and what a wrapper does about it: the batch-job contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Again = Literal["never", "later", "at once", "changed"]
"""Whether another attempt makes sense: never needed; the same command a little later; the same at once; only
after somebody changed something.
"""


@dataclass(frozen=True)
class ExitCode:
    """One exit code."""

    code: int
    means: str
    again: Again
    next: str


EXIT_CODES = (
    ExitCode(0, "done", "never", ""),
    ExitCode(1, "failed", "later", "the same command; what is done is kept, and nothing is paid for twice"),
    ExitCode(2, "the command or the pipeline file is wrong", "changed", "correct it; each fault is listed"),
    ExitCode(
        3,
        "stopped at the budget",
        "changed",
        "raise the budget, or add --accept-partial to publish what is finished",
    ),
    ExitCode(
        4,
        "finished, but more rows failed than allowed",
        "changed",
        "add --retry-failed, or raise max_failed",
    ),
    ExitCode(5, "another live process holds this run", "later", "the same command, when that one has ended"),
    ExitCode(130, "interrupted by SIGINT", "at once", "the same command; it goes on"),
    ExitCode(143, "interrupted by SIGTERM", "at once", "the same command; it goes on"),
)


def codes(again: Again) -> list[int]:
    """The exit codes after which another attempt makes sense, or not, in this way."""
    return [one.code for one in EXIT_CODES if one.again == again]
