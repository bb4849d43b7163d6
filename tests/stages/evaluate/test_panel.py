"""The regression panel in evaluate, with small models that were really taught and really forget."""

import shlex
import shutil
import sys

import orjson
import pytest
from pydantic import ValidationError

from synthgen.evaluation.panel.items import read_part
from synthgen.stages.evaluate.options import Config, unasking
from synthgen.stages.evaluate.run import STAGE
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import Manifest, record_outputs, write_manifest
from tests.evaluation.panel.test_harness import STAND_IN
from tests.evaluation.tiny_models import tiny_model
from tests.servers.serving import ServingServer
from tests.stages.evaluate.bench import TEST, Bench, folder_artefact, said, scripted
from tests.stages.evaluate.test_through import sessions, through
from tests.stages.scripted_session import OneSession

pytestmark = pytest.mark.slow

PANEL = {"parts": ["stopping"], "max_new_tokens": 16}
SUMS = {row["instruction"]: said(row) for row in TEST}
KNOWN = 12
ANSWERS = {
    item.ask: f"It is {item.check['mentions'][0]}." for item in read_part("stopping").items[:KNOWN]
}  # what a model that lost nothing says


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A base that knows half of the panel's part; a student that kept it, and one that knows sums alone."""
    root = tmp_path_factory.mktemp("panel")
    tiny_model(root / "base", {**ANSWERS, **SUMS}, positions=256, steps=140)
    shutil.copytree(root / "base", root / "kept")
    tiny_model(root / "forgot", SUMS, positions=256, steps=100)
    return root


class PanelBench(Bench):
    """Students of a base that exists, so that they can forget."""

    def __init__(self, run, checkpoints, students):
        super().__init__(run, checkpoints, students=students)
        for number, name in enumerate(students):
            shutil.rmtree(run / name / "base")
            config = {"student": {"model": str(checkpoints / "base")}}
            manifest = Manifest(
                stage=name, kind="sft", writes="model", key=name, key_parts={}, config=config,
                outputs=record_outputs(run / name, {}),
            )  # fmt: skip
            write_manifest(run / name, manifest)
            inputs = self.students[number].inputs
            self.students[number] = folder_artefact(
                run, name, "sft", "model", "model", inputs=inputs, config=config
            )


def test_a_student_that_forgot_is_retuned_by_name_and_one_that_kept_all_is_deployed(tmp_path, checkpoints):
    bench = PanelBench(tmp_path, checkpoints, ("kept", "forgot"))
    outcome, metrics, _ = bench.run(
        "out", OneSession(scripted()), panel=PANEL, models=("students", "teacher"), verdict={"margin": "50%"}
    )
    panel = metrics["panel"]["students"]
    kept = panel["kept"]["parts"]["stopping"]
    assert (kept["questions"], kept["state"]) == (24, "held")
    assert kept["base"] == kept["student"] >= KNOWN / 24
    assert panel["forgot"]["parts"]["stopping"]["student"] == 0.0
    assert panel["forgot"]["forgot"][0].startswith("stopping, -")
    verdicts = metrics["verdict"]["students"]
    assert verdicts["kept"]["verdict"] == "DEPLOY"
    assert verdicts["forgot"]["verdict"] == "RETUNE"
    assert verdicts["forgot"]["reason"].startswith("forgot stopping, -")
    assert "By its task alone DEPLOY" in verdicts["forgot"]["reason"]
    assert "forgot FORGOT stopping" in outcome.table and "kept FORGOT" not in outcome.table
    assert "RETUNE: forgot stopping" in outcome.table
    assert list(metrics["models"]) == ["kept", "forgot", "teacher"]  # the base is asked the panel alone
    rows = list(read_rows(tmp_path / "out" / "panel.jsonl"))
    assert outcome.files["panel.jsonl"] == len(rows) == 24
    assert rows[0]["answers"]["base"] == {"text": "It is paris.", "ending": "stop", "passes": True}
    assert not rows[0]["answers"]["forgot"]["passes"]


