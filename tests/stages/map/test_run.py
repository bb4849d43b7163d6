"""The stage `map`: what becomes of each row, and how the others are accounted for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.config import build
from synthgen.core.errors import EmptyResult, Interrupted
from synthgen.stages.map.options import Config
from synthgen.stages.map.templates import NoResult, compiled, filled
from tests.stages.curation import curate

SOLVED = {
    "id": "a" * 16,
    "instruction": "Tom has 3 pens and buys 4. How many?",
    "output": "He has 3+4 = <<3+4=7>>7 pens.\n#### 7",
    "level": "easy",
    "meta": {"source": "q.csv"},
}


def made(tmp_path, rows, **raw):
    return curate("map", tmp_path, rows, raw)


def test_a_worked_solution_becomes_rationale_and_answer(tmp_path):
    fields = {
        "reference": "{{ final_answer }}",
        "output": "{{ rationale }}\nThe answer is {{ final_answer }}.",
    }
    result = made(tmp_path, [SOLVED], solution="output", fields=fields, drop=["level"])
    assert result.rows == [
        {
            "id": "a" * 16,
            "instruction": SOLVED["instruction"],
            "output": "He has 3+4 = 7 pens.\nThe answer is 7.",
            "rationale": "He has 3+4 = 7 pens.",
            "final_answer": "7",
            "reference": "7",
            "meta": {"source": "q.csv"},
        }
    ]
    assert list(result.rows[0])[:2] == ["id", "instruction"] and list(result.rows[0])[-1] == "meta"


@pytest.mark.parametrize(
    ("row", "raw", "rule", "value"),
    [
        ({"output": "I am not sure."}, {"solution": "output"}, "no_answer", "… I am not sure."),
        ({"output": "Answer: B"}, {"solution": "output"}, "no_steps", "nothing but its answer: Answer: B"),
        ({"output": None}, {"solution": "output"}, "no_answer", "output: no text"),
        ({}, {"fields": {"x": "{{ nope }}"}}, "template", "x: UndefinedError: 'nope' is undefined"),
        ({}, {"fields": {"x": "{{ output | after('=>') }}"}}, "template", "x: no '=>' in it"),
        (
            {},
            {"fields": {"x": "{{ output | find('[A-Z]{9}') }}"}},
            "template",
            "x: no match of '[A-Z]{9}' in it",
        ),
        ({"n": 3}, {"fields": {"x": "{{ n | before('a') }}"}}, "template", "x: int, where text is wanted"),
        ({"n": 0}, {"fields": {"x": "{{ 1 / n }}"}}, "template", "x: ZeroDivisionError: division by zero"),
        ({}, {"fields": {"x": "{% if level == 'hard' %}yes{% endif %}"}}, "empty", "x"),
        ({}, {"function": "tests.toy.toystages:nothing_of"}, "function", "it returned NoneType"),
        ({}, {"function": "tests.toy.toystages:raises_of"}, "function", "KeyError: 'nope'"),
        ({}, {"function": "tests.toy.toystages:odd_of"}, "function", "it returned what JSON cannot hold"),
        ({"rationale": 3}, {"fields": {"x": "y"}}, "not_text", "rationale: int"),
        ({}, {"drop": ["instruction"]}, "shape", "neither instruction"),
    ],
)
def test_what_cannot_be_made_stays_as_it_came_with_its_reason(tmp_path, row, raw, rule, value):
    other = {**SOLVED, "id": "b" * 16, "keep": "this"}
    bad = {**SOLVED, **row}
    keeps_other = raw.get("function") is None and "drop" not in raw
    rows = [bad, {**other, "nope": "n", "output": "ABCDEFGHI => \n#### 7", "n": "1a", "level": "hard"}]
    if not keeps_other or "n" in row:
        with pytest.raises(EmptyResult, match=rule):
            made(tmp_path, [bad], **raw)
        return
    result = made(tmp_path, rows, **raw)
    (refused,) = [one for one in result.rejected if one["id"] == "a" * 16]
    assert {name: refused[name] for name in refused if name != "rejection"} == bad
    assert refused["rejection"]["rule"] == rule and refused["rejection"]["value"].startswith(value)
    assert result.outcome.counts.rejected[rule] == 1 and f"{rule} " in result.outcome.table


def test_half_of_a_surrogate_pair_is_the_rows_reason_and_no_crash(tmp_path):
    template = r"{% if level == 'easy' %}{{ '\ud800' }}{% else %}fine{% endif %}"
    result = made(tmp_path, [SOLVED, {**SOLVED, "level": "hard"}], fields={"reference": template})
    assert [row["reference"] for row in result.rows] == ["fine"]
    (refused,) = result.rejected
    assert refused["rejection"]["rule"] == "template" and "surrogate" in refused["rejection"]["value"]


def test_where_nothing_is_left_the_error_names_the_fields_that_rows_have(tmp_path):
    with pytest.raises(EmptyResult) as caught:
        made(tmp_path, [SOLVED], fields={"reference": "{{ nope }}"})
    assert "the first row has id, instruction, output, level, meta" in caught.value.faults[0].next


def test_a_function_sets_and_removes_fields_and_cannot_touch_where_a_row_is_from(tmp_path):
    raw = {
        "function": "tests.toy.toystages:louder_of",
        "options": {"end": "!"},
        "fields": {"n": "{{ output }}?"},
    }
    (row,) = made(tmp_path, [SOLVED], **raw).rows
    assert (row["output"], row["n"], row["id"]) == ("HE!", "HE!?", "a" * 16)
    assert "level" not in row and row["meta"] == SOLVED["meta"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "it makes nothing"),
        ({"fields": {"x": "{{ a "}}, "x: "),
        ({"fields": {"x": "{{ a | nosuch }}"}}, "nosuch"),
        ({"fields": {"id": "x"}}, "id cannot be made"),
        ({"fields": {"x": "y"}, "drop": ["x"]}, "drop names a field that is made"),
        ({"fields": {"x": "y"}, "options": {"a": 1}}, "options are for a function"),
        ({"function": "no colon"}, "pattern"),
    ],
)
def test_options_that_make_no_sense_are_refused(raw, message):
    misfits = []
    assert build(Config, raw, (), misfits) is None and message in misfits[0].what


def test_it_stops_where_it_is_asked_to(tmp_path):
    with pytest.raises(Interrupted):
        curate("map", tmp_path, [SOLVED] * 1000, {"fields": {"x": "y"}}, stopping=lambda: 2)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ row.__init__.__globals__ }}",
        "{% for i in range(10**9) %}a{% endfor %}",
    ],
)
def test_templates_reach_nothing_but_the_row(text):
    with pytest.raises(NoResult):
        filled(compiled(text), {"a": "b"})


@given(st.dictionaries(st.text(max_size=5), st.text(), max_size=3))
def test_what_a_row_holds_is_never_a_template(row):
    assert filled(compiled("{{ row | json }}"), {**row, "x": "{{ 7 * 7 }}"}).find("49") == -1 or any(
        "49" in part for pair in row.items() for part in pair
    )


def test_a_template_that_calls_itself_is_that_rows_reason():
    with pytest.raises(NoResult, match="RecursionError"):
        filled(compiled("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}"), {})
