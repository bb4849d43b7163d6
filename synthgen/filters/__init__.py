"""Filters: one rule per file, each a pure function over a batch of rows; see `contract`."""

FILTERS = {
    "answer_match": "synthgen.filters.answer_match:AnswerMatch",
    "code_parses": "synthgen.filters.code_parses:CodeParses",
    "custom": "synthgen.filters.custom:Custom",
    "echo": "synthgen.filters.echo:Echo",
    "keyword": "synthgen.filters.keyword:Keyword",
    "language": "synthgen.filters.language:Language",
    "length": "synthgen.filters.length:Length",
    "length_ratio": "synthgen.filters.length_ratio:LengthRatio",
    "merged_items": "synthgen.filters.merged_items:MergedItems",
    "needs_media": "synthgen.filters.needs_media:NeedsMedia",
    "pii": "synthgen.filters.pii:Pii",
    "placeholder": "synthgen.filters.placeholder:Placeholder",
    "refusal": "synthgen.filters.refusal:Refusal",
    "repetition": "synthgen.filters.repetition:Repetition",
    "run_on": "synthgen.filters.run_on:RunOn",
    "schema": "synthgen.filters.schema:Schema",
    "score": "synthgen.filters.score:Score",
    "script": "synthgen.filters.script:Script",
    "self_reference": "synthgen.filters.self_reference:SelfReference",
    "steps": "synthgen.filters.steps:Steps",
    "truncated": "synthgen.filters.truncated:Truncated",
    "url": "synthgen.filters.url:Url",
}
"""Rule name -> "module:Class"."""

DEFAULT_RULES: tuple[str | dict[str, dict[str, int]], ...] = (
    "length", "merged_items", "echo", "placeholder", "refusal", "self_reference", "truncated", "run_on", "needs_media", {"repetition": {"min_words": 200}},
)  # fmt: skip
"""The rules, in order and as a pipeline file has them, for whoever names none: they need no package and no threshold of one's own.

A teacher that falls into a loop goes on for long, so repetition is judged from two hundred words on, where Gopher's
thresholds hold as published; half the time of all ten rules would otherwise go into it.
"""
