"""docs/reference/exit-codes.md: how a command can end, and the errors behind the codes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from synthgen.core.errors import SynthgenError
from synthgen.core.exit_codes import EXIT_CODES
from synthgen.reports.pages.options import cell

INTRO = """# Exit codes

*Generated from the code by `make generate`: change `synthgen/core/exit_codes.py`, not this page.*

Every command ends with one of these. 3, 130 and 143 leave a run that the same command continues, 4 one that
`--retry-failed` mends.

| code | means | another attempt | then |
|---|---|---|---|
"""
ERRORS = """
On SIGTERM or SIGINT a run sends no new request, waits up to `--grace` seconds for those in flight, writes
what came back, and ends. A training saves a checkpoint first. `synthgen run --retry-policy` prints the table
as JSON, for wrappers; "changed" means: only after somebody changed something.

## In Python

All errors are subclasses of `synthgen.core.errors.SynthgenError`. Each holds its faults: what is wrong,
where, and what to do next. `exit_code` is the code above.

| error | code | |
|---|---|---|
"""


def exit_code_page() -> str:
    """The page's markdown: the codes, then the errors."""
    codes = [f"| {one.code} | {cell(one.means)} | {one.again} | {cell(one.then)} |" for one in EXIT_CODES]
    errors = [
        f"| {'&nbsp;' * 4 * depth}`{error.__name__}` | {_code(error)} | "
        f"{cell(' '.join((inspect.getdoc(error) or '').split(chr(10) * 2)[0].split()))} |"
        for depth, error in _tree(SynthgenError)
    ]
    return INTRO + "\n".join(codes) + "\n" + ERRORS + "\n".join(errors) + "\n"


def _code(error: type[SynthgenError]) -> str:
    """The exit code of an error; that of an interruption depends on the signal."""
    return "130, 143" if error.__name__ == "Interrupted" else str(error.exit_code)


def _tree(error: type[SynthgenError], depth: int = 0) -> Iterator[tuple[int, type[SynthgenError]]]:
    """An error and all below it that this module defines, each with its depth."""
    yield depth, error
    for inner in error.__subclasses__():
        if inner.__module__ == SynthgenError.__module__:
            yield from _tree(inner, depth + 1)
