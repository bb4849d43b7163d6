import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.core.config import build
from synthgen.core.errors import EmptyResult, StageFailed
from synthgen.stages import split
from tests.stages.curation import curate

ROWS = [
    {"id": f"r{number}", "instruction": f"Question number {number}?", "reference": str(number)}
    for number in range(200)
]


def ids(rows):
    return [row["id"] for row in rows]


def test_parts_have_their_sizes_and_hold_every_row_once_in_file_order(tmp_path):
    done = curate("split", tmp_path, ROWS, {"test": 30, "validation": 0.1})
    assert [len(part) for part in (done.train, done.validation, done.test)] == [150, 20, 30]
    assert sorted(ids(done.train) + ids(done.validation) + ids(done.test)) == sorted(ids(ROWS))
    for part in (done.train, done.validation, done.test):
        assert ids(part) == sorted(ids(part), key=lambda id: int(id[1:]))
    assert done.outcome.counts.plain() == {"in": 200, "kept": 200, "rejected": {}, "failed": {}}


def test_a_part_that_is_not_asked_for_is_not_written(tmp_path):
    done = curate("split", tmp_path, ROWS, {"test": 5})
    assert sorted(done.outcome.files) == ["test.jsonl", "train.jsonl"]


def test_the_seed_decides_and_the_order_of_the_file_does_not(tmp_path):
    first = curate("split", tmp_path, ROWS, {"test": 30})
    shuffled = random.Random(4).sample(ROWS, len(ROWS))
    assert set(ids(curate("split", tmp_path, shuffled, {"test": 30}).test)) == set(ids(first.test))
    assert set(ids(curate("split", tmp_path, ROWS, {"test": 30}, seed=1).test)) != set(ids(first.test))


def test_added_rows_move_few_others(tmp_path):
    more = ROWS + [{"id": f"n{number}", "instruction": f"Another one, {number}"} for number in range(20)]
    before, after = (
        set(ids(curate("split", tmp_path, ROWS, {"test": 30}).test)),
        set(ids(curate("split", tmp_path, more, {"test": 30}).test)),
    )
    assert len(before & after) >= 20


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=40, max_size=80), st.integers(0, 5))
def test_one_question_is_on_one_side(tmp_path_factory, questions, seed):
    rows = [
        {"id": str(number), "instruction": f"{' ' * (number % 3)}Question {question}"}
        for number, question in enumerate(questions)
    ]
    try:
        done = curate(
            "split", tmp_path_factory.mktemp("split"), rows, {"test": 8, "validation": 6}, seed=seed
        )
    except StageFailed:
        return
    sides = [
        {row["instruction"].strip() for row in part} for part in (done.train, done.validation, done.test)
    ]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert len(done.test) <= 8


def test_group_by_a_path_keeps_documents_whole(tmp_path):
    rows = [
        {"id": str(number), "instruction": f"q{number}", "meta": {"document": number // 5}}
        for number in range(100)
    ]
    done = curate("split", tmp_path, rows, {"test": 22, "group_by": "meta.document"})
    assert len(done.test) == 20
    assert not {row["meta"]["document"] for row in done.test} & {
        row["meta"]["document"] for row in done.train
    }
    assert "test wanted 22" in done.outcome.table


def test_group_by_still_keeps_equal_questions_together(tmp_path):
    rows = [
        {"id": str(number), "instruction": f"q{number // 2}", "document": f"d{number}"}
        for number in range(100)
    ]
    done = curate("split", tmp_path, rows, {"test": 20, "group_by": "document"})
    assert not {row["instruction"] for row in done.test} & {row["instruction"] for row in done.train}


def test_group_by_an_absent_field_lists_what_there_is(tmp_path):
    with pytest.raises(StageFailed, match="contract") as fault:
        curate("split", tmp_path, ROWS, {"test": 5, "group_by": "contract"})
    assert "instruction, reference" in str(fault.value)


def test_near_duplicates_go_together_where_asked(tmp_path):
    rows = [
        {
            "id": f"{number}{variant}",
            "instruction": f"Explain topic{number} to a child of {variant} years in plain and simple words",
        }
        for number in range(40)
        for variant in (5, 6)
    ]
    rows = [
        {
            **row,
            "instruction": row["instruction"].replace(
                "Explain", f"Explain {row['id'][:-1]}a{row['id'][:-1]}b{row['id'][:-1]}"
            ),
        }
        for row in rows
    ]
    near = {"test": 10, "near_duplicates": {"threshold": 0.9}}
    done = curate("split", tmp_path, rows, near)
    assert not {row["id"][:-1] for row in done.test} & {row["id"][:-1] for row in done.train}
    assert len(done.test) == 10


def test_near_duplicates_that_outgrow_a_part_are_refused(tmp_path):
    with pytest.raises(StageFailed, match="resemble"):
        curate("split", tmp_path, ROWS, {"test": 10, "near_duplicates": {"threshold": 0.5}})


def test_too_few_rows_are_refused_with_the_sizes(tmp_path):
    with pytest.raises(StageFailed, match="test 150.*200 rows") as fault:
        curate("split", tmp_path, ROWS, {"test": 150, "validation": 50})
    assert "share" in str(fault.value)
    with pytest.raises(StageFailed, match="no row is left for test"):
        curate(
            "split",
            tmp_path,
            [{"id": str(number), "instruction": "same"} for number in range(10)],
            {"test": 3},
        )
    with pytest.raises(EmptyResult):
        curate("split", tmp_path, [], {"test": 3})


@pytest.mark.parametrize("raw", [{"test": -1}, {"test": 1.5}, {"test": 0}, {"test": True}, {"tset": 3}])
def test_bad_sizes_are_refused(raw):
    misfits = []
    assert build(split.Config, raw, (), misfits) is None
    assert misfits


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 1 << 16])
def test_runs_of_sorted_values_are_whole_wherever_the_blocks_end(monkeypatch, at_once):
    monkeypatch.setattr(split, "AT_ONCE", at_once)
    draw = random.Random(at_once)
    for longest in (1, 2, 9, 30):
        expected = [(value, draw.randint(1, longest)) for value in range(40)]
        values = np.repeat(np.arange(40, dtype=np.uint64), [size for _, size in expected])
        assert list(split._runs(values)) == expected
    assert list(split._runs(np.zeros(0, np.uint64))) == []


def test_parts_are_the_same_however_many_rows_are_looked_up_together(tmp_path, monkeypatch):
    rows = [{"id": str(number), "instruction": f"Question {number // 3}"} for number in range(300)]
    whole = curate("split", tmp_path, rows, {"test": 40, "validation": 30})
    monkeypatch.setattr(split, "AT_ONCE", 7)
    in_blocks = curate("split", tmp_path, rows, {"test": 40, "validation": 30})
    assert (whole.test, whole.validation, whole.train) == (
        in_blocks.test,
        in_blocks.validation,
        in_blocks.train,
    )
