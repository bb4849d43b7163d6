"""The sft stage end to end."""

import errno
import hashlib
import shutil
import signal
import sys

import orjson
import pytest

from synthgen.core.errors import ConfigError, EmptyResult, Interrupted, StageFailed
from synthgen.stages import sft
from synthgen.store.jsonl import read_log, read_rows
from synthgen.training.student import base_model
from tests.stages.sft_bench import STEPS, TINY, Bench, rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("undisturbed"))
    bench.outcome = bench.run()
    return bench


def test_weights_moved_and_the_loss_fell(undisturbed):
    from safetensors.numpy import load_file

    base, model = (
        load_file(undisturbed.folder / "out" / name / "model.safetensors") for name in ("base", "model")
    )
    assert base.keys() == model.keys()
    assert all((base[name] != model[name]).any() for name in base)
    losses = [entry["loss"] for entry in read_log(undisturbed.folder / "out" / "metrics.jsonl")]
    assert len(losses) == STEPS
    assert losses[-1] < losses[0] - 0.5


def test_the_model_loads_and_stops_at_its_end_token(undisturbed):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = undisturbed.folder / "out" / "model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert (
        model.generation_config.eos_token_id
        == tokenizer.eos_token_id
        == tokenizer.convert_tokens_to_ids("<|im_end|>")
    )
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Mia has 3 cups."}], add_generation_prompt=True, tokenize=False
    )
    assert prompt == "<|im_start|>user\nMia has 3 cups.<|im_end|>\n<|im_start|>assistant\n"


def test_the_base_is_the_same_model_untrained(undisturbed):
    from transformers import AutoModelForCausalLM

    base = base_model(undisturbed.folder / "out", {"student": TINY})
    assert base.model == str(undisturbed.folder / "out" / "base")
    assert (
        AutoModelForCausalLM.from_pretrained(base.model).num_parameters()
        == undisturbed.outcome.extra["student"]["parameters"]
    )
    assert base_model(undisturbed.folder, {"student": {"model": "a/b", "revision": "v1"}}).revision == "v1"


def test_students_that_differ_in_completion_only_have_one_base(undisturbed, tmp_path):
    other = Bench(tmp_path, completion="answer_only", epochs=1)
    other.run()
    bases = [
        {name: data for name, data in bench.bytes().items() if name.startswith("base/")}
        for bench in (undisturbed, other)
    ]
    assert bases[0] == bases[1]


def test_the_outcome_counts_every_row_and_token(undisturbed):
    outcome = undisturbed.outcome
    assert (outcome.counts.in_, outcome.counts.kept, outcome.files["rejected.jsonl"]) == (96, 96, 0)
    entries = list(read_log(undisturbed.folder / "out" / "metrics.jsonl"))
    assert (
        entries[-1]["tokens"]
        == 2 * outcome.extra["preflight"]["tokens"]
        == outcome.extra["training"]["tokens"]
    )
    assert [entry["step"] for entry in entries] == list(range(1, STEPS + 1))
    assert entries[-1]["epoch"] == 2
    assert all(0 <= entry["token_accuracy"] <= 1 < entry["entropy"] + 1 for entry in entries)
    assert all(entry["gradient_norm"] > 0 for entry in entries)
    assert entries[-1]["token_accuracy"] > entries[0]["token_accuracy"]


def test_one_masked_example_is_shown(undisturbed):
    shown = next(line for line in undisturbed.heard if "masked" in line)
    assert (
        "The answer is" in shown.partition("learned: ")[2] and "<|im_end|>" in shown.partition("learned: ")[2]
    )


def test_the_card_names_data_teacher_and_options(undisturbed):
    card = (undisturbed.folder / "out" / "model" / "README.md").read_text()
    version = hashlib.sha256(undisturbed.data.read_bytes()).hexdigest()
    assert f"- trained on dataset `data` version `{version[:12]}`, 96 rows" in card and version in card
    assert "`builtin programmatic`: 96 rows" in card
    assert '"learning_rate": 0.005' in card
    assert str(undisturbed.folder) not in card


def test_the_same_data_and_seed_give_the_same_bytes_and_another_seed_others(undisturbed, tmp_path):
    again = Bench(tmp_path)
    again.run()
    assert again.bytes() == undisturbed.bytes()
    shutil.rmtree(again.work)
    again.run("other", seed=1)
    assert again.bytes("other")["model/model.safetensors"] != undisturbed.bytes()["model/model.safetensors"]


def test_a_folder_is_trained_further_and_named_as_the_base(undisturbed, tmp_path):
    bench = Bench(
        tmp_path, student={"model": str(undisturbed.folder / "out" / "model")}, completion="output", epochs=1
    )
    outcome = bench.run()
    assert not (bench.folder / "out" / "base").exists()
    assert outcome.extra["student"]["base"] == str(undisturbed.folder / "out" / "model")
    assert bench.bytes()["model/model.safetensors"] != undisturbed.bytes()["model/model.safetensors"]


