"""measure: each model in a process of its own, figures that vary beside those that do not."""

import orjson
import pytest

from synthgen.core.artefacts import Artefact
from synthgen.core.config import resolved
from synthgen.core.errors import Interrupted, StageFailed
from synthgen.stages.evaluate import run as evaluate
from synthgen.stages.measure import run as measure
from synthgen.teachers.config import TeacherConfig
from tests.evaluation.tiny_models import tiny_model
from tests.stages.evaluate.bench import Bench, folder_artefact, scripted
from tests.stages.scripted_session import OneSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    tiny_model(root / "base")
    tiny_model(root / "good", seed=1)
    return root


class MeasureBench(Bench):
    """A run with an evaluated student and a teacher that was asked."""

    def __init__(self, run, checkpoints, **evaluated):
        super().__init__(run, checkpoints, students=("good",))
        options = {"max_new_tokens": 12, "batch_size": 4, "models": ("students", "teacher"), **evaluated}
        self.session = scripted()
        self.sessions = OneSession(self.session)
        self.run("evaluate", self.sessions, **options)
        self.evaluation = folder_artefact(
            run,
            "evaluate",
            "evaluate",
            "metrics",
            "metrics.json",
            inputs={"questions": (self.questions,), "students": tuple(self.students)},
            config=resolved(evaluate.STAGE.config(**options)),
        )

    def measure(self, exported=(), stopping=lambda: 0, **options):
        out = self.run_dir / "measure"
        out.mkdir()
        config = measure.STAGE.config(**{"questions": 3, "most": 2, **options})
        inputs = {
            "evaluation": (self.evaluation,),
            "students": tuple(self.students),
            "exported": tuple(exported),
        }
        outcome = measure.run(inputs, config, self.context(self.sessions, config, stopping=stopping), out)
        outcome.counts.check("measure")
        files = [orjson.loads((out / name).read_bytes()) for name in ("metrics.json", "speed.json")]
        return outcome, files[0]["sizes"], files[1]


def variant(bench, name="int8"):
    """A folder as export_model leaves it."""
    folder = bench.run_dir / "variants"
    tiny_model(folder / name)
    return Artefact(
        "variants", "export_model", "metrics", folder, folder / "metrics.json", "f", 0, None,
        {"student": tuple(bench.students)}, {"variants": [name]},
    )  # fmt: skip


def test_models_are_measured_side_by_side(tmp_path, checkpoints):
    """One that cannot be loaded is told, and the others stand."""
    bench = MeasureBench(tmp_path / "run", checkpoints)
    broken = variant(bench)
    (broken.folder / "int8" / "model.safetensors").write_bytes(b"\x08")
    asked = len(bench.session.sent)
    outcome, sizes, speed = bench.measure(
        [broken], usd_per_hour=3.6, models=("students", "exported", "teacher")
    )
    assert list(speed["models"]) == list(sizes["models"]) == ["good", "good int8"]
    figures = speed["models"]["good"]
    assert figures["device"] == "cpu" and 0 < figures["first_token_seconds"] < 60
    assert [one["batch"] for one in figures["batches"]] in ([1], [1, 2])
    assert figures["batches"][0]["tokens_per_second"] > 0
    assert figures["peak_memory_bytes"] > figures["memory_before_bytes"] > 50_000_000
    best = max(one["answers_per_second"] for one in figures["batches"])
    assert figures["usd_per_million"] == pytest.approx(1000 / best)
    assert sizes["models"]["good"]["parameters"] == 74640
    assert "the model cannot be loaded" in speed["models"]["good int8"]["failed"]
    # six answers at half a dollar for all of them, and ten tokens of prompt a question
    assert sizes["teacher"] == {
        "source": "scripted-1",
        "replies": 6,
        "prompt_tokens": 10.0,
        "completion_tokens": pytest.approx(1 / 6),
        "usd_per_million": pytest.approx(500_000 / 6),
    }
    assert len(bench.session.sent) == asked, "nobody is asked"
    assert "$83,333.33" in outcome.table and "good int8: not measured: the model cannot" in outcome.table
    assert max(map(len, outcome.table.splitlines())) <= 110
    assert "seconds" not in orjson.dumps(sizes).decode()


class Measured:
    """Stands for the process; keeps what it was asked to measure."""

    def __init__(self, monkeypatch, **figures):
        self.asked = []
        self.figures = figures or {
            "parameters": 5,
            "device": "cpu",
            "first_token_seconds": 1.0,
            "peak_memory_bytes": 10,
            "batches": [{"batch": 1, "tokens_per_second": 1.0, "answers_per_second": 1.0}],
        }
        monkeypatch.setattr(measure, "measured", self)

    def __call__(self, asked, stopping):
        self.asked.append(asked)
        return dict(self.figures)


def test_every_model_is_asked_as_evaluate_asks_it(tmp_path, checkpoints, monkeypatch):
    made = Measured(monkeypatch)
    bench = MeasureBench(tmp_path / "run", checkpoints, system="Be brief.", threads=1)
    bench.session.config = TeacherConfig(model=str(checkpoints / "base"))
    _, sizes, speed = bench.measure([variant(bench)], questions=2)
    assert list(speed["models"]) == ["base", "good", "good int8", "teacher"] == list(sizes["models"])
    assert [one["role"] for one in sizes["models"].values()] == ["base", "student", "student", "teacher"]
    assert [one.trained for one in made.asked] == [False, True, True, False]
    assert made.asked[0].tokenizer == made.asked[1].path != made.asked[0].path
    for asked in made.asked:
        assert (asked.max_new_tokens, asked.threads, len(asked.prompts)) == (12, 1, 2)
        assert asked.prompts[0] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is 1 and 2?"},
        ]
    assert speed["models"]["teacher"]["usd_per_million"] is None
    assert sizes["models"]["good int8"]["bytes"] > 100_000


def test_where_none_can_be_measured_the_stage_fails(tmp_path, checkpoints, monkeypatch):
    Measured(monkeypatch, failed="no memory")
    bench = MeasureBench(tmp_path / "run", checkpoints)
    with pytest.raises(StageFailed, match="no model could be measured; good: no memory"):
        bench.measure(models=("students",))


def test_a_signal_ends_the_process(tmp_path, checkpoints):
    bench = MeasureBench(tmp_path / "run", checkpoints)
    with pytest.raises(Interrupted):
        bench.measure(stopping=lambda: 15)


def test_without_models_and_teacher_there_is_nothing_to_measure(tmp_path, checkpoints):
    bench = MeasureBench(tmp_path / "run", checkpoints, models=("students",))
    bench.students = []
    with pytest.raises(StageFailed, match="there is no model to measure"):
        bench.measure()
