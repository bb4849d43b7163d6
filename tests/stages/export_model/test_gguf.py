"""The GGUF variant: made by a converter, checked by what the file says, and asked like the others."""

import shutil
import sys
from pathlib import Path

import pytest

from synthgen.core.config import resolved
from synthgen.core.errors import StageFailed
from synthgen.stages.export_model import run as export_model
from synthgen.stages.measure import run as measure
from synthgen.training.gguf import described, gguf_file
from tests.evaluation.tiny_models import tiny_model
from tests.stages.evaluate.bench import TEST, folder_artefact, said
from tests.stages.export_model.test_run import ExportBench

pytest.importorskip("gguf")
pytestmark = pytest.mark.slow

CONVERTER = f"{sys.executable} {Path(__file__).parents[2] / 'training/gguf_converter.py'}"
FAULTS = {
    "template": "chat_template: model.gguf holds another one: after",
    "tokens": "tokens: model.gguf holds 'other' as token",
    "end": "end_token: model.gguf ends at",
    "refuses": "the converter made no file: NotImplementedError: BPE pre-tokenizer was not recognized",
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    tiny_model(root / "base")
    tiny_model(root / "good", {row["instruction"]: said(row) for row in TEST})
    return root


@pytest.fixture
def bench(tmp_path, checkpoints):
    return ExportBench(tmp_path / "run", checkpoints).evaluate()


def export(bench, out="exported", **options):
    return bench.export(out, **{"variants": ("gguf",), "converter": CONVERTER, **options})


def test_it_answers_as_the_student_and_says_so(bench):
    outcome, metrics, folder = export(bench, gguf="f32")
    figures = metrics["variants"]["gguf"]
    assert figures["score"]["value"] == metrics["student"]["score"]["value"] == 1.0
    assert figures["same_replies"] == 1.0
    assert figures["bytes"] > 0 and "gguf" in outcome.table
    assert gguf_file(folder / "gguf") == "model.gguf" and not list((folder / "gguf").glob("*.safetensors"))
    assert "## Variant: gguf" in (folder / "gguf/README.md").read_text()
    assert described(folder / "gguf/model.gguf").end is not None


def test_eight_bits_are_smaller_and_damage_is_seen_in_the_answers(bench, monkeypatch):
    _, whole, first = export(bench, gguf="f32")
    _, _, second = export(bench, "eight", gguf="q8_0")
    assert (second / "gguf/model.gguf").stat().st_size < (first / "gguf/model.gguf").stat().st_size
    monkeypatch.setenv("FAULT", "weights")
    shutil.rmtree(bench.run_dir / ".work", ignore_errors=True)  # answers of the file that was not damaged
    _, damaged, _ = export(bench, "damaged", gguf="f32")
    assert damaged["variants"]["gguf"]["same_replies"] < whole["variants"]["gguf"]["same_replies"]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_file_says_otherwise_stops_the_export_by_name(bench, monkeypatch, fault):
    monkeypatch.setenv("FAULT", fault)
    with pytest.raises(StageFailed) as raised:
        export(bench)
    assert FAULTS[fault] in str(raised.value)


def test_no_converter_is_told_before_the_run():
    config = export_model.STAGE.config(variants=("gguf",), converter="no-such-converter --x")
    (fault,) = export_model.faults(config)
    assert "there is no program 'no-such-converter'" in fault.what and "converter: " in fault.next
    assert export_model.faults(config.model_copy(update={"converter": CONVERTER})) == []


def test_a_damaged_file_is_named(bench, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import sys\nopen(sys.argv[3], 'wb').write(b'GG')\n")
    with pytest.raises(StageFailed, match="gguf: the file cannot be read"):
        export(bench, converter=f"{sys.executable} {broken}")


def test_its_speed_is_not_measured_in_transformers(bench):
    export(bench, variants=("merged", "gguf"))
    config = export_model.STAGE.config(variants=("merged", "gguf"), converter=CONVERTER, group_size=16)
    artefact = folder_artefact(
        bench.run_dir,
        "exported",
        "export_model",
        "metrics",
        "metrics.json",
        inputs={"student": tuple(bench.students)},
        config=resolved(config),
    )
    assert [local.name for local in measure._variants(artefact)] == ["good merged"]
