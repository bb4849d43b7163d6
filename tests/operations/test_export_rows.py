"""Exports without a pipeline: files and runs, loaded by what they are for."""

import json

import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError, EmptyResult, InputError, SynthgenError
from synthgen.operations.export_rows import export_rows
from synthgen.store.manifest import read_manifest

PIPELINE = """
name: sums
stages:
  - load: {sources: [rows.jsonl]}
  - split: {test: 1}
  - filter: {rules: [length: {field: output, min_chars: 2}]}
  - decontaminate: {against: [{path: eval.jsonl, field: q}]}
"""
ROWS = [
    {"instruction": "How many legs do three spiders have together?", "output": "24", "reference": "24"},
    {"instruction": "What is the capital of France?", "output": "Paris"},
    {
        "instruction": "Which river flows through the city of Vienna?",
        "output": "The Danube",
        "system": "Be brief.",
    },
    {"instruction": "Is a tomato a fruit or is it a vegetable then?", "output": "?"},
    {"instruction": "Who wrote the play about the prince of Denmark?", "output": "Shakespeare"},
]


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with files and a run."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        (home / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        (home / "eval.jsonl").write_text('{"q": "what is the capital of France"}\n')
        (home / "pipe.yaml").write_text(PIPELINE)
        done = command("run", "pipe.yaml")
        assert done.exit_code == 0, done.output
    return home


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def test_a_run_is_exported_with_its_recipe(here, tmp_path):
    done = command(
        "export", "sums", "--format", "alpaca", "-o", tmp_path / "out", "--license", "mit", "--json"
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    card = (tmp_path / "out" / "README.md").read_text()
    last = read_manifest(here / "data/runs/sums/decontaminate")
    assert told["counts"]["in"] == last.counts["kept"] and told["file"] == "data.jsonl"
    assert last.outputs["rows.jsonl"].sha256 in card and "license: mit" in card and "# sums" in card
    for stage in ("`load`", "`split`", "`filter`", "`decontaminate`"):
        assert f"| {stage} |" in card
    assert "against 2 evaluation rows" in card and "length 1" in card
    assert str(tmp_path) not in (tmp_path / "out" / "manifest.json").read_text().replace("sums/", "")


@pytest.mark.parametrize(
    "place", ["data/runs/sums", "data/runs/sums/filter", "data/runs/sums/filter/rows.jsonl"]
)
def test_a_run_may_be_named_by_its_folders(here, tmp_path, place):
    stage = () if "filter" in place else ("--stage", "filter")
    done = command("export", place, *stage, "--format", "messages", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert read_manifest(tmp_path / "out").extra["of"] == "sums/filter"
    assert "`load`" in (tmp_path / "out" / "README.md").read_text()


def test_a_part_of_a_split_is_exported(here, tmp_path):
    for place, stage in (("sums", "split.test"), ("data/runs/sums/split/test.jsonl", "")):
        out = tmp_path / f"out{len(stage)}"
        from pathlib import Path

        made = export_rows([Path(place)], out, {"format": "messages"}, stage=stage)
        assert made.counts["in"] == 1 and made.extra["of"] == "sums/split.test"


def test_files_are_exported_and_accounted_for(here, tmp_path):
    (tmp_path / "more.jsonl").write_text('{"q": "Why?", "a": "So."}\n{broken\n')
    done = command(
        "export", tmp_path / "more.jsonl", "--format", "messages", "-o", tmp_path / "out",
        "--columns", "instruction=q,output=a",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert read_manifest(tmp_path / "out").counts == {
        "in": 2, "kept": 1, "rejected": {"broken_line": 1}, "failed": {},
    }  # fmt: skip
    assert "More" not in (card := (tmp_path / "out" / "README.md").read_text()) and "license: unknown" in card
    assert "\n# out\n" in card and 'pretty_name: "out"' in card


def test_the_card_bears_the_pipelines_name_or_its_own_title(here, tmp_path):
    stages = "  - export: {format: messages}\n  - export: {id: other, format: messages, title: My sums}\n"
    (here / "titled.yaml").write_text(PIPELINE.replace("name: sums", "name: titled") + stages)
    assert command("run", "titled.yaml").exit_code == 0
    run = here / "data/runs/titled"
    assert "\n# titled\n" in (run / "export/README.md").read_text()
    assert "\n# My sums\n" in (run / "other/README.md").read_text()
    assert "unchanged" in command("run", "titled.yaml").stderr
    exported = run / "export/data.jsonl"
    assert command("export", exported, "--format", "alpaca", "-o", tmp_path / "mine").exit_code == 0
    assert "\n# mine\n" in (tmp_path / "mine/README.md").read_text()


def test_the_command_and_the_stage_write_the_same_file(here, tmp_path):
    stage = "  - export: {format: sharegpt, file: t.parquet}\n"
    (here / "also.yaml").write_text(PIPELINE.replace("name: sums", "name: also") + stage)
    assert command("run", "also.yaml").exit_code == 0
    assert command("export", "also.yaml").exit_code == 0  # the stage of a pipeline, as before
    done = command("export", "also", "--format", "sharegpt", "--file", "t.parquet", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    of_stage = here / "data/runs/also/export"
    assert (of_stage / "t.parquet").read_bytes() == (tmp_path / "out/t.parquet").read_bytes()


@pytest.mark.parametrize("file", ["d.jsonl", "d.json", "d.parquet", "d.arrow", "d"])
@pytest.mark.parametrize("name", ["messages", "prompt_completion", "alpaca", "sharegpt"])
def test_datasets_loads_each_format(here, tmp_path, name, file, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    from pathlib import Path

    export_rows([Path("sums")], tmp_path / "out", {"format": name, "file": file, "keep": []})
    path = str(tmp_path / "out" / file)
    if file == "d":
        loaded = datasets.load_from_disk(path)
    else:
        kind = {"jsonl": "json"}.get(end := file.partition(".")[2], end)
        loaded = datasets.load_dataset(
            kind, data_files=path, split="train", cache_dir=str(tmp_path / "cache")
        )
    assert loaded.num_rows == read_manifest(tmp_path / "out").counts["kept"]
    first = {name: value for name, value in loaded[0].items() if value is not None}
    from synthgen.formats.containers.read import read_file

    export_rows([Path("sums")], tmp_path / "plain", {"format": name, "keep": []})
    assert first == next(iter(read_file(tmp_path / "plain/data.jsonl"))).fields


def test_trl_knows_each_format_for_what_it_is(tmp_path, monkeypatch):
    pytest.importorskip("trl")
    from trl.data_utils import is_conversational

    from tests.formats.test_trainer_lines import written

    keys = {
        "messages": {"messages"},
        "prompt_completion": {"prompt", "completion"},
        "preference": {"prompt", "chosen", "rejected"},
        "unpaired": {"prompt", "completion", "label"},
    }
    for layout, wanted in keys.items():
        for record in written(layout):
            assert set(record) == wanted and is_conversational(record)
    assert {record["label"] for record in written("unpaired")} == {True, False}


TRAINERS: dict[str, tuple[str, dict[str, object]]] = {
    "messages": ("SFT", {"loss_type": "nll"}),
    "prompt_completion": ("SFT", {"completion_only_loss": True}),
    "preference": ("DPO", {}),
    "unpaired": ("KTO", {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", TRAINERS)
def test_trls_trainer_takes_a_step_on_the_file(tmp_path, monkeypatch, layout):
    trl = pytest.importorskip("trl")
    import datasets
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.evaluation.tiny_models import tiny_model
    from tests.formats.test_trainer_lines import written

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(one) + "\n" for one in written(layout)))
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "d.jsonl"), split="train")
    name, options = TRAINERS[layout]
    folder = tiny_model(tmp_path / "model", positions=512)
    settings = getattr(trl, f"{name}Config")(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        **options,
    )
    model = AutoModelForCausalLM.from_pretrained(folder)
    before = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    trainer = getattr(trl, f"{name}Trainer")(
        model=model,
        args=settings,
        train_dataset=loaded,
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    trainer.train()
    after = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    assert not torch.equal(before, after)


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["rows.jsonl"], ConfigError, "which format, and where to?"),
        (["rows.jsonl", "--format", "alpacca", "-o", "x"], ConfigError, "did you mean 'alpaca'"),
        (
            ["rows.jsonl", "--format", "alpaca", "-o", "x", "--license", "cc-by"],
            ConfigError,
            "no licence 'cc-by'; did you mean",
        ),
        (["rows.jsonl", "--format", "alpaca", "-o", "x", "--language", "English"], ConfigError, "en, de, zh"),
        (["rows.jsonl", "--format", "alpaca", "-o", "x", "--stage", "filter"], ConfigError, "is for a run"),
        (
            ["rows.jsonl", "--format", "alpaca", "-o", "x", "--set", "a.b=1"],
            ConfigError,
            "are for a pipeline",
        ),
        (["rows.jsonl", "--format", "preference", "-o", "x"], EmptyResult, "no row fits format preference"),
        (
            ["rows.jsonl", "--format", "alpaca", "-o", "x", "--file", "rejected.jsonl"],
            ConfigError,
            "synthgen's own",
        ),
        (["nope.jsonl", "--format", "alpaca", "-o", "x"], InputError, "no such file"),
        (
            ["sums", "--format", "alpaca", "-o", "x", "--stage", "filtre"],
            SynthgenError,
            "no finished stage 'filtre'",
        ),
        (["sums", "--format", "alpaca", "-o", "x", "--stage", "split"], SynthgenError, "which part?"),
        (["sums", "--format", "alpaca", "-o", "x", "--columns", "a=b"], ConfigError, "is for files"),
        (["pipe.yaml", "--format", "alpaca"], ConfigError, "are for runs and files"),
        (["rows.jsonl", "--format", "alpaca", "-o", "data"], ConfigError, "there already"),
    ],
)
def test_mistakes_are_told(here, words, kind, said):
    done = command("export", *words)
    assert isinstance(done.exception, kind) and said in str(done.exception)
    assert not (here / "x").exists()
