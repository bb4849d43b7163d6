from dataclasses import replace
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import StageFailed
from synthgen.evaluation.leakage import Nearness, find_leaks, nearness_for, nearness_of, training_files
from synthgen.similarity.methods.rouge_l import RougeLConfig
from synthgen.store.jsonl import write_rows

TEST = [
    "Tom has 3 apples and buys 4 more. How many?",
    "What is the capital of France?",
    "北京在哪里？",
    "Name a colour.",
]


def write(path, questions):
    write_rows(
        path, [{"id": f"t{index}", "instruction": question} for index, question in enumerate(questions)]
    )
    return path


def test_equal_and_near_questions_are_found(tmp_path):
    train = write(
        tmp_path / "a.jsonl",
        [
            "Tom has 3 apples and buys 5 more. How many?",
            "what is the capital of  FRANCE?",
            "北京在哪里？",
            "Something else entirely, of no concern.",
        ],
    )
    leakage = find_leaks(TEST, [train], Nearness(0.7))
    assert {number: match.train_id for number, match in leakage.exact.items()} == {1: "t1", 2: "t2"}
    assert list(leakage.near) == [0] and leakage.near[0].train_id == "t0"
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    assert (
        leakage.near[0].score
        == scorer.score(TEST[0], "Tom has 3 apples and buys 5 more. How many?")["rougeL"].fmeasure
    )
    assert leakage.train_rows == 4
    assert not find_leaks(TEST, [train], Nearness(0.95)).near


def test_the_nearest_of_several_files_is_named(tmp_path):
    one = write(tmp_path / "one.jsonl", ["Tom has 9 apples and buys 5 more. How many?"])
    two = write(tmp_path / "two.jsonl", ["x", "Tom has 3 apples and buys 4 more now. How many?"])
    leakage = find_leaks(TEST, [one, two], Nearness(0.6))
    assert leakage.near[0].train_id == "t1"


def test_messages_are_compared_by_the_users_turns(tmp_path):
    path = tmp_path / "m.jsonl"
    write_rows(
        path,
        [
            {
                "id": "m",
                "messages": [
                    {"role": "system", "content": "be kind"},
                    {"role": "user", "content": "Name a colour."},
                    {"role": "assistant", "content": "red"},
                ],
            }
        ],
    )
    assert list(find_leaks(TEST, [path], Nearness(0.9)).exact) == [3]


def artefact(stage_id, kind, config=None, inputs=()):
    folder = Path("run") / stage_id
    return Artefact(
        stage_id,
        kind,
        "model" if kind == "sft" else "rows",
        folder,
        folder / "rows.jsonl",
        stage_id,
        1,
        inputs={"rows": tuple(inputs)},
        config=config or {},
    )


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (
            ["exact", {"rouge_l": {"threshold": 0.9, "tokenizer": "ascii", "field": "question"}}],
            Nearness(0.9, "ascii", "question", "dedup"),
        ),
        (["rouge_l"], Nearness.of(RougeLConfig())),
        (["exact"], Nearness(0.7)),
        (
            ["gone_since:Method", {"rouge_l": {"threshold": 0.8}}],
            Nearness(0.8, field="instruction", origin="dedup"),
        ),
        (
            [{"rouge_l": {"threshold": 0.8}}, {"rouge_l": {"threshold": 0.6, "field": ["input", "output"]}}],
            Nearness(0.6, field=("input", "output"), origin="dedup"),
        ),
        (None, Nearness(0.7)),
    ],
)
def test_the_threshold_is_the_pipelines_own(methods, expected):
    load = artefact("load", "load")
    dedup = artefact("dedup", "dedup", {"methods": methods}, [load]) if methods else load
    student = artefact("student", "sft", inputs=[artefact("filter", "filter", {}, [dedup])])
    assert nearness_of([student]) == expected


def test_rows_that_two_students_share_are_read_once():
    rows = artefact("dedup", "dedup")
    assert training_files([artefact("one", "sft", inputs=[rows]), artefact("two", "sft", inputs=[rows])]) == [
        rows
    ]


def test_what_a_teacher_was_trained_on_counts_too():
    own, first, second = (artefact(name, "load") for name in ("own", "first", "second"))
    grand = artefact("grand", "sft", inputs=[first])
    teacher = replace(artefact("big", "sft"), inputs={"rows": (second,), "teacher": (grand,)})
    student = replace(artefact("small", "sft"), inputs={"rows": (own,), "teacher": (teacher,)})
    assert training_files([student]) == [own, second, first]


