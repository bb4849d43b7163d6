"""The files of docs/howto/curator.md, made anew: the same bytes each time.

python -m tests.docs.curator_files FOLDER
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path

from synthgen.builtin_teacher.arithmetic import make_problem, work_out
from synthgen.builtin_teacher.mistakes import refuse, run_on
from tests import ROOT

SUMS, CHATS, EXAM = 1200, 926, 300
TWICE = 0.2
"""The share of conversations whose question answers.csv has, too."""
KNOWN = 25
"""Questions of the exam that are among the rows."""


def make_files(folder: Path) -> None:
    """Writes tasks.jsonl, answers.csv, chats.jsonl (one line of it broken) and exam.jsonl."""
    rng = random.Random(7)
    tasks = (ROOT / "data/seeds/general.jsonl").read_text("utf-8").splitlines()
    fields = ("instruction", "input", "output")
    lines = [json.dumps({name: json.loads(line)[name] for name in fields}) for line in tasks]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    sums = [_worked(rng) for _ in range(SUMS)]
    with open(folder / "answers.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer", "topic"])
        writer.writerows([*one, "sums"] for one in sums)
    chats = [rng.choice(sums) if rng.random() < TWICE else _worked(rng) for _ in range(CHATS)]
    lines = [
        json.dumps({"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]})
        for asked, said in chats
    ]
    lines[500] = lines[500][:60]
    (folder / "chats.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    exam = [asked for asked, _ in sums[:KNOWN]] + [_worked(rng)[0] for _ in range(EXAM - KNOWN)]
    (folder / "exam.jsonl").write_text(
        "\n".join(json.dumps({"question": asked}) for asked in exam) + "\n", "utf-8"
    )


def _worked(rng: random.Random) -> tuple[str, str]:
    """A sum in words and its working; about one in a hundred is refused, or goes on with another question."""
    problem = make_problem(rng)
    working = work_out(problem.question)
    assert working is not None
    said = f"{working.rationale}\nThe answer is {working.answer}."
    chance = rng.random()
    if chance < 0.01:
        said = refuse(rng)
    elif chance < 0.025:
        other = make_problem(rng)
        said = run_on(said, other.question, other.reference, rng)
    return problem.question, said


if __name__ == "__main__":
    make_files(Path(sys.argv[1]))
