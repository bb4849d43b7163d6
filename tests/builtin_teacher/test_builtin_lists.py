import random
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from synthgen.builtin_teacher import DEFAULT_RATES, general
from synthgen.builtin_teacher.replies import WrittenSample, reply_to
from synthgen.builtin_teacher.request import Refused
from synthgen.builtin_teacher.working import work_out
from synthgen.core.chat import Reply, Sample
from synthgen.core.resources import shipped
from synthgen.core.rows import Rejected
from synthgen.similarity.rouge_l import NoveltyIndex
from synthgen.tasks.recipes.self_instruct import SelfInstruct, SelfInstructConfig

NONE = dict.fromkeys(DEFAULT_RATES, 0.0)


def task(name: str, **options: Any) -> SelfInstruct:
    kind = "instruction" if name == "general" else "question"
    return SelfInstruct(
        SelfInstructConfig(seeds=str(shipped(f"data/seeds/{name}.jsonl")), num_rows=10, kind=kind, **options),
        0,
    )


def called(made: SelfInstruct, index: int, rates: dict[str, float]) -> tuple[WrittenSample, list[Any]]:
    """One call of a task, answered by the teacher: the reply and the items that the task made of it."""
    asking = made.call(index, [])
    request = next(asking)
    reply = reply_to({"messages": list(request.messages), **request.sampling, "mistakes": rates}).samples[0]
    with pytest.raises(StopIteration) as done:
        asking.send(Reply((Sample(reply.text, "key", "builtin-1", finish_reason=reply.finish_reason),)))
    return reply, done.value.value


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", ["arithmetic", "logic", "general"])
def test_the_shipped_prompts_get_as_many_items_as_they_ask_for(name: str, form: str) -> None:
    made = task(name, form=form, num_tasks=12)
    for index in range(8):
        _, items = called(made, index, NONE)
        assert len(items) == 12
        for item in items:
            assert not isinstance(item, Rejected), item
            if name == "general":
                whole = (
                    f"{item['instruction']}\n\n{item['input']}" if item.get("input") else item["instruction"]
                )
                assert general.respond(whole) == item["output"]
            else:
                known = work_out(item["instruction"])
                assert known is not None and (known.subject, known.working.answer) == (
                    name,
                    item["reference"],
                )


def test_mixed_demonstrations_get_a_mixed_list(tmp_path: Path) -> None:
    lines = [
        line
        for name in ("arithmetic", "logic")
        for line in shipped(f"data/seeds/{name}.jsonl").read_bytes().splitlines()[:4]
    ]
    (tmp_path / "mixed.jsonl").write_bytes(b"\n".join(lines))
    made = SelfInstruct(
        SelfInstructConfig(
            seeds=str(tmp_path / "mixed.jsonl"), num_rows=10, kind="question", demonstrations=8, num_tasks=40
        ),
        0,
    )
    _, items = called(made, 0, NONE)
    subjects = Counter(known.subject for item in items if (known := work_out(item["instruction"])))
    assert min(subjects["arithmetic"], subjects["logic"]) >= 8 and subjects.total() == 40


@pytest.mark.parametrize("kinds", [{"day"}, {"knights", "swaps"}])
def test_puzzles_are_of_the_kinds_that_are_shown(kinds: set[str], tmp_path: Path) -> None:
    lines = [
        line
        for line in shipped("data/seeds/logic.jsonl").read_bytes().splitlines()
        if (known := work_out(orjson.loads(line)["instruction"])) and known.kind in kinds
    ]
    (tmp_path / "some.jsonl").write_bytes(b"\n".join(lines))
    config = SelfInstructConfig(
        seeds=str(tmp_path / "some.jsonl"), num_rows=10, kind="question", demonstrations=8, num_tasks=40
    )
    _, items = called(SelfInstruct(config, 0), 0, NONE)
    made = {known.kind for item in items if (known := work_out(item["instruction"]))}
    assert made == kinds


def test_different_calls_give_different_questions() -> None:
    made, seen = task("arithmetic"), NoveltyIndex(0.9)
    rejected = 0
    for index in range(60):
        for item in called(made, index, NONE)[1]:
            near = seen.nearest(item["instruction"])
            rejected += near is not None
            if near is None:
                seen.add(str(len(seen)), item["instruction"])
    assert rejected / 1200 < 0.03


def test_alpacas_own_way_to_open_the_list_is_continued() -> None:
    prompt = "You are asked to come up with a set of 8 diverse task instructions.\n\nList of 8 tasks:\n"
    for number in (1, 2):
        prompt += (
            f"###\n{number}. Instruction: Name two rivers in Asia\n{number}. "
            f"Input:\n<noinput>\n{number}. Output:\nMekong, Indus\n"
        )
    text = (
        reply_to(
            {"messages": [{"role": "user", "content": prompt + "###\n3. Instruction:"}], "mistakes": NONE}
        )
        .samples[0]
        .text
    )
    assert not text.startswith(("#", "3."))
    assert [f"\n{number}. Instruction:" in text for number in range(3, 10)] == [
        False,
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_a_near_duplicate_list_ends_as_it_began() -> None:
    for name in ("arithmetic", "logic"):
        reply, items = called(task(name, num_tasks=9), 0, {**NONE, "near_duplicate": 1.0})
        assert reply.mistake == "near_duplicate"
        for first, again in zip(items[:3], items[6:], strict=True):
            assert first["instruction"] != again["instruction"]
            index = NoveltyIndex(0.7)
            index.add("first", first["instruction"])
            assert index.nearest(again["instruction"]) is not None
            known = work_out(again["instruction"])
            assert known is not None and known.working.answer == again["reference"]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", ["arithmetic", "general"])
def test_a_malformed_list_is_malformed_in_many_ways_and_never_stops_the_task(name: str, form: str) -> None:
    made, rules = task(name, form=form), Counter()
    fenced = 0
    for index in range(40):
        reply, items = called(made, index, {**NONE, "malformed_list": 1.0})
        assert reply.mistake == "malformed_list"
        fenced += reply.text.startswith("```")
        rules.update(item.rule for item in items if isinstance(item, Rejected))
        assert sum(not isinstance(item, Rejected) for item in items) >= 15
    assert fenced and rules["incomplete_item"] and rules["cut_item"]


def test_questions_of_another_kind_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="arithmetic and logic only"):
        called(task("commonsense"), 0, NONE)


@pytest.mark.parametrize("count", [0, 101, 10**12])
def test_a_list_of_no_or_too_many_items_is_refused(count: int) -> None:
    question = orjson.loads(shipped("data/seeds/arithmetic.jsonl").read_bytes().splitlines()[0])[
        "instruction"
    ]
    prompt = f"Write {count} new questions.\n###\n1. Question: {question}\n1. Answer: 9\n"
    with pytest.raises(Refused, match="1 to 100 items"):
        reply_to({"messages": [{"role": "user", "content": prompt}]})


def test_the_list_does_not_depend_on_anything_but_the_request() -> None:
    made = task("logic")
    assert called(made, 3, NONE)[0] == called(made, 3, NONE)[0]
    assert called(made, 3, NONE)[0] != called(made, 4, NONE)[0]
    random.seed(1)
    assert called(made, 3, NONE)[0] == called(made, 3, NONE)[0]