def test_lora_is_merged_and_its_adapter_kept_beside(undisturbed, tmp_path):
    from safetensors.numpy import load_file

    bench = Bench(
        tmp_path,
        student={"model": str(undisturbed.folder / "out" / "model")},
        method="lora",
        lora={"rank": 4},
        epochs=1,
    )
    with pytest.raises(Interrupted):
        bench.run(stopping=bench.stop_at(8, signal.SIGINT))
    bench.run()
    before, after = (
        load_file(folder / "out" / "model" / "model.safetensors")
        for folder in (undisturbed.folder, bench.folder)
    )
    assert before.keys() == after.keys()
    moved = {name for name in before if (before[name] != after[name]).any()}
    assert "model.layers.0.self_attn.q_proj.weight" in moved
    assert "model.embed_tokens.weight" not in moved
    assert (bench.folder / "out" / "adapter" / "adapter_model.safetensors").is_file()
    whole = Bench(
        tmp_path / "whole", student=bench.options["student"], method="lora", lora={"rank": 4}, epochs=1
    )
    whole.run()
    assert whole.bytes() == bench.bytes()


def test_a_base_model_whose_template_ends_turns_with_another_token_learns_to_stop_there(
    undisturbed, tmp_path
):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path / "base-model"  # as Qwen's base models are
    shutil.copytree(undisturbed.folder / "out" / "model", folder)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    tokenizer.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = model.config.eos_token_id = pad
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    bench = Bench(tmp_path / "bench", rows(16), student={"model": str(folder)}, epochs=1)
    assert bench.run().extra["preflight"]["no_end_token"] == 0
    assert any("ends an answer with <|im_end|>" in line for line in bench.heard)
    made = AutoModelForCausalLM.from_pretrained(bench.folder / "out" / "model")
    assert end in made.generation_config.eos_token_id
    assert AutoTokenizer.from_pretrained(bench.folder / "out" / "model").eos_token == "<|im_end|>"
    stubborn = Bench(
        tmp_path / "stubborn",
        rows(16),
        student={"model": str(folder), "eos_token": "<|endoftext|>"},
        epochs=1,
    )
    with pytest.raises(StageFailed, match="16 no end token"):
        stubborn.run()


def test_a_training_of_one_step_trains(tmp_path):
    from transformers import AutoModelForCausalLM

    bench = Bench(tmp_path, rows(3), epochs=1)
    bench.run()
    start, end = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "out" / name).state_dict()
        for name in ("base", "model")
    )
    assert any((start[name] != end[name]).any() for name in start)


def test_an_end_token_that_is_the_padding_too_is_said_and_learned(undisturbed, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path / "padless"  # as SmolLM2 is
    shutil.copytree(undisturbed.folder / "out" / "base", folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    options = {"batch_size": 3, "epochs": 1, "schedule": "constant", "warmup": 0.0}
    padded = Bench(tmp_path / "padded", rows(3), student={"model": str(folder)}, **options)
    plain = Bench(
        tmp_path / "plain", rows(3), student={"model": str(undisturbed.folder / "out" / "base")}, **options
    )
    assert padded.run().extra["preflight"]["no_end_token"] == 0
    plain.run()
    said = "fills batches with its end token, <|im_end|>"
    assert any(said in line for line in padded.heard) and not any(said in line for line in plain.heard)
    one, two = (
        AutoModelForCausalLM.from_pretrained(bench.folder / "out" / "model").state_dict()
        for bench in (padded, plain)
    )
    assert all((one[name] - two[name]).abs().max() < 1e-6 for name in one), "no token more or less is learned"


def test_a_model_without_a_chat_template_gets_a_plain_one(undisturbed, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(undisturbed.folder / "out" / "model", folder)
    (folder / "chat_template.jinja").unlink()
    bench = Bench(tmp_path / "bench", rows(16), student={"model": str(folder)}, epochs=1)
    assert bench.run().extra["preflight"]["no_end_token"] == 0
    shown = next(line for line in bench.heard if "masked" in line)
    assert "'User: " in shown and "\\n\\nAssistant:'" in shown
    assert (bench.folder / "out" / "model" / "chat_template.jinja").is_file()


def test_packing_trains_on_every_learned_token(undisturbed, tmp_path):
    bench = Bench(tmp_path, packing=True, batch_size=2, epochs=1)
    outcome = bench.run()
    assert outcome.extra["training"]["steps"] < 96 / 2 / 2
    assert outcome.extra["training"]["tokens"] == outcome.extra["preflight"]["tokens"]


def test_packed_rows_do_not_see_each_other(undisturbed, tmp_path):
    trained = {"model": str(undisturbed.folder / "out" / "model")}
    losses = []
    for name, options in {
        "apart": {"batch_size": 6},
        "packed": {"batch_size": 1, "packing": True, "max_length": 1024},
    }.items():
        student = tmp_path / "student"
        shutil.copytree(trained["model"], student, dirs_exist_ok=True)
        config = orjson.loads((student / "config.json").read_bytes())
        (student / "config.json").write_bytes(orjson.dumps({**config, "max_position_embeddings": 2048}))
        bench = Bench(tmp_path / name, rows(6), student={"model": str(student)}, epochs=1, **options)
        assert bench.run().extra["training"]["steps"] == 1
        losses.append(next(read_log(bench.folder / "out" / "metrics.jsonl"))["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_dropped_rows_are_in_the_rejected_file_and_in_the_sum(tmp_path):
    some = rows(30)
    some[3]["rationale"] = "First 1 + 1 = 2. " * 100
    bench = Bench(tmp_path, some, unfit="drop", epochs=1)
    outcome = bench.run()
    assert (outcome.counts.in_, outcome.counts.kept, outcome.counts.rejected) == (30, 29, {"truncated": 1})
    assert [row["id"] for row in read_rows(bench.folder / "out" / "rejected.jsonl")] == ["r3"]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"student": {"model": "./nowhere"}}, ConfigError, "folder does not exist"),
        ({"student": {"model": "nobody/nothing"}}, ConfigError, "cannot load the student 'nobody/nothing'"),
        ({"trainer": {"weight_decy": 0.1}}, ConfigError, "did you mean 'weight_decay'"),
        ({"trainer": {"optim": "nonsense"}}, ConfigError, "TRL does not accept"),
        ({"max_length": 20}, StageFailed, "raise max_length"),
        ({"student": {"init": {**TINY["init"], "positions": 16}}}, ConfigError, "the student reads 16"),
        ({"learning_rate": 1e30}, StageFailed, "lower learning_rate"),
    ],
)
def test_mistakes_are_explained(tmp_path, options, error, says):
    with pytest.raises(error) as caught:
        Bench(tmp_path, rows(16), **options).run()
    assert says in str(caught.value)


def test_nothing_left_is_no_success(tmp_path):
    with pytest.raises(EmptyResult):
        Bench(tmp_path, rows(3), unfit="drop", max_length=10).run()


def test_missing_packages_come_with_the_line_that_installs_them(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(ConfigError) as caught:
        Bench(tmp_path, rows(3)).run()
    assert "pip install 'synthgen-pipeline[train]'" in str(caught.value)


def test_a_full_disk_is_told_apart(tmp_path, monkeypatch):
    from synthgen.training import checkpoints

    def full(checkpoint):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "seal", full)
    with pytest.raises(OSError) as caught:
        Bench(tmp_path, rows(96)).run()
    assert caught.value.errno == errno.ENOSPC


def test_a_launcher_whose_processes_would_each_train_alone_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StageFailed, match="2 processes were launched"):
        Bench(tmp_path, rows(16)).run()


