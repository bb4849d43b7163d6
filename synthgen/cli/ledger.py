"""`synthgen ledger`: what has been paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli import options as o

if TYPE_CHECKING:
    from synthgen.store.ledger.ledger import Ledger as LedgerStore

REFUSED_SHOWN = 20

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Count, export, import or tidy the ledger of replies.",
)


@app.command("stats")
def stats(ledger: o.Ledger = o.LEDGER, as_json: o.AsJson = False) -> None:
    """Show how many replies the ledger holds, and what they cost, by model."""
    from synthgen.core.text import dollars, table, terminal_columns

    totals = _open(ledger).stats()
    if as_json:
        o.out_json(totals)
        return
    rows = [
        [
            name,
            f"{share['replies']:,}",
            f"{share['prompt_tokens']:,}",
            f"{share['completion_tokens']:,}",
            dollars(share["cost_usd"]),
        ]
        for name, share in totals["models"].items()
    ]
    o.out(
        table(
            ["model", "replies", "prompt tokens", "completion tokens", "cost"],
            rows,
            columns=terminal_columns(),
        )
    )
    o.out(
        f"\n{totals['requests']:,} requests, {totals['samples']:,} samples, {totals['refusals']:,} "
        f"refused for good, {totals['failures']:,} given up at some time (`run --retry-failed` asks "
        f"again); {totals['bytes'] / 1e6:,.1f} MB in {totals['files']} file(s)"
    )


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="a new JSONL file")],
    ledger: o.Ledger = o.LEDGER,
) -> None:
    """Write every request and reply to a JSONL file."""
    from synthgen.core.errors import ConfigError

    if out.exists():
        raise ConfigError("the file is there already", str(out), "give another -o")
    o.out(f"{_open(ledger).export(out):,} samples written to {out}")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="a JSONL file that `synthgen ledger export` wrote")
    ],
    ledger: o.Ledger = o.LEDGER,
) -> None:
    """Take in exported replies, so that what they answer is not asked again; what is there already stays."""
    from synthgen.core.errors import Fault, InputError
    from synthgen.store.ledger.ledger import open_ledger

    if not file.is_file():
        raise InputError("no such file", str(file), "give a JSONL file that `synthgen ledger export` wrote")
    totals = open_ledger(ledger).take_in(file)
    o.out(f"{totals.added:,} samples taken into {ledger}; {totals.known:,} were there already")
    if totals.refused:
        more = len(totals.refused) - REFUSED_SHOWN
        raise InputError(
            "lines were refused",
            faults=[
                *totals.refused[:REFUSED_SHOWN],
                *([Fault(f"and {more:,} more lines", str(file))] if more > 0 else []),
            ],
        )
    if not totals.added + totals.known:
        raise InputError("the file holds no reply", str(file))


@app.command("vacuum")
def vacuum(ledger: o.Ledger = o.LEDGER) -> None:
    """Give back disk space that the ledger's files no longer use."""
    before, after = _open(ledger).vacuum()
    o.out(f"{before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB after")


def _open(folder: Path) -> LedgerStore:
    from synthgen.core.errors import InputError
    from synthgen.store.ledger.ledger import open_ledger

    if not folder.is_dir():
        raise InputError("no ledger here", str(folder), "--ledger DIR names another folder")
    return open_ledger(folder)
