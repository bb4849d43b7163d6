"""Made-up rows: of the kind that an objective learns, without a fault, and as long as they may be."""

import itertools
from typing import get_args

import pytest

from synthgen.core import registry
from synthgen.core.errors import StageFailed
from synthgen.core.rows import question_text
from synthgen.stages import prefer, sft
from synthgen.stages.distill import run as distill
from synthgen.training.completions import Completion
from synthgen.training.made_up import made_up_questions, made_up_rows
from synthgen.training.objectives.stored_response import StoredResponse
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import prepare
from synthgen.training.run import learned_texts
from synthgen.training.student import open_student
from synthgen.training.student_options import StudentOptions
from tests.training import templates_bench as bench
from tests.training.families import family

SCRATCH = {"init": {"hidden_size": 16, "layers": 1, "heads": 2, "vocab_size": 900, "positions": 256}}
LEARNED = [
    *({"completion": completion} for completion in get_args(Completion)),
    {"learn": "all"},
    {"learn": "marked", "completion": "think_tags"},
]
LOSSES = [loss for loss in get_args(prefer.Loss) if loss != "exo_pair"]  # that needs another option


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return {"model": str(family("llama", tmp_path_factory.mktemp("llama")))}


def prepared(rows, student, objective, folder, max_length):
    """What preflight says of rows, with the tokenizer that the training would have."""
    opened = open_student(StudentOptions(**student), lambda: learned_texts(rows), 0, False)
    counted = prepare(
        rows,
        folder / "rows.arrow",
        objective=objective,
        tokenizer=opened.tokenizer,
        end_ids=opened.end_ids,
        max_length=max_length,
    )
    return opened, counted


def objective_of(options):
    if "loss" in options:
        return prefer.Config.model_validate({"student": {"model": "x"}, **options}).objective_for("output")
    if "teacher" in options:
        return distill.STAGE.config.model_validate({"student": {"model": "x"}, **options}).objective()
    return sft.Config.model_validate({"student": {"model": "x"}, **options}).objective


TAUGHT: list[dict] = [
    *({"teacher": {"model": "y"}, "knowledge": kind} for kind in ("response", "feature", "relation")),
    {"teacher": {"model": "y", "online": True}},
]
PREFERRED = [{"loss": loss} for loss in {type(objective_of({"loss": one})): one for one in LOSSES}.values()]


@pytest.mark.parametrize("options", [*LEARNED, *PREFERRED, *TAUGHT], ids=str)
@pytest.mark.parametrize("scratch", [True, False], ids=["scratch", "llama"])
def test_rows_have_no_fault_and_fill_the_length(options, scratch, model, tmp_path):
    student, objective = SCRATCH if scratch else model, objective_of(options)
    rows = made_up_rows(6, objective=objective, student=StudentOptions(**student), max_length=200)
    opened, counted = prepared(rows, student, objective, tmp_path, 200)
    assert counted.kept == counted.rows == len({row["id"] for row in rows}) == 6
    assert 200 - 4 <= counted.longest <= 200 and counted.learned_tokens > 0  # two turns share the digits
    assert ("learn" in options) == all("messages" in row for row in rows)
    if scratch:
        assert len(opened.tokenizer) == 900, "a tokenizer from scratch is as large as that of real rows"


def test_every_objective_has_rows_of_its_kind():
    tried = {type(objective_of(options)) for options in (*LEARNED, *PREFERRED, *TAUGHT)}
    told = {StoredResponse}  # nobody was asked about made-up rows: it is not rehearsed
    assert tried | told == {registry.find("objective", name) for name in registry.names("objective")}


def test_rows_are_no_longer_than_the_student_reads(model):
    for student, max_length in itertools.product((SCRATCH, model), (1024, 64)):
        rows = made_up_rows(
            1, objective=objective_of({}), student=StudentOptions(**student), max_length=max_length
        )
        digits = rows[0]["output"].partition("(")[2].rstrip(")")
        assert (100 < len(digits) < 128) if max_length == 1024 else (1 < len(digits) < 32)  # reads 256


def test_a_template_that_refuses_leaves_rows_short_for_preflight_to_tell(model):
    refusing = "{% if 'What is' in messages[0].content %}{{ raise_exception('No sums') }}{% endif %}"
    student = StudentOptions(**model, chat_template=refusing + bench.CHATML)
    rows = made_up_rows(2, objective=objective_of({}), student=student, max_length=200)
    assert [row["output"] for row in rows] == ["It is 23.", "It is 25."]


def test_an_objective_of_another_kind_is_told_so():
    class Other(Supervised):
        def missing_fields(self, row):
            return ("picture",)

    with pytest.raises(StageFailed, match="no made-up row has the picture"):
        made_up_rows(
            1,
            objective=Other(SupervisedConfig()),
            student=StudentOptions(**SCRATCH),
            max_length=64,
        )


def test_questions_are_others_than_those_of_the_rows():
    rows = made_up_rows(4, objective=objective_of({}), student=StudentOptions(**SCRATCH), max_length=64)
    asked = made_up_questions(2, first=1_000_000)
    assert all(row["reference"] and set(row) == {"id", "instruction", "reference"} for row in asked)
    assert not {question_text(row) for row in rows} & {question_text(row) for row in asked}
