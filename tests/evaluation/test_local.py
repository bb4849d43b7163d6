"""Students are asked as they were trained, and answers are looked for where they learned to give them."""

import pytest

from synthgen.core.artefacts import Artefact
from synthgen.evaluation.generation import Decoding
from synthgen.evaluation.local import answers_of, locals_of
from tests.evaluation.tiny_models import TEMPLATE, tiny_model

pytestmark = pytest.mark.slow

ROWS = [
    {"id": f"q{number}", "instruction": f"What is {number} and 1?", "reference": str(number + 1)}
    for number in (1, 4, 6)
]
SAID = {row["instruction"]: f"The answer is {row['reference']}." for row in ROWS}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two students: one knows the questions after `predict: `, one thinks wrongly and answers rightly."""
    root = tmp_path_factory.mktemp("students")
    tiny_model(root / "base")
    tiny_model(
        root / "two_tasks",
        {f"predict: {question}": said for question, said in SAID.items()}
        | dict.fromkeys(SAID, "That is hard to say at all."),
    )
    tiny_model(
        root / "thinker",
        {question: f"<think>The answer is 0.</think>{said}" for question, said in SAID.items()},
        steps=300,
    )
    return root


def student(root, name, config):
    folder = root / f"stage-{name}"
    (folder / "base").mkdir(parents=True, exist_ok=True)
    return Artefact(name, "sft", "model", folder, root / name, name, 0, None, {}, config)


def answered(root, name, completion, tmp_path, tokens=40):
    """(parsed answers, endings, texts) of a student that was trained with a kind of completion."""
    config = {"student": {"init": {}}, **({"completion": completion} if completion else {})}
    (local,) = locals_of([student(root, name, config)], ["students"])
    log = tmp_path / f"{name}-{completion}-{tokens}.jsonl"
    made = answers_of(local, ROWS, Decoding(tokens, 2, 1), log, lambda done, made: None)
    assert (
        answers_of(local, ROWS, Decoding(tokens, 2, 1), log, lambda done, made: None).answers == made.answers
    )  # from its log
    assert made.form == (completion if completion in ("multi_task", "think_tags") else "")
    return (
        [answer.parsed for answer in made.answers],
        {answer.ending for answer in made.answers},
        [answer.text for answer in made.answers],
    )


RIGHT = [row["reference"] for row in ROWS]


def test_a_student_of_two_tasks_is_asked_to_predict(trained, tmp_path):
    assert answered(trained, "two_tasks", "multi_task", tmp_path)[0] == RIGHT
    assert answered(trained, "two_tasks", "answer_only", tmp_path)[0] == [None] * 3


def test_the_answer_stands_after_the_thinking(trained, tmp_path):
    parsed, endings, texts = answered(trained, "thinker", "think_tags", tmp_path)
    assert (parsed, endings) == (RIGHT, {"stop"})
    assert all(text.startswith("<think>The answer is 0.</think>") for text in texts), (
        "the whole reply is kept"
    )


@pytest.mark.parametrize("completion", ["think_tags", "rationale_then_answer", None])
def test_a_reply_that_was_cut_while_thinking_holds_no_answer(trained, tmp_path, completion):
    parsed, endings, texts = answered(trained, "thinker", completion, tmp_path, 13)
    assert endings == {"length"} and set(texts) == {"<think>The answer is 0."}
    assert parsed == [None] * 3


def test_a_template_that_opens_the_thinking_counts_for_a_base_alone(tmp_path):
    """A base that was cut before `</think>` has not answered, though no tag is in its reply."""
    stage = tmp_path / "stage-r"
    opening = TEMPLATE.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n")
    tiny_model(
        stage / "base",
        {row["instruction"]: f"The answer is 0.</think>{SAID[row['instruction']]}" for row in ROWS},
        steps=300,
        template=opening,
    )
    made = Artefact("r", "sft", "model", stage, stage / "base", "r", 0, None, {}, {"student": {"init": {}}})
    base, trained = locals_of([made], ["base", "students"])
    for local, tokens, parsed in ((base, 6, [None] * 3), (base, 40, RIGHT), (trained, 6, [None] * 3)):
        answers = answers_of(
            local,
            ROWS,
            Decoding(tokens, 2, 1),
            tmp_path / f"{local.role}-{tokens}.jsonl",
            lambda done, made: None,
        ).answers
        assert [answer.parsed for answer in answers] == parsed
        assert all(answer.text.startswith("<think>\n") == (local.role == "base") for answer in answers)
        assert [answer.final_text for answer in answers] == (
            [""] * 3
            if local is base and tokens == 6
            else [SAID[row["instruction"]] for row in ROWS]
            if local is base
            else ["The answer is 0."] * 3
        )


def test_a_base_is_asked_the_plain_question(trained):
    chosen = locals_of(
        [student(trained, "two_tasks", {"student": {"init": {}}, "completion": "multi_task"})],
        ["base", "students"],
    )
    assert [(local.name, local.completion) for local in chosen] == [
        ("base", "output"),
        ("two_tasks", "multi_task"),
    ]


def test_students_of_other_runs_and_teachers_that_were_trained_beside_them(tmp_path):
    config = {"student": {"init": {}}}
    ours, theirs = (
        Artefact(
            "sft", "sft", "model", tmp_path / run / "sft", tmp_path / run / "sft/model", run, 0, config=config
        )
        for run in ("now", "old")
    )
    chosen = locals_of([ours, theirs], ["students", "run:old:sft"])
    assert [(one.name, one.path) for one in chosen] == [
        ("sft", str(ours.file)),
        ("old:sft", str(theirs.file)),
    ]
    assert [one.digest for one in locals_of([theirs], ["run:old:sft"])] == ["old"]
    assert [one.digest for one in locals_of([theirs], ["run:old:sft@0123abcd"])] == ["old"]
    assert locals_of([theirs], ["run:old:other"]) == []


def test_a_teacher_that_was_trained_again_changes_the_stage(tmp_path):
    from synthgen.evaluation.local import provenance_of
    from synthgen.store.manifest import Manifest, record_outputs, write_manifest

    folder = tmp_path / "pair"
    for name in ("model", "base"):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights").write_text(name)

    def published():
        manifest = Manifest(stage="pair", kind="distill", writes="model", key="k", key_parts={}, config={})
        manifest.outputs = record_outputs(folder, {})
        write_manifest(folder, manifest)
        config = {"student": {"init": {}}, "seed_of": "both"}
        return Artefact("pair", "distill", "model", folder, folder / "model", "d", 0, config=config)

    without = provenance_of([published()])
    assert "teachers" not in without
    (folder / "teacher").mkdir()
    (folder / "teacher/weights").write_text("one")
    first = provenance_of([published()])
    (peer,) = locals_of([published()], ["pair.teacher"])
    assert (peer.name, peer.seed_of, peer.base) == ("pair.teacher", "both.teacher", None)
    (folder / "teacher/weights").write_text("two")
    assert first != provenance_of([published()]) and first != without
    assert locals_of([published()], ["pair.teacher"])[0].digest != peer.digest
