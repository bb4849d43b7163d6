"""What the commands print fits 80 columns, whatever the terminal's environment says of itself."""

from pathlib import Path

import pytest

from synthgen.core.text import width
from tests.reports.made_runs import make_run

PIPELINE = """name: made
teacher: {provider: builtin}
stages:
  - generate: {id: questions, task: self_instruct, kind: question, seeds: data/seeds/arithmetic.jsonl,
      num_rows: 40}
  - split: {test: 10}
  - generate: {id: rationales, task: rationale}
  - filter: {rules: [refusal, truncated, run_on, answer_match]}
  - dedup: {methods: [exact]}
"""
COMMANDS = [
    ["list"],
    ["list", "stages", "evaluate"],
    ["run", "p.yaml", "--dry-run"],
    ["preview", "p.yaml"],
    ["preview", "p.yaml", "--id", "rationales"],
    ["preview", "p.yaml", "--id", "rationales", "--full"],
    ["estimate", "p.yaml"],
    ["validate", "p.yaml", "--offline"],
    ["run", "p.yaml"],
    ["status", "p.yaml"],
    ["inspect", "made"],
    ["inspect", "made", "--full"],
    ["inspect", "data/runs/made/filter"],
    ["diff", "made", "kept"],
    ["diff", "made", "kept", "--full"],
    ["run", "p.yaml", "--dry-run", "--set", "rationales.sampling.temperature=0.25"],
    ["ledger", "stats"],
    ["runs"],
    ["gc"],
    ["runs", "--help"],
    ["gc", "--help"],
]


def too_wide(text):
    """Lines over 80 columns, but for those that are one long word."""
    return [line for line in text.splitlines() if width(line) > 80 and len(line.split()) > 1]


def test_every_command_fits_80_columns(synthgen, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert synthgen("init", ".")[0] == 0
    Path("p.yaml").write_text(PIPELINE)
    make_run(Path("kept"))
    for command in COMMANDS:
        code, out, err = synthgen(*command)
        assert code == 0, (command, err)
        assert not too_wide(out), (command, too_wide(out))


@pytest.mark.parametrize("columns", [60, 120])
def test_a_run_fits_the_terminal_that_there_is(synthgen, monkeypatch, columns):
    make_run(Path("kept"))
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in (["inspect"], ["diff", "kept"]):
        code, out, err = synthgen(command[0], "kept", *command[1:])
        assert code == 0, err
        lines = [line for line in out.splitlines() if len(line.split()) > 1]
        assert max(map(width, lines)) <= columns
