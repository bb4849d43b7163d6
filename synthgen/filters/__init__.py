"""Filters: one rule per file, each a pure function over a batch of rows; see `contract`."""

FILTERS = {
    "answer_match": "synthgen.filters.answer_match:AnswerMatch",
    "echo": "synthgen.filters.echo:Echo",
    "length": "synthgen.filters.length:Length",
    "refusal": "synthgen.filters.refusal:Refusal",
    "run_on": "synthgen.filters.run_on:RunOn",
    "truncated": "synthgen.filters.truncated:Truncated",
}
"""Rule name -> "module:Class"."""
