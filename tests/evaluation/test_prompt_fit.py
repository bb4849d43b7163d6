"""A student that is asked with another prompt than it was trained with is told so by name."""

import random

import pytest

from synthgen.core.rows import with_system
from synthgen.evaluation.prompt_fit import prompt_differences, prompt_lines, with_prompts
from synthgen.store.jsonl import write_rows
from tests.stages.evaluate.bench import folder_artefact

THINGS = "apples pears stamps coins books cups rings stones pens hats maps boats".split()
FORMS = [
    "How many {thing} are left when {a} of {b} are gone?",
    "Ina has {b} {thing} and gives {a} away. How many has she?",
    "There were {b} {thing} and {a} were sold: what remains?",
    "Take {a} from {b} {thing} and say the rest.",
]
SYSTEM = "You are a careful clerk. Answer with a number."


def rows_of(seed, number=40, *, system="", before="", behind=""):
    draw = random.Random(seed)
    rows = []
    for place in range(number):
        question = draw.choice(FORMS).format(
            thing=draw.choice(THINGS), a=draw.randint(1, 9), b=draw.randint(10, 99)
        )
        row = {"id": f"{place}", "instruction": f"{before}{question}{behind}", "output": "7"}
        rows.append(with_system(row, system))
    return rows


def differences(tmp_path, trained, asked, name="student"):
    (tmp_path / "rows").mkdir(exist_ok=True)
    (tmp_path / "rows" / "rows.jsonl").unlink(missing_ok=True)
    write_rows(tmp_path / "rows" / "rows.jsonl", trained)
    (tmp_path / name / "model").mkdir(parents=True, exist_ok=True)
    rows = folder_artefact(tmp_path, "rows", "load", "rows", "rows.jsonl", len(trained))
    student = folder_artefact(tmp_path, name, "sft", "model", "model", inputs={"rows": (rows,)})
    return prompt_differences([student], asked)


CHANGES = {
    "system given": ({}, {"system": SYSTEM}, "trained without a system turn, and 40 of the 40 test"),
    "system lost": ({"system": SYSTEM}, {}, "trained with the system turn 'You are a careful clerk."),
    "other system": ({"system": SYSTEM}, {"system": SYSTEM.replace("number", "word")}, "Answer with a word"),
    "a space too many": ({"system": SYSTEM}, {"system": SYSTEM.replace(". A", ".  A")}, "clerk.  Answer"),
    "prefix lost": ({"before": "Question: "}, {}, "training begin with 'Question: ', and 40 of the 40"),
    "prefix given": ({}, {"before": "Solve this: "}, "test questions begin with 'Solve this: '"),
    "suffix lost": ({"behind": "\nThink first."}, {}, "training end with '\\nThink first.'"),
    "suffix given": ({}, {"behind": " Be brief now."}, "test questions end with ' Be brief now.'"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_difference_is_named_over_20_seeds(tmp_path, change):
    trained, asked, words = CHANGES[change]
    for seed in range(20):
        found = differences(tmp_path, rows_of(seed, 200, **trained), rows_of(100 + seed, **asked))
        assert list(found) == ["student"], f"seed {seed}"
        (said,) = found["student"]
        assert words in said, f"seed {seed}"


@pytest.mark.parametrize("same", [{}, {"system": SYSTEM}, {"before": "Question: ", "behind": "\nAnswer:"}])
def test_prompts_of_one_kind_do_not_differ_over_20_seeds(tmp_path, same):
    for seed in range(20):
        assert differences(tmp_path, rows_of(seed, 200, **same), rows_of(100 + seed, **same)) == {}


def test_one_form_of_question_alone_is_no_prefix(tmp_path):
    """Test rows that begin alike by chance, as some of the training rows do."""
    asked = [row for row in rows_of(3, 200) if row["instruction"].startswith("Ina has")]
    assert differences(tmp_path, rows_of(4, 200), asked) == {}


def test_conversations_and_preferences_are_read_too(tmp_path):
    trained = [
        {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row["instruction"]},
                      {"role": "assistant", "content": "7"}]}
        for row in rows_of(1)
    ]  # fmt: skip
    assert differences(tmp_path, trained, rows_of(2, system=SYSTEM)) == {}
    assert "have none" in differences(tmp_path, trained, rows_of(2))["student"][0]
    pairs = [
        {"prompt": [{"role": "user", "content": row["instruction"]}], "chosen": "7", "rejected": "8"}
        for row in rows_of(1)
    ]
    assert differences(tmp_path, pairs, rows_of(2)) == {}


def test_many_system_turns_make_one_more_no_surprise(tmp_path):
    trained = [with_system(row, f"You are clerk {number}.") for number, row in enumerate(rows_of(1, 80))]
    assert differences(tmp_path, trained, rows_of(2, system=SYSTEM)) == {}


def test_few_or_no_rows_say_nothing(tmp_path):
    assert differences(tmp_path, [], rows_of(1)) == {}
    assert differences(tmp_path, rows_of(1), []) == {}
    assert differences(tmp_path, rows_of(1, before="Question: "), rows_of(2, 9)) != {}
    assert differences(tmp_path, rows_of(1), rows_of(2, 9, before="Solve this: ")) == {}


def test_the_verdict_and_the_table_name_it():
    found = {
        "student": ["it was trained without a system turn, and 3 of the 3 test questions have 'Be brief'"]
    }
    verdict = {"students": {"student": {"verdict": "RETUNE"}, "other": {"verdict": "DEPLOY"}}}
    told = with_prompts(verdict, found)["students"]
    assert "train it as it is asked: it was trained without a system turn" in told["student"]["try"][0]
    assert told["other"] == {"verdict": "DEPLOY"}
    assert with_prompts(verdict, {}) == verdict and with_prompts({}, found) == {}
    (line,) = prompt_lines({"prompt_differences": found})
    assert line.startswith("WARNING: student is asked otherwise than it was trained: it was trained without")
    assert prompt_lines({}) == []
