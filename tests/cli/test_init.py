"""`synthgen init`: what is written, what is left alone, and that what is written runs as it is."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from synthgen.builtin_teacher.arithmetic import work_out

LAID_OUT = "(my_questions.csv and .yaml, prompts/, pipelines/, data/seeds/)"


def test_what_was_written_and_what_was_there_are_told_apart(synthgen):
    code, said, _ = synthgen("init", "here")
    written = sum(path.is_file() for path in Path("here").rglob("*"))
    assert code == 0 and " ".join(said.split()) == f"{written} files written to here/ {LAID_OUT}"
    assert f"; {written} were there already" in " ".join(synthgen("init", "here")[1].split())
    Path("here/pipelines/quickstart.yaml").write_text("mine")
    Path("here/pipelines/judge.yaml").unlink()
    summary = " ".join(synthgen("init", "here")[1].split())
    assert summary == (
        f"1 file written to here/ {LAID_OUT}; {written - 2} were there already; "
        "1 of your own left as they are"
    )
    assert Path("here/pipelines/quickstart.yaml").read_text() == "mine"


@pytest.mark.parametrize("name", ["README.md", ".gitignore", "my_questions.csv", "my_questions.yaml"])
def test_a_file_of_ones_own_is_never_overwritten(synthgen, name):
    Path(name).write_text("mine")
    assert "; 1 of your own left as they are" in " ".join(synthgen("init")[1].split())
    assert Path(name).read_text() == "mine"


def test_a_link_to_nowhere_is_left_alone(synthgen):
    Path("README.md").symlink_to("elsewhere.md")
    assert synthgen("init")[0] == 0 and not Path("elsewhere.md").exists()


def test_git_leaves_runs_replies_and_keys_out(synthgen):
    synthgen("init")
    subprocess.run(["git", "init", "-q"], check=True)
    kept_out = ["data/runs/my_questions/filter/rows.jsonl", "data/ledger/a.sqlite", ".env", "openai.env"]
    taken = ["my_questions.csv", "my_questions.yaml", "data/seeds/logic.jsonl", "prompts/judge/score.yaml"]
    done = subprocess.run(
        ["git", "check-ignore", *kept_out, *taken], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == kept_out


def test_each_gold_answer_is_the_one_that_the_question_comes_to(synthgen):
    synthgen("init")
    with open("my_questions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    for row in rows:
        working = work_out(row["question"])
        assert working is not None and working.answer == row["gold"], row


def test_the_questions_run_through_the_data_stages_as_they_are(synthgen):
    synthgen("init")
    code, _, told = synthgen("run", "my_questions.yaml", "--until", "dedup")
    assert code == 0 and "load: 10 kept of 10" in told
    counts = json.loads(Path("data/runs/my_questions/filter/manifest.json").read_bytes())["counts"]
    assert counts["in"] == 28 and counts["kept"] == 23
    assert {rule.partition(" ")[0] for rule in counts["rejected"]} == {"answer_match", "run_on"}
