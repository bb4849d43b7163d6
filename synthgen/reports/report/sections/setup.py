"""How the run was made: the pipeline as it ran, prompts as they were sent, and each stage's files."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.core.text import amount
from synthgen.reports.report.blocks import Block, Card, Cards, Code, Facts, Fold
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.row_cards import told
from synthgen.reports.run_folder import PublishedStage, written_rows
from synthgen.reports.visible import clipped
from synthgen.reports.why import request_of

LONGEST = 6000
"""How much of one turn of a prompt is shown."""


def setup(facts: RunFacts) -> list[Block]:
    """Prompts, the pipeline file, and the files that stages read and wrote."""
    blocks: list[Block] = [*_prompts(facts)]
    if text := facts.pipeline[0]:
        blocks.append(Fold("the pipeline as it ran, with every option", [Code(text)]))
    blocks += [_files(stage) for stage in facts.stages]
    return blocks


def _prompts(facts: RunFacts) -> Iterator[Block]:
    """One request of each stage that asked, as it was sent, with its reply, where the ledger has it."""
    for stage in facts.stages:
        if not stage.manifest.requests:
            continue
        path = next((path for name, path in stage.row_files() if name != "rejected"), None)
        row = next(written_rows(path), None) if path is not None else None
        sent = request_of(row, facts.ledger) if row is not None else None
        if not sent or sent.get("missing"):
            continue
        turns = sent["messages"] or [{"role": "prompt", "content": sent["prompt"]}]
        cards = [
            Card(str(turn.get("role", "")), [("", clipped(told(turn.get("content", "")), LONGEST))])
            for turn in turns
            if isinstance(turn, dict)
        ]
        reply = Card(f"{sent['model']} replied", [("", clipped(sent["reply"] or "", LONGEST))])
        named = (row or {}).get("meta") or {}
        about = [("prompt", told(named["prompt"]))] if named.get("prompt") else []
        about += [("sampling", told(sent["sampling"]))] if sent["sampling"] else []
        title = f"a prompt of {stage.id} as it was sent, and its reply"
        yield Fold(title, [Facts(about), *(Cards([card]) for card in (*cards, reply))])


def _files(stage: PublishedStage) -> Fold:
    manifest = stage.manifest
    entries = [("kind", manifest.kind), ("finished", manifest.finished_at)]
    if manifest.linked_from:
        entries.append(("the same as in run", manifest.linked_from))
    entries += [
        ("read", f"{record.file} ({amount(record.rows, 'row')})" if record.rows else record.file)
        for group in manifest.inputs.values()
        for record in group
    ]
    entries += [
        ("wrote", f"{name} sha256 {record.sha256}")
        for name, record in manifest.outputs.items()
        if "/" not in name
    ]
    entries += [
        ("option", f"{name}: {clipped(told(value, 1), 500)}") for name, value in manifest.config.items()
    ]
    return Fold(f"{stage.id}: options and files", [Facts(entries)])
