"""export_model with a student that was trained, and folders that plain transformers loads."""

import shutil

import orjson
import pytest

from synthgen.core.artefacts import Artefact
from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.stages.evaluate import run as evaluate
from synthgen.stages.export_model import run as export_model
from synthgen.training.variants import write_variant
from tests.evaluation.tiny_models import tiny_model
from tests.stages.evaluate.bench import TEST, Bench, folder_artefact, said

pytest.importorskip("torchao")
pytestmark = pytest.mark.slow


class ExportBench(Bench):
    """A run with an evaluated student, of which variants are exported."""

    def __init__(self, run, checkpoints, test=TEST):
        super().__init__(run, checkpoints, test, students=("good",))
        self.evaluated = {"models": ("students",), "max_new_tokens": 24, "batch_size": 4}
        self.evaluation = None

    def evaluate(self, **options):
        self.evaluated |= options
        super().run("evaluate", **self.evaluated)
        self.evaluation = folder_artefact(
            self.run_dir,
            "evaluate",
            "evaluate",
            "metrics",
            "metrics.json",
            inputs={"questions": (self.questions,), "students": tuple(self.students)},
            config=resolved(evaluate.STAGE.config(**self.evaluated)),
        )
        return self

    def export(self, out="exported", **options):
        folder = self.run_dir / out
        folder.mkdir()
        config = export_model.STAGE.config(**{"group_size": 16, **options})
        inputs = {"student": tuple(self.students), "evaluation": (self.evaluation,)}
        outcome = export_model.run(inputs, config, self.context(None, config), folder)
        outcome.counts.check("export_model")
        return outcome, orjson.loads((folder / "metrics.json").read_bytes()), folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    tiny_model(root / "base")
    tiny_model(root / "good", {row["instruction"]: said(row) for row in TEST})
    return root


@pytest.fixture(scope="module")
def exported(tmp_path_factory, checkpoints):
    bench = ExportBench(tmp_path_factory.mktemp("run") / "run", checkpoints).evaluate()
    return bench.export(variants=("merged", "bfloat16", "int8", "int4"))


def test_every_form_is_measured_and_has_a_verdict(exported):
    outcome, metrics, _ = exported
    assert list(metrics["variants"]) == ["merged", "bfloat16", "int8", "int4"]
    assert metrics["exported"] == "good" and metrics["rows"] == 6 and metrics["margin"] == 0.03
    assert {name: one["score"]["value"] for name, one in metrics["variants"].items()} == dict.fromkeys(
        metrics["variants"], 1.0
    )
    assert [one["verdict"] for one in metrics["variants"].values()] == ["DEPLOY", *["INCONCLUSIVE"] * 3]
    student, variants = metrics["student"], metrics["variants"]
    assert variants["merged"]["bytes"] == student["bytes"]
    assert (
        variants["bfloat16"]["bytes"] < 0.6 * student["bytes"]
        and variants["int8"]["bytes"] < student["bytes"]
    )
    assert {one["parameters"] for one in variants.values()} == {student["parameters"]} == {74640}
    assert "int8" in outcome.table and "about 125 test rows would decide" in outcome.table