def test_one_process_that_sees_two_gpus_trains_on_one_and_says_how_to_use_both(tmp_path, monkeypatch):
    from trl import SFTConfig

    # What transformers finds where there are two; TRL then refuses to train.
    monkeypatch.setattr(SFTConfig, "n_gpu", property(lambda self: 1 if vars(self).get("_n_gpu") == 1 else 2))
    bench = Bench(tmp_path, rows(16), epochs=1)
    assert bench.run().counts.kept == 16
    assert any("trains on one of 2 GPUs; processes: 2 uses them all" in line for line in bench.heard)


def test_the_loss_curve_holds_no_times(undisturbed):
    for entry in read_log(undisturbed.folder / "out" / "metrics.jsonl"):
        assert set(entry) == {
            "step",
            "epoch",
            "loss",
            "learning_rate",
            "tokens",
            "gradient_norm",
            "token_accuracy",
            "entropy",
        }
    assert orjson.loads((undisturbed.work / "threads.json").read_bytes()) == 1


def test_a_local_student_needs_no_network(undisturbed, tmp_path, monkeypatch):
    import socket

    asked = []

    def refuse(*args, **_):
        asked.append(args)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    Bench(tmp_path / "init", rows(16), epochs=1).run()
    Bench(
        tmp_path / "folder",
        rows(16),
        student={"model": str(undisturbed.folder / "out" / "model")},
        method="lora",
        epochs=1,
    ).run()
    assert asked == []


def test_what_is_wrong_can_be_known_before_anything_runs(tmp_path):
    config = sft.Config.model_validate({"student": {"model": "./nowhere"}, "trainer": {"weight_decy": 0.1}})
    assert [fault.what for fault in sft.faults(config)] == [
        "the student's folder does not exist",
        "trainer: unknown option 'weight_decy'",
    ]
    assert (
        "holds no config.json"
        in sft.faults(sft.Config.model_validate({"student": {"model": str(tmp_path)}}))[0].what
    )
    assert (
        sft.faults(
            sft.Config.model_validate({"student": {"model": "owner/name"}, "trainer": {"weight_decay": 0.1}})
        )
        == []
    )


def test_a_seed_of_its_own_stands_in_the_place_of_the_pipelines(tmp_path):
    def weights(name, pipeline, **options):
        bench = Bench(tmp_path / name, rows(16), epochs=1, **options)
        bench.run(seed=pipeline)
        return hash(bench.bytes()["model/model.safetensors"])

    five = weights("a", 5)
    assert weights("b", 1, seed=5) == weights("c", 2, seed=5) == five
    assert weights("d", 5, seed=6) != five
