"""Worked solutions as public data sets hold them, in their forms; the texts are our own."""

import pytest

from synthgen.answers.worked import read_solution


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        (
            "Half of 48 is 48/2 = <<48/2=24>>24.\nTogether that is 48+24 = <<48+24=72>>72 clips.\n#### 72",
            "Half of 48 is 48/2 = 24.\nTogether that is 48+24 = 72 clips.",
            "72",
        ),
        ("It costs 3*$4=$<<3*4=12>>12.\n#### 1,200", "It costs 3*$4=$12.", "1200"),
        ("We add: $2+3=5$. Hence $x=\\boxed{5}$.", "We add: $2+3=5$.", "5"),
        (
            "First \\boxed{7} is odd. So twice it is 14.\nThe answer is 14.",
            "First 7 is odd. So twice it is 14.",
            "14",
        ),
        ("Two and two are four.\nAnswer: B", "Two and two are four.", "B"),
    ],
)
def test_steps_and_answer(text, steps, answer):
    assert read_solution(text) == (steps, answer)


def test_a_solution_of_one_sentence_keeps_it_with_the_box_open():
    steps, answer = read_solution("$\\frac{1}{2}+\\frac{1}{2}=\\boxed{\\frac{2}{2}}$")
    assert "boxed" not in steps and steps.startswith("$\\frac{1}{2}") and answer


@pytest.mark.parametrize("text", ["42", "Answer: B", "$\\boxed{7}$", "Nobody knows."])
def test_what_is_only_an_answer_has_no_steps(text):
    steps, answer = read_solution(text)
    assert steps == "" and answer


@pytest.mark.parametrize("text", ["", "It is about seven, I think, or eight.", "<<1+1=2>>"])
def test_without_a_marked_answer_there_is_none(text):
    assert read_solution(text)[1] is None


def test_a_mark_that_is_never_closed_stays():
    assert read_solution("a <<1+1 b\n#### 2")[0] == "a <<1+1 b"