def test_a_recorded_threshold_that_is_not_valid_is_no_other():
    dedup = artefact("dedup", "dedup", {"methods": [{"rouge_l": {"threshold": 1.0}}]})
    student = artefact("student", "sft", inputs=[dedup])
    with pytest.raises(StageFailed, match="options of rouge_l that are not valid") as fault:
        nearness_of([student])
    assert "near_duplicate_threshold" in str(fault.value) and "manifest.json" in str(fault.value)
    assert nearness_for([student], 0.8) == Nearness(0.8, origin="option")


def test_rows_are_near_in_the_field_that_dedup_compared(tmp_path):
    path = tmp_path / "train.jsonl"
    write_rows(path, [{"id": "t", "instruction": "Translate into French.", "input": "The cat sleeps."}])
    test = [{"instruction": "Translate into French.", "input": "A dog was barking all night long."}]
    assert not find_leaks(test, [path], Nearness(0.7)).near
    assert list(find_leaks(test, [path], Nearness(0.7, field="instruction")).near) == [0]


@pytest.mark.parametrize(
    ("test", "training"),
    [
        ("What is 5\u00b2?", "What is 52?"),
        ("What is 8 + 2?", "What is 8 - 2?"),
        ("How do I sort a list in C#?", "How do I sort a list in C++?"),
        ("\u5c0f\u660e\u67093\u4e2a\u82f9\u679c,\u53c8\u4e70\u4e865\u4e2a",
         "\u4e00\u5217\u706b\u8f663\u5c0f\u65f6\u8d70\u4e865\u516c\u91cc"),
    ],
)  # fmt: skip
def test_other_signs_or_words_are_no_leak(tmp_path, test, training):
    leakage = find_leaks([test], [write(tmp_path / "t.jsonl", [training])], Nearness(0.9))
    assert not leakage.exact and not leakage.near


def test_rows_without_the_field_of_near_duplicates_are_counted(tmp_path):
    rows = [{"instruction": "a", "output": "b"}, {"instruction": "c"}, {"instruction": "d", "output": ""}]
    train = write(tmp_path / "a.jsonl", ["e"])
    assert find_leaks(rows, [train], Nearness(0.7, field="output")).without_text == 2
    assert find_leaks(rows, [train], Nearness(0.7)).without_text == 0


def talk(id, *questions):
    turns = [
        turn
        for question in questions
        for turn in ({"role": "user", "content": question}, {"role": "assistant", "content": "So it is."})
    ]
    return {"id": id, "messages": turns}


def test_each_turn_of_a_conversation_is_looked_at(tmp_path):
    path = tmp_path / "talks.jsonl"
    write_rows(
        path,
        [
            talk("first", "Hello", "what is the capital of  France?"),
            talk("middle", "Help me", "Tom has 3 apples and buys 5 more. How many?", "Thanks"),
            {
                "id": "pair",
                "prompt": [{"role": "user", "content": "Name a colour."}],
                "chosen": "",
                "rejected": "",
            },
        ],
    )
    leakage = find_leaks(TEST, [path], Nearness(0.7))
    assert {number: match.train_id for number, match in leakage.exact.items()} == {1: "first", 3: "pair"}
    assert {number: match.train_id for number, match in leakage.near.items()} == {0: "middle"}
    assert leakage.train_rows == 3


def test_a_tested_conversation_is_found_at_the_head_of_a_longer_one(tmp_path):
    path = tmp_path / "talks.jsonl"
    write_rows(path, [talk("long", "Hello", "Name a river.", "And a lake?", "Thanks")])
    tested = [
        talk("a", "Hello", "Name a river."),
        talk("b", "Name a river.", "And a lake?"),
        talk("c", "Bye"),
    ]
    leakage = find_leaks(tested, [path], Nearness(0.99))
    assert {number: match.train_id for number, match in leakage.exact.items()} == {0: "long"}


def test_turns_without_text_are_no_questions(tmp_path):
    path = tmp_path / "talks.jsonl"
    write_rows(
        path,
        [
            {
                "id": "x",
                "messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "Yes"}],
            }
        ],
    )
    leakage = find_leaks([{"instruction": "Yes"}, {"instruction": "None"}], [path], Nearness(0.7))
    assert not leakage.exact and not leakage.near
