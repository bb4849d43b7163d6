"""Which models a run has, by name, and what is refused."""

import json
import shlex
import shutil

import pytest

from synthgen.core.errors import InputError
from synthgen.operations.serve.models import find_model, models_of, vllm_line
from synthgen.store.manifest import InputRecord, read_manifest, write_manifest
from tests.evaluation.tiny_models import tiny_model
from tests.operations.serve.conftest import published

pytestmark = pytest.mark.slow


def with_variants(run):
    """Adds what export_model publishes."""
    for variant in ("merged", "int8"):
        shutil.copytree(run / "tutor" / "model", run / "variants" / variant)
    made = published(
        run, "variants", "export_model", {"variants": ["merged", "int8"]}, "2026-01-03T00:00:00", "metrics"
    )
    record = InputRecord(artefact="tutor", file="tutor/model", sha256="0")
    write_manifest(run / "variants", made.model_copy(update={"inputs": {"student": [record]}}))
    return run


def test_students_forms_and_bases_by_name(own_run):
    models = models_of(with_variants(own_run))
    assert list(models) == ["first", "tutor", "variants.merged", "variants.int8", "base"]
    assert (
        models["variants.int8"].path
        == str(own_run / "variants" / "int8")
        == models["variants.int8"].tokenizer
    )
    assert models["variants.int8"].role == "student" and models["base"].role == "base"
    assert models["base"].tokenizer != models["base"].path


def test_the_last_student_where_nothing_is_said(own_run):
    with_variants(own_run)
    assert find_model(own_run).name == "tutor"
    assert find_model(own_run, "variants.int8").source == "tutor"


def test_the_best_student_where_they_were_measured(own_run):
    figures = {
        name: {"role": "student", "exact_match": {"value": value, "interval": [0, 1]}}
        for name, value in (("first", 0.9), ("tutor", 0.4), ("gone", 1.0))
    }
    (own_run / "evaluate").mkdir()

    def measured():
        report = {"metrics": ["exact_match"], "models": figures}
        (own_run / "evaluate/metrics.json").write_text(json.dumps(report))
        published(own_run, "evaluate", "evaluate", {"models": ["students"]}, "2026-01-04T00:00:00", "metrics")

    measured()
    assert find_model(own_run).name == "tutor"  # the best one is no longer there
    del figures["gone"]
    measured()
    assert find_model(own_run).name == "first" and find_model(own_run, "tutor").name == "tutor"


def test_two_bases_have_a_name_each(own_run):
    tiny_model(own_run / "first" / "base", seed=8)
    published(own_run, "first")
    assert list(models_of(own_run))[2:] == ["base of first", "base of tutor"]


def test_a_name_that_is_not_there(own_run, tmp_path):
    with pytest.raises(InputError) as told:
        find_model(own_run, "tutr")
    assert "did you mean 'tutor'?" in str(told.value)
    with pytest.raises(InputError, match="its models: first, tutor, base"):
        find_model(own_run, "zzz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no finished student"):
        find_model(tmp_path / "empty")


def test_a_model_that_was_changed_is_refused(own_run):
    (own_run / "tutor" / "model" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="model/config.json is no longer what was published"):
        find_model(own_run)
    assert find_model(own_run, "first").name == "first"


def test_vllms_command(own_run):
    line = vllm_line(find_model(own_run))
    words = shlex.split(line)
    assert words[:3] == ["vllm", "serve", str(own_run / "tutor" / "model")]
    assert "127.0.0.1" in words and words[words.index("--served-model-name") + 1] == "tutor"
    assert "--trust-remote-code" not in line and "--tokenizer" not in line
    manifest = read_manifest(own_run / "tutor")
    trusting = {"student": {"init": {}, "trust_remote_code": True}}
    write_manifest(own_run / "tutor", manifest.model_copy(update={"config": trusting}))
    assert vllm_line(find_model(own_run)).endswith("--trust-remote-code")
    assert "--tokenizer" in vllm_line(find_model(own_run, "base"))
