"""The exception tree: every error a user can meet says what, where and what to do next.

SynthgenError                 exit 1
├── ConfigError               exit 2   the command or the pipeline file is wrong (holds every fault at once)
│   └── UnknownName           exit 2   a name that is not in a registry, with the nearest known one
├── InputError                exit 2   a file of the user's cannot be used at all
├── StageFailed               exit 1   a stage ran and its result cannot be used
│   └── EmptyResult           exit 1   nothing, or too little, is left after a stage
├── TeacherFailed             exit 1   no further request can succeed (bad key, unknown model, unreachable)
├── BudgetReached             exit 3   the cap would be passed by the next request
├── TooManyFailed             exit 4   finished, but more rows failed than allowed
├── RunLocked                 exit 5   another live process holds this run
└── Interrupted               exit 130 or 143
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthgen.core.secrets import shown


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: what it is, where (file:line or row id), and what to do next."""

    what: str
    where: str = ""
    next: str = ""

    def lines(self) -> list[str]:
        """The fault as one to three lines."""
        return [
            part
            for part in (self.what, self.where and f"  at {self.where}", self.next and f"  {self.next}")
            if part
        ]


class SynthgenError(Exception):
    """Base of all errors that synthgen raises on purpose; `exit_code` is the process's exit status.

    Args:
        what: what is wrong.
        where: where it is: a file and line, or a row's id.
        next: what to do about it.
        faults: several faults, in place of the three above.
    """

    exit_code = 1

    def __init__(self, what: str, where: str = "", next: str = "", faults: Sequence[Fault] = ()) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults) or (Fault(what, where, next),)
        super().__init__(what)

    def __str__(self) -> str:
        return "\n".join(line for fault in self.faults for line in fault.lines())


class ConfigError(SynthgenError):
    """The command line or the pipeline file is wrong; all its faults are listed together."""

    exit_code = 2

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> ConfigError:
        """One error that carries all `faults`."""
        return cls("; ".join(fault.what for fault in faults), faults=faults)


class UnknownName(ConfigError):
    """A name that no registry knows; says which known one is nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.name, self.known = name, sorted(known)
        near = nearest(name, self.known)
        hint = f"did you mean {near!r}?" if near else f"known: {', '.join(self.known)}"
        super().__init__(f"unknown {kind} {shown(name)!r}", where, hint)


class InputError(SynthgenError):
    """A file of the user's cannot be used at all (missing, empty, no usable columns)."""

    exit_code = 2


class StageFailed(SynthgenError):
    """A stage ran and its result cannot be used."""


class EmptyResult(StageFailed):
    """Nothing, or too little, is left after a stage; what it rejected is kept (`store.failed`)."""


class TeacherFailed(SynthgenError):
    """No further request to this teacher can succeed: bad key, unknown model, unreachable address."""


class BudgetReached(SynthgenError):
    """The next request could pass the cap; once the cap is raised, the same command continues."""

    exit_code = 3


class TooManyFailed(SynthgenError):
    """The stage finished, but more rows failed than `max_failed` allows."""

    exit_code = 4


class RunLocked(SynthgenError):
    """Another live process holds this run."""

    exit_code = 5


class Interrupted(SynthgenError):
    """A signal asked to stop; the same command continues. `exit_code` is 128 + the signal's number."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__("interrupted", next="the same command continues where this one stopped")


def first_line(fault: BaseException, most: int = 300) -> str:
    """What a foreign error says in its first line, or its kind where it says nothing."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0][:most]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near; endings such as .csv do not count."""
    ending = re.compile(r"(\.[A-Za-z]+)+$")
    stem = ending.sub("", name) or name
    alike = [
        other
        for other in known
        if difflib.SequenceMatcher(None, ending.sub("", other) or other, stem).ratio() >= 0.6
    ]
    closest = difflib.get_close_matches(name, alike, n=1, cutoff=0.6)
    return closest[0] if closest else None
