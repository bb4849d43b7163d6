"""Who is compared with whom, what needs no judge, and the figures of verdicts in both orders."""

from __future__ import annotations

import pytest

from synthgen.evaluation.asking import Account, Failure
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.pairwise import Compared, Comparison, Pair, decided, pairs_of, settle
from synthgen.evaluation.pairwise_report import comparison_lines, comparison_rows, pairwise_report
from synthgen.tasks.grades import Side
from synthgen.tasks.judge import Orders


def model(name: str, role: str, *texts: str, base: str | None = None, seed_of: str = "") -> ModelAnswers:
    answers = [Answer.of(text, "stop") for text in texts]
    return ModelAnswers(name, role, answers, base, seed_of=seed_of)  # type: ignore[arg-type]


MODELS = [
    model("base", "base"),
    model("one", "student", base="base"),
    model("two", "student", base="base"),
    model("teacher", "teacher"),
]


def names(models: list[ModelAnswers], *against: str) -> list[tuple[str, str]]:
    return [(pair.model.name, pair.than.name) for pair in pairs_of(models, against)]


def test_each_student_with_each_other_once() -> None:
    assert names(MODELS, "base", "teacher") == [
        *(("one", "base"), ("one", "teacher"), ("two", "base"), ("two", "teacher"))
    ]
    assert names(MODELS, "one", "two") == [("one", "two")]
    assert names(MODELS[1:], "base", "teacher", "three") == [("one", "teacher"), ("two", "teacher")]
    seeds = [model(f"sft-seed{seed}", "student", seed_of="sft") for seed in range(2)]
    assert names([*seeds, MODELS[3]], "sft-seed0", "teacher") == [
        *(("sft-seed0", "teacher"), ("sft-seed1", "teacher"))
    ]


@pytest.mark.parametrize(
    ("mine", "other", "outcome"),
    [("It is 4.", " It  is 4.\n", "tied"), ("", "4", "lost"), ("4", " ", "won"), ("", "", "tied")],
)
def test_what_no_judge_is_asked_about(mine: str, other: str, outcome: str) -> None:
    pair = Pair(model("one", "student", mine), model("base", "base", other))
    found = settle(pair, 0)
    assert found is not None and found.outcome == outcome and found.orders is None
    assert settle(Pair(model("one", "student", "a"), model("base", "base", "b")), 0) is None


def test_a_teacher_without_a_reply_has_not_lost() -> None:
    teacher = ModelAnswers("teacher", "teacher", [Answer("", None, "failed", "http_500")])
    found = settle(Pair(model("one", "student", "4"), teacher), 0)
    assert found == Compared(None, why="unanswered")
    thinking = Pair(model("one", "student", "<think>hm</think>4"), model("base", "base", "4"))
    assert settle(thinking, 0) == Compared("tied")


def orders(straight: Side | None, swapped: Side | None) -> Compared:
    return decided(Orders(straight, swapped, ("I say so.", "And so.")))


def test_the_figures_of_a_pair() -> None:
    found = [
        *[orders("A", "B")] * 6,  # won
        *[orders("B", "A")] * 2,  # lost
        *[orders("A", "A")] * 5,  # the first wins
        orders("B", "B"),
        orders("tie", "tie"),
        orders("A", "tie"),
        orders("A", None),
        Compared("tied"),
        Compared(None, why="http_500", words="too busy"),
    ]
    pair = Pair(
        model("one", "student", *["a" * (10 + at) for at in range(19)]),
        model("base", "base", *["b" * 15] * 19),
    )
    rows = [{"id": f"r{at}"} for at in range(19)]
    comparison = Comparison([(pair, found)], {18: Failure("http_500", "too busy")}, Account({}, {}))
    report = pairwise_report(comparison, "judge-1", rows)
    (figures,) = report["pairs"]
    assert (figures["won"], figures["tied"], figures["lost"]) == (6, 9, 2)
    assert figures["rows"] == 17 and figures["unread_ids"] == ["r16"]
    assert figures["no_reply"] == {"http_500": 1} and figures["unanswered"] == 0
    assert figures["win_rate"]["value"] == pytest.approx((6 + 4.5) / 17, abs=1e-6)
    assert (figures["asked"], figures["not_asked"]) == (16, 1)
    assert figures["consistent"]["value"] == pytest.approx(9 / 16)
    firsts = (8 + 5 * 2 + 0 + 1 + 1.5) / 32
    assert figures["first_wins"]["value"] == pytest.approx(firsts, abs=1e-6)
    assert figures["length_controlled"]["interval"][0] < figures["length_controlled"]["value"]

    lines = comparison_lines({"pairwise": report})
    assert lines[2].split()[:6] == ["one", "base", "6", "9", "2", "61.8%"]
    assert "1 of 19 comparisons cannot be read and are left out; pairwise.jsonl" in "\n".join(lines)
    assert (
        "1 of 19 comparisons, on 1 question, are left out, since the judge gave no reply (http_500 1)"
        in lines[-1]
    )
    assert "1 of 19 comparisons are of equal or blank answers" in "\n".join(lines)
    written = comparison_rows(comparison, rows)
    assert written[0]["winners"] == ["one", "one"] and written[6]["winners"] == ["base", "base"]
    assert written[16]["outcome"] == "unread" and written[16]["winners"] == ["one", None]
    assert written[17] == {"id": "r17", "model": "one", "than": "base", "outcome": "tied"}
    assert written[18] == {
        "id": "r18",
        "model": "one",
        "than": "base",
        "outcome": "http_500",
        "words": "too busy",
    }


def test_a_judge_who_favours_the_first_place_is_told() -> None:
    pair = Pair(model("one", "student", *["a"] * 40), model("base", "base", *["bb"] * 40))
    found = [orders("A", "A")] * 30 + [orders("A", "B")] * 10
    report = pairwise_report(Comparison([(pair, found)], {}, Account({}, {})), "j", [{}] * 40)
    text = "\n".join(comparison_lines({"pairwise": report}))
    assert "the answer that stands first wins by more than chance in 1 of 1 pairs" in text
    own = {"base": {"role": "teacher", "source": "j"}}
    told = comparison_lines({"pairwise": report, "models": own})[-1]
    assert "the judge is the teacher's own model" in told and "own model" not in text
    assert "stands last" not in text and " 87.5%" in text
    assert "no rate at equal lengths where nearly all answers of one side" in text
    assert report["pairs"][0]["length_controlled"] is None  # all differ by the same length
    assert comparison_lines({}) == []


def test_nothing_that_could_be_compared() -> None:
    pair = Pair(model("one", "student", "a"), model("base", "base", "b"))
    report = pairwise_report(Comparison([(pair, [orders(None, None)])], {}, Account({}, {})), "j", [{}])
    assert report["pairs"][0]["rows"] == 0 and "win_rate" not in report["pairs"][0]
    assert "–" in "\n".join(comparison_lines({"pairwise": report}))
