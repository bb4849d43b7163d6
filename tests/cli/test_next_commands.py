"""The commands that a command advises run as they are printed, and go on with what it was given."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest

from synthgen.cli import ablate, batch, diff, merge, preview, report, run, status
from synthgen.cli import inspect as inspect_command
from synthgen.cli.next_commands import DEFAULTS, FLAGS, TAKES, next_command

ROWS = (
    '{"instruction": "Name a colour.", "output": "Blue."}\n'
    '{"instruction": "Name a bird.", "output": "Wren."}\n'
)
READERS = ("inspect", "status", "diff", "report")
"""Commands that are given a run's folder, which needs no `--runs`."""
LOAD = "  - load: {sources: [rows.jsonl]}\n"
PIPELINES = {
    "load only": LOAD,
    "curation": LOAD + "  - filter: {rules: [refusal]}\n  - dedup: {methods: [exact]}\n",
    "export": LOAD + "  - export: {format: alpaca}\n",
    "split": LOAD + "  - split: {test: 1}\n",
}
STUDENT = "  - sft: {student: {init: {hidden_size: 32, layers: 1, heads: 2}}}\n"


def write(stages: str, teacher: str = "") -> str:
    Path("rows.jsonl").write_text(ROWS)
    Path("p.yaml").write_text(f"version: 1\nname: p\n{teacher}stages:\n{stages}")
    return "p.yaml"


def advised(text: str) -> list[list[str]]:
    """The commands of the lines `next:` and those in backquotes, but those with an open place."""
    found = re.findall(r"^  next: (synthgen .*)$", text, re.MULTILINE) + re.findall(
        r"`(synthgen [^`]*)`", text
    )
    commands = [shlex.split(line)[1:] for line in found]
    return [words for words in commands if not any(word.isupper() or "…" in word for word in words)]


def follow(synthgen, *words: str, depth: int = 4, done: set[tuple[str, ...]] | None = None) -> list[str]:
    """Runs a command and all that it advises, and what those advise."""
    done = set() if done is None else done
    if tuple(words) in done or not depth:
        return []
    done.add(tuple(words))
    code, out, err = synthgen(*words)
    assert code == 0, (words, out, err)
    followed = [" ".join(words)]
    for command in advised(out + err):
        followed += follow(synthgen, *command, depth=depth - 1, done=done)
    return followed


@pytest.mark.parametrize("stages", PIPELINES.values(), ids=PIPELINES)
def test_what_is_advised_for_a_pipeline_without_a_teacher_works(synthgen, stages):
    followed = follow(synthgen, "validate", write(stages))
    assert followed == [
        "validate p.yaml",
        "run p.yaml",
        "inspect data/runs/p",
        "status data/runs/p",
    ]


def test_what_is_advised_for_a_pipeline_with_a_teacher_works_and_keeps_what_was_given(synthgen):
    path = write(
        "  - generate: {task: self_instruct, kind: question, seeds: seeds.jsonl, num_rows: 20, "
        "novelty: 0.9}\n"
        "  - filter: {rules: [refusal]}\n",
        "teacher: {provider: builtin}\n",
    )
    from synthgen.core.resources import shipped

    Path("seeds.jsonl").write_bytes(Path(shipped("data/seeds/arithmetic.jsonl")).read_bytes())
    Path("my values.yaml").write_text("filter: {action: tag}\n")
    Path("keys.env").write_text("NOT_NEEDED=1\n")
    given = ["--values", "my values.yaml", "--set", "generate.num_rows=8", "--env-file", "keys.env"]
    followed = follow(synthgen, "validate", path, *given, "--runs", "elsewhere")
    assert any(line.startswith("preview p.yaml --values my values.yaml") for line in followed)
    assert "inspect elsewhere/p" in followed and not Path("data/runs").exists()
    follow(synthgen, "estimate", path, *given, "--runs", "elsewhere", "--ledger", "own ledger")
    assert not Path("data/runs").exists() and Path("own ledger").is_dir()


def test_a_pipeline_that_trains_alone_is_not_advised_to_preview(synthgen):
    code, _, err = synthgen("validate", write(LOAD + STUDENT), "--offline")
    assert code == 0 and advised(err) == [["run", "p.yaml"]]


def test_a_shard_advises_the_merge_of_its_own_run(synthgen):
    path = write(LOAD + "  - filter: {rules: [refusal]}\n")
    assert synthgen("run", path, "--until", "load", "--run-dir", "my run")[0] == 0
    code, _, err = synthgen("filter", path, "--shard", "1/1", "--run-dir", "my run")
    assert code == 0 and ["merge", "p.yaml", "--run-dir", "my run"] in advised(err)
    follow(synthgen, "merge", path, "--run-dir", "my run")


def test_what_is_advised_on_files_works(synthgen):
    write(LOAD)
    Path("my rows.jsonl").write_text(ROWS + "{broken\n")
    code, _, err = synthgen("filter", "my rows.jsonl", "--rule", "length:min_words=1")
    assert "--rule length:min_words=1 -o cleaned" in err, "what was given is not lost"
    (line,) = [line for line in err.splitlines() if line.startswith("  synthgen")]
    assert code == 2
    followed = follow(synthgen, *shlex.split(line)[1:])
    assert "inspect cleaned/rejected.jsonl" in followed


def test_a_run_that_came_to_nothing_is_told_as_one(synthgen):
    path = write(LOAD)
    Path("rows.jsonl").write_text("{broken\n")
    assert synthgen("run", path)[0] == 2
    for words in (("inspect", "p"), ("report", "p"), ("why", "p", "some_id")):
        code, _, err = synthgen(*words)
        assert code == 2 and advised(err) == [["status", "data/runs/p"]]
    follow(synthgen, "status", "data/runs/p")


@pytest.mark.parametrize("command", ["preview", "estimate"])
def test_what_an_error_advises_works_too(synthgen, command):
    code, _, err = synthgen(command, write(LOAD))
    assert code == 2 and advised(err) == [["run", "p.yaml", "--dry-run"]]
    follow(synthgen, *advised(err)[0])


def test_every_option_that_is_passed_on_is_one_that_the_next_command_takes():
    functions = {
        "preview": preview.preview,
        "run": run.run,
        "merge": merge.merge,
        "inspect": inspect_command.inspect,
        "status": status.status,
        "diff": diff.diff,
        "report": report.report,
        **{f"batch {name}": getattr(batch, name) for name in ("prepare", "submit", "status", "collect")},
    }
    assert set(TAKES) == set(functions) and ablate
    for command, function in functions.items():
        parameters = inspect.signature(function).parameters
        of_runs = {"runs", "run_dir", "set", "values"} if command in READERS else set()
        assert set(TAKES[command]) == (set(parameters) & set(FLAGS)) - of_runs, command
        for name in set(TAKES[command]) & set(DEFAULTS):
            assert parameters[name].default == DEFAULTS[name]


def test_a_command_is_quoted_for_the_shell():
    text = next_command("run", "a b.yaml", set=["a.b={c: 1}"], runs=DEFAULTS["runs"], limit=3, env_file=None)
    assert text == "synthgen run 'a b.yaml' --set 'a.b={c: 1}' --limit 3"
    assert shlex.split(text)[1:] == ["run", "a b.yaml", "--set", "a.b={c: 1}", "--limit", "3"]
