"""The evaluate stage, with models that were really trained and teachers that are really asked."""

from contextlib import contextmanager

import pytest

from synthgen.core.errors import ConfigError, EmptyResult, Interrupted
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.stages.evaluate import run as evaluate
from synthgen.teachers.providers.builtin import BuiltinConfig
from tests.stages.evaluate.bench import LEAKED, TEST, Bench, scripted
from tests.stages.scripted_session import OneSession, Refusal, ScriptedSession

pytestmark = pytest.mark.slow


def test_base_students_and_teacher_side_by_side(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    teacher = scripted(What_is_1_and_2="The answer is 4.", What_is_3_and_4=Refusal("no"))
    outcome, metrics, answers = bench.run("out", OneSession(teacher))
    models = metrics["models"]
    assert list(models) == ["base", "good", "poor", "teacher"]  # the base that both share is asked once
    values = {name: figures["exact_match"]["value"] for name, figures in models.items()}
    assert values == {
        "base": 0.0,
        "good": 1.0,
        "poor": pytest.approx(4 / 6, abs=1e-6),
        "teacher": pytest.approx(4 / 6, abs=1e-6),
    }
    assert models["poor"]["parsed"] == pytest.approx(4 / 6, abs=1e-6)
    assert models["good"]["stopped"] == 1.0
    assert models["good"]["exact_match"]["gap_recovered"] is None  # six rows show no gap
    assert models["good"]["exact_match"]["vs_base"]["value"] == 1.0
    assert models["good"]["agreement"] == {
        "value": 0.8,
        "interval": models["good"]["agreement"]["interval"],
        "rows": 5,
    }
    assert models["teacher"]["failed"] == {"http_400": 1}
    (difference,) = metrics["differences"]
    assert (difference["model"], difference["than"], difference["value"]) == (
        "good",
        "poor",
        pytest.approx(2 / 6, abs=1e-6),
    )
    assert outcome.counts.plain() == {"in": 6, "kept": 5, "rejected": {}, "failed": {"http_400": 1}}
    assert outcome.asked == 6
    assert [entry["id"] for entry in answers] == [row["id"] for row in TEST]
    assert answers[0]["answers"]["good"]["right"] and not answers[0]["answers"]["teacher"]["right"]
    assert answers[1]["answers"]["teacher"]["failed"] == "http_400"
    assert "6 test rows; 0 of them among the 2 training rows; 0 near-duplicates at 0.9" in outcome.table
    assert {request.sampling["temperature"] for request in teacher.sent} == {0}
    assert [list(request.messages) for request in teacher.sent] == [
        [{"role": "user", "content": row["instruction"]}] for row in TEST
    ]


def test_the_same_bytes_again_and_after_a_stop(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    bench.run("calm", OneSession(scripted()), models=("base", "students"))
    calls = iter(range(100))
    for path in (bench.run_dir / ".work").rglob("*.jsonl"):
        path.unlink()
    with pytest.raises(Interrupted):
        bench.run("stopped", models=("base", "students"), stopping=lambda: 15 if next(calls) >= 2 else 0)
    kept = sum(len(path.read_bytes().splitlines()) for path in (bench.run_dir / ".work").rglob("*.jsonl"))
    assert 4 <= kept < 18
    bench.run("again", models=("base", "students"))
    for name in ("metrics.json", "answers.jsonl", "rejected.jsonl"):
        assert (tmp_path / "calm" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@contextmanager
def builtin(folder, **mistakes):
    config = BuiltinConfig(
        mistakes={"wrong_answer": 0, "run_on": 0, "refusal": 0, "truncated": 0, **mistakes}
    )
    sessions = open_sessions(
        {"": config},
        ledger_dir=folder / "ledger",
        run="r",
        budget=None,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
        grace=1.0,
        retry_failed=False,
    )
    try:
        yield sessions
    finally:
        sessions.close()


def test_the_builtin_teacher_is_asked_once_and_over_http(tmp_path, checkpoints):
    import random

    from synthgen.builtin_teacher.arithmetic import make_problem, work_out

    rng = random.Random(3)
    questions = list(dict.fromkeys(make_problem(rng).question for _ in range(60)))
    test = [
        {"id": f"q{index}", "instruction": question, "reference": work_out(question).answer}
        for index, question in enumerate(questions)
    ]
    bench = Bench(tmp_path, checkpoints, test=test, students=())
    inputs = {"questions": (bench.questions,)}
    config = evaluate.STAGE.config(models=("teacher",), max_new_tokens=400)
    with builtin(tmp_path, wrong_answer=0.3) as sessions:
        evaluate.prefetch(inputs, config, bench.context(sessions, config))
        sessions.stop_servers()
        outcome, metrics, answers = bench.run(
            "out", sessions, inputs=inputs, models=("teacher",), max_new_tokens=400
        )
        assert sessions.open("")._managed is False  # nothing was missing, so no server was started again
    figures = metrics["models"]["teacher"]
    assert figures["parsed"] == figures["stopped"] == 1.0
    assert 0.4 < figures["exact_match"]["value"] < 0.95
    assert outcome.requests == {"planned": len(test), "answered": len(test), "failed": {}, "unsent": 0}
    assert outcome.usage["completion_tokens"] > 0
    with builtin(tmp_path) as sessions:
        _, flawless, _ = bench.run(
            "flawless", sessions, inputs=inputs, models=("teacher",), max_new_tokens=400
        )
    assert flawless["models"]["teacher"]["exact_match"]["value"] == 1.0


def test_rows_without_reference_or_question(tmp_path, checkpoints):
    test = [{"id": row["id"], "instruction": row["instruction"]} for row in TEST] + [
        {"id": "empty", "instruction": ""}
    ]
    bench = Bench(tmp_path, checkpoints, test=test, students=("good",))
    outcome, metrics, answers = bench.run("out", OneSession(scripted()))
    assert outcome.counts.plain() == {"in": 7, "kept": 6, "rejected": {"no_question": 1}, "failed": {}}
    assert (
        "exact_match" not in metrics["models"]["good"]
        and metrics["models"]["good"]["agreement"]["value"] == 1.0
    )
    assert "no row has a reference" in outcome.table
    assert "right" not in answers[0]["answers"]["good"]


def test_nothing_to_evaluate(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, test=[], students=("good",))
    with pytest.raises(EmptyResult, match="no test row is left"):
        bench.run("out", models=("student",))
    with pytest.raises(ConfigError, match="no student"):
        bench.run("none", models=("base",), inputs={"questions": (bench.questions,), "students": ()})


def test_a_budget_that_was_reached_leaves_unasked_questions_counted(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    teacher = scripted()
    teacher.cap = 4
    outcome, metrics, _ = bench.run(
        "out", OneSession(teacher), models=("student", "teacher"), accept_partial=True
    )
    assert outcome.counts.plain() == {"in": 6, "kept": 4, "rejected": {}, "failed": {"budget": 2}}
    assert outcome.requests == {"planned": 6, "answered": 4, "failed": {}, "unsent": 2}
    assert "teacher: 2 questions got no answer (budget 2)" in outcome.table


def test_what_it_needs_follows_from_who_is_asked():
    assert set(evaluate.needs(evaluate.STAGE.config(models=("teacher",)))) == {"questions"}
    assert evaluate.needs(evaluate.STAGE.config(models=("base", "a", "b")))["students"].choose == ("a", "b")
    assert evaluate.needs(evaluate.STAGE.config(models=("base", "student")))["students"].choose == ()
    assert evaluate.teachers(evaluate.STAGE.config(models=("base",))) == ()
    assert evaluate.teachers(evaluate.STAGE.config(teacher="judge")) == ("judge",)


def test_a_renamed_student_or_other_training_rows_are_a_change(tmp_path, checkpoints):
    bench = Bench(tmp_path / "a", checkpoints, students=("good",))
    other = Bench(tmp_path / "b", checkpoints, students=("good",), train=LEAKED)
    assert evaluate.provenance("students", bench.students) != evaluate.provenance("students", other.students)
    assert evaluate.provenance("questions", [bench.questions]) is None


def test_a_system_turn_is_the_same_for_all(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    teacher = scripted()
    _, metrics, answers = bench.run(
        "out", OneSession(teacher), models=("base", "teacher"), system="Say: the answer is X."
    )
    _, _, without = bench.run("without", OneSession(scripted()), models=("base", "teacher"))
    assert [turn["role"] for turn in teacher.sent[0].messages] == ["system", "user"]
    assert metrics["decoding"]["system"] == "Say: the answer is X."
    assert [entry["answers"]["base"]["text"] for entry in answers] != [
        entry["answers"]["base"]["text"] for entry in without
    ]
    assert answers[0]["question"] == TEST[0]["instruction"]


def test_a_teacher_that_cannot_be_read_is_said_to_be_understated(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    prose = ScriptedSession(
        lambda request, number: "Well, when one adds the two there is quite a lot of them in the end."
    )
    outcome, metrics, _ = bench.run("out", OneSession(prose), models=("student", "teacher"))
    assert metrics["models"]["teacher"]["parsed"] == 0
    assert "could be read in only 0.0% of its replies" in outcome.table


def test_several_sampled_answers_to_each_question(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    teacher = ScriptedSession(
        lambda request, number: f"The answer is {TEST[0]['reference'] if number % 2 else 'no number'}."
    )
    options = {
        "decoding": "sampled",
        "samples": 3,
        "temperature": 0.7,
        "models": ("base", "student", "teacher"),
    }
    outcome, metrics, answers = bench.run("out", OneSession(teacher), **options)
    assert {(request.n, request.sampling["temperature"]) for request in teacher.sent} == {(3, 0.7)}
    figures = metrics["models"]["good"]
    assert (figures["questions"], figures["replies"]) == (6, 18)
    measured = figures["exact_match"]
    assert list(measured["pass"]) == ["1", "2", "3"] and measured["pass"]["3"]["value"] >= measured["value"]
    entry = answers[0]["answers"]["good"]
    assert [draw["text"] for draw in entry["draws"]][0] == entry["text"] and len(entry["draws"]) == 3
    right = [draw["scores"]["exact_match"] for draw in entry["draws"]]
    assert entry["scores"]["exact_match"] == pytest.approx(sum(right) / 3)
    assert "majority@3" in outcome.table and "3 answers a question at temperature 0.7" in outcome.table
    again = bench.run("again", OneSession(teacher), **options)
    assert again[1:] == (metrics, answers)


def test_options_of_sampling_without_sampling():
    with pytest.raises(ValueError, match="temperature belongs to decoding: sampled"):
        evaluate.STAGE.config(temperature=0.5)