def test_the_folders_load_with_plain_transformers(exported):
    """As a user of the folder would: with its tokenizer, template and settings, and nothing of ours."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, _, folder = exported
    for name in ("merged", "bfloat16", "int8", "int4"):
        tokenizer = AutoTokenizer.from_pretrained(folder / name)
        model = AutoModelForCausalLM.from_pretrained(folder / name)
        for row in TEST[:2]:
            asked = tokenizer.apply_chat_template(
                [{"role": "user", "content": row["instruction"]}],
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
            ids = model.generate(**asked, max_new_tokens=24, do_sample=False)
            assert tokenizer.decode(ids[0][asked["input_ids"].shape[1] :]) == f"{said(row)}<|im_end|>"
        kinds = {
            type(part.weight).__name__
            for part in model.model.layers[0].mlp.children()
            if hasattr(part, "weight")
        }
        quantised = {"int8": {"Int8Tensor"}, "int4": {"IntxUnpackedToInt8Tensor"}}
        assert kinds == quantised.get(name, {"Parameter"})
        assert str(model.dtype) == ("torch.bfloat16" if name == "bfloat16" else "torch.float32")


def test_the_card_says_what_was_measured(exported):
    _, _, folder = exported
    card = (folder / "int8" / "README.md").read_text()
    assert "## Variant: int8" in card and "| exact match, 6 test rows | 100.0% | 100.0% |" in card


def test_the_same_bytes_again(exported, tmp_path, checkpoints):
    bench = ExportBench(tmp_path / "run", checkpoints).evaluate()
    _, _, again = bench.export(variants=("merged", "bfloat16", "int8", "int4"))
    _, _, folder = exported
    for name in ("metrics.json", "answers.jsonl", "merged/model.safetensors", "int4/README.md"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_int4_without_groups_answers_wrongly_where_groups_do_not(seed, tmp_path, checkpoints, monkeypatch):
    """Eight channels are made large without a change to what the student says: groups stand that."""
    import torch
    from transformers import AutoModelForCausalLM

    test = [{**row, "id": f"{row['id']}-{number}"} for number in range(4) for row in TEST]
    bench = ExportBench(tmp_path / "run", checkpoints, test)
    place = bench.students[0].file
    model = AutoModelForCausalLM.from_pretrained(place)
    large, factor = slice(8 * seed, 8 * seed + 8), 20.0 + 10 * seed
    with torch.no_grad():
        for layer in model.model.layers:
            for norm, parts in (
                (
                    layer.input_layernorm,
                    (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                ),
                (layer.post_attention_layernorm, (layer.mlp.gate_proj, layer.mlp.up_proj)),
            ):
                norm.weight[large] /= factor
                for part in parts:
                    part.weight[:, large] *= factor
    model.save_pretrained(place)
    bench.evaluate()
    _, metrics, _ = bench.export(variants=("int4", "int8"), group_size=8)
    assert metrics["student"]["score"]["value"] == 1.0
    assert metrics["variants"]["int4"]["score"]["value"] == 1.0
    monkeypatch.setattr("synthgen.training.variants._scheme", without_groups)
    with pytest.raises(StageFailed, match="int4: int4_without_groups"):
        bench.export("broken", variants=("int4",))
    monkeypatch.setattr("synthgen.stages.export_model.run.export_faults", lambda *given: [])
    _, metrics, _ = bench.export("unchecked", variants=("int4",))
    assert metrics["variants"]["int4"]["verdict"] == "RETUNE"


def without_groups(variant, group_size):
    import torch
    from torchao.quantization import IntxWeightOnlyConfig
    from torchao.quantization.granularity import PerAxis

    return IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerAxis(0))


@pytest.mark.parametrize("name", ["end_token", "chat_template"])
def test_what_breaks_in_the_export_stops_it_by_name(name, tmp_path, checkpoints, monkeypatch):
    bench = ExportBench(tmp_path / "run", checkpoints).evaluate()

    def broken(model, variant, out, **options):
        write_variant(model, variant, out, **options)
        if name == "end_token":
            (out / "generation_config.json").write_text("{}")
        else:
            template = out / "chat_template.jinja"
            template.write_text(template.read_text().replace("assistant\n", "assistant \n"))

    monkeypatch.setattr(export_model, "write_variant", broken)
    with pytest.raises(StageFailed, match=f"int8: {name}"):
        bench.export(variants=("int8",))


def test_groups_that_do_not_divide_the_layers(tmp_path, checkpoints):
    bench = ExportBench(tmp_path / "run", checkpoints).evaluate()
    with pytest.raises(ConfigError) as told:
        bench.export(variants=("int4",), group_size=32)
    assert "groups of 32 do not divide the student's layers (48 wide)" in str(told.value)
    assert "group_size: 16" in str(told.value)


def test_only_the_rows_that_evaluate_asked(tmp_path, checkpoints):
    bench = ExportBench(tmp_path / "run", checkpoints).evaluate()
    answers = bench.run_dir / "evaluate" / "answers.jsonl"
    answers.write_bytes(b"".join(answers.read_bytes().splitlines(keepends=True)[:4]))
    _, metrics, folder = bench.export(variants=("merged",), margin="10%", confidence=0.9)
    assert (metrics["rows"], metrics["margin"], metrics["confidence"]) == (4, 0.1, 0.9)
    assert len((folder / "answers.jsonl").read_bytes().splitlines()) == 4


def test_a_reference_or_a_metric_that_is_missing(tmp_path, checkpoints):
    bench = ExportBench(tmp_path / "run", checkpoints).evaluate(reference="gold")
    with pytest.raises(StageFailed, match="has a gold"):
        bench.export(variants=("merged",))


def test_needs_and_provenance(tmp_path):
    config = export_model.STAGE.config()
    needed = export_model.needs(config)
    assert [(name, need.kind, need.made_by) for name, need in needed.items()] == [
        ("student", "model", ""),
        ("evaluation", "metrics", "evaluate"),
    ]
    rows = Artefact("split", "split", "split", tmp_path, tmp_path, "a", 1, "test")
    made = [
        Artefact("e", "evaluate", "metrics", tmp_path, tmp_path, "b", 0, None, {"questions": (rows,)}, config)
        for config in ({"max_new_tokens": 8}, {"max_new_tokens": 9})
    ]
    one, other = (export_model.provenance("evaluation", [artefact]) for artefact in made)
    assert one != other and export_model.provenance("student", made) is None


def test_without_torchao_it_is_said_before_the_run(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (fault,) = export_model.faults(export_model.STAGE.config())
    assert "torchao" in fault.what and "synthgen-pipeline[quantise]" in fault.next
    assert export_model.faults(export_model.STAGE.config(variants=("merged", "bfloat16"))) == []


def test_a_student_that_is_no_checkpoint(tmp_path):
    shutil.rmtree(tmp_path / "model", ignore_errors=True)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(StageFailed, match="bfloat16: the student cannot be saved so"):
        write_variant(tmp_path / "model", "bfloat16", tmp_path / "out", group_size=32, trusted=False)
