"""docs/reference/rows.md: the fields of a row, of its `meta`, and of a rejection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from synthgen.core.rows import FIELD_MEANINGS, Provenance, Rejection
from synthgen.reports.pages.options import cell

INTRO = """# Row fields

*Generated from the code by `make generate`: change `synthgen/core/rows.py`, not this page.*

A row is one JSON object on a line. Absent fields are left out. Fields that synthgen does not know travel along
unchanged. [data.md](../data.md) says which layouts of other tools are read and written.

    {"id": "abc439c976194ef5", "instruction": "Pia has 9 tomatoes. …", "output": "First 9 + 6 = 15.\\nThe answer is 15.", "rationale": "First 9 + 6 = 15.", "final_answer": "15", "reference": "15", "meta": {"source": "my_questions.csv", "task": "rationale", …}}

A row has exactly one of three shapes: `instruction` (and perhaps `input`), with `output` once it is answered;
`messages`; or `prompt`, `chosen` and `rejected`.

| field | |
|---|---|
| `id` | a hash of the row's content at birth and of its parents; edits keep it. Equal rows are told apart by `-2`, `-3` … |
"""  # noqa: E501 - a line of JSON, a row of a table
META = """| `meta` | where the row came from, see below |

## meta

Nothing in `meta` differs between two runs over the same ledger. Times, cost and hosts are in the ledger and
in `manifest.json`.

| field | |
|---|---|
"""
REJECTION = """
## rejection

Rows in `rejected.jsonl` also have `rejection`, an object:

| field | |
|---|---|
"""


def row_page() -> str:
    """The page's markdown: content fields, `meta`, `rejection`."""
    content = [f"| `{name}` | {cell(meaning)} |" for name, meaning in FIELD_MEANINGS.items()]
    return INTRO + "\n".join(
        [*content, META.rstrip("\n"), *_lines(Provenance), REJECTION.rstrip("\n"), *_lines(Rejection), ""]
    )


def _lines(fields: Any) -> Iterator[str]:
    """A line of a table for each field of a TypedDict whose types are annotated with their meaning."""
    for name, hint in get_type_hints(fields, include_extras=True).items():
        meaning = (
            next((one for one in get_args(hint)[1:] if isinstance(one, str)), "")
            if (get_origin(hint) is Annotated)
            else ""
        )
        yield f"| `{name}` | {cell(meaning)} |"
