"""Filters: the rules in `rules/`, one a file, and the machine that applies them; see `contract`."""

FILTERS = {
    "answer_match": "synthgen.filters.rules.answer_match:AnswerMatch",
    "code_parses": "synthgen.filters.rules.code_parses:CodeParses",
    "custom": "synthgen.filters.rules.custom:Custom",
    "echo": "synthgen.filters.rules.echo:Echo",
    "keyword": "synthgen.filters.rules.keyword:Keyword",
    "language": "synthgen.filters.rules.language:Language",
    "length": "synthgen.filters.rules.length:Length",
    "length_ratio": "synthgen.filters.rules.length_ratio:LengthRatio",
    "merged_items": "synthgen.filters.rules.merged_items:MergedItems",
    "needs_media": "synthgen.filters.rules.needs_media:NeedsMedia",
    "one_of": "synthgen.filters.rules.one_of:OneOf",
    "pii": "synthgen.filters.rules.pii:Pii",
    "placeholder": "synthgen.filters.rules.placeholder:Placeholder",
    "refusal": "synthgen.filters.rules.refusal:Refusal",
    "repetition": "synthgen.filters.rules.repetition:Repetition",
    "run_on": "synthgen.filters.rules.run_on:RunOn",
    "schema": "synthgen.filters.rules.schema:Schema",
    "score": "synthgen.filters.rules.score:Score",
    "script": "synthgen.filters.rules.script:Script",
    "self_reference": "synthgen.filters.rules.self_reference:SelfReference",
    "steps": "synthgen.filters.rules.steps:Steps",
    "truncated": "synthgen.filters.rules.truncated:Truncated",
    "url": "synthgen.filters.rules.url:Url",
}
"""Rule name -> "module:Class"."""

DEFAULT_RULES: tuple[str | dict[str, dict[str, int | str]], ...] = (
    "length",
    "merged_items",
    "echo",
    {"placeholder": {"input": "clear"}},
    "refusal",
    "self_reference",
    "truncated",
    "run_on",
    "needs_media",
    {"repetition": {"min_words": 200}},
)
"""The rules that apply if none are named, in order, as a pipeline file has them.

They need no extra package, and no threshold that depends on the data. A teacher that falls into a loop
repeats itself for long. So repetition is checked from two hundred words on, where Gopher's thresholds hold
as published; otherwise it would take half the time of all ten rules.
"""