def test_the_same_bytes_again_and_nothing_is_asked_twice(tmp_path, checkpoints):
    bench = PanelBench(tmp_path, checkpoints, ("kept",))
    bench.run("first", panel=PANEL, models=("base", "students"))
    logs = {path: path.read_bytes() for path in (tmp_path / ".work").rglob("*.panel.jsonl")}
    assert len(logs) == 2
    bench.run("again", panel=PANEL, models=("base", "students"))
    for name in ("metrics.json", "panel.jsonl"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert {path: path.read_bytes() for path in logs} == logs


def test_through_a_server_it_is_asked_there_and_a_base_without_address_here(tmp_path, checkpoints):
    bench = PanelBench(tmp_path, checkpoints, ("kept",))
    _, here, _ = bench.run("here", panel=PANEL, models=("students",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "kept") as server:
        for name, urls, asked in (
            ("student", {"kept": server.url}, 24),
            ("both", {"kept": server.url, "base": server.url}, 24),
        ):
            before = len(server.bodies)
            outcome, there, _ = bench.run(
                name, opened, panel=PANEL, models=("students",), through=through(urls), decoding="sampled"
            )
            panel_bodies = [body for body in server.bodies[before:] if not body["temperature"]]
            assert len(panel_bodies) == asked and {body["max_tokens"] for body in panel_bodies} == {16}
            assert outcome.requests["planned"] == (len(TEST) + 24 if name == "student" else len(TEST) + 48)
            assert there["panel"] == here["panel"]
    logs = {path.name for path in (tmp_path / ".work").rglob("*.panel.jsonl")}
    assert len(logs) == 2  # the student's of `here`, and the base's


def test_a_student_from_random_weights_has_nothing_to_forget_and_is_not_asked(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("kept",))
    outcome, metrics, _ = bench.run("out", panel=True, models=("students",))
    assert metrics["panel"]["students"] == {}
    assert "random weights" in metrics["panel"]["not_asked"]["kept"]
    assert "panel: not asked: kept: it started from random weights" in outcome.table
    assert outcome.files["panel.jsonl"] == 0


def test_questions_that_leave_no_room_are_told(tmp_path, checkpoints):
    bench = PanelBench(tmp_path, checkpoints, ("kept",))
    panel = {**PANEL, "max_new_tokens": 250}
    outcome, metrics, _ = bench.run("out", panel=panel, models=("students",))
    assert set(metrics["panel"]["not_asked"]) == {"24 questions of base", "24 questions of kept"}
    assert "panel: not asked: 24 questions of kept: they leave no room for a reply" in outcome.table


def test_tasks_of_the_harness_stand_beside_the_panel(tmp_path, checkpoints):
    bench = PanelBench(tmp_path, checkpoints, ("kept",))
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    harness = {"tasks": ["my_sums"], "command": shlex.join([sys.executable, str(tmp_path / "stand_in.py")])}
    _, metrics, _ = bench.run("out", panel={"parts": [], "lm_eval": harness}, models=("students",))
    figures = metrics["panel"]["students"]["kept"]["parts"]
    assert set(figures) == {"my_sums"}
    assert figures["my_sums"]["questions"] == 3
    (asked,) = (tmp_path / ".work").rglob("asked.json")
    arguments = orjson.loads(asked.read_bytes())
    place = str(tmp_path / "kept" / "model")
    assert orjson.dumps({"pretrained": place, "tokenizer": place}).decode() in arguments


def test_a_program_that_is_not_there_is_told_before_the_first_stage():
    harness = {"tasks": ["sums"], "command": "no-such-program"}
    (fault,) = STAGE.foresees(Config(panel={"lm_eval": harness}), [])
    assert "no-such-program" in fault.what and "pip install" in fault.next
    assert STAGE.foresees(Config(panel={"lm_eval": {**harness, "command": sys.executable}}), []) == []
    assert STAGE.foresees(Config(panel=True), []) == STAGE.foresees(Config(), []) == []


def test_options():
    assert Config(panel=True).panel.margin == 0.03
    assert Config(panel=False).panel is None and Config().panel is None
    assert unasking(Config(panel=True, models=("students",))).panel is None
    with pytest.raises(ValidationError, match="nothing is asked"):
        Config(panel={"parts": []})
    with pytest.raises(ValidationError, match="panel.parts.0|parts"):
        Config(panel={"parts": ["poetry"]})


def test_a_student_that_is_asked_with_another_prompt_is_told_by_name(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("kept",))
    outcome, metrics, _ = bench.run("out", OneSession(scripted()), system="Answer like a pirate.")
    (said,) = metrics["prompt_differences"]["kept"]
    assert said == (
        "it was trained without a system turn, and 6 of the 6 test questions have 'Answer like a pirate.'"
    )
    assert f"WARNING: kept is asked otherwise than it was trained: {said}" in outcome.table
    assert said in metrics["verdict"]["students"]["kept"]["try"][0]
    _, plain, _ = bench.run("plain", models=("students",))
    assert "prompt_differences" not in plain
