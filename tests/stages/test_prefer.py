"""The prefer stage end to end: DPO and KTO on pairs and labelled answers."""

import importlib.util
import shutil
import signal

import pytest
from pydantic import ValidationError

from synthgen.core.errors import ConfigError, EmptyResult, Interrupted, StageFailed
from synthgen.stages import prefer
from synthgen.store.jsonl import read_log, read_rows, write_rows
from synthgen.training.checkpoints import all_checkpoints
from tests.stages.prefer_bench import Bench, labelled, pairs
from tests.stages.sft_bench import artefact, leaving

FROM = {"from": "start"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("undisturbed"))
    bench.outcome = bench.run()
    return bench


def weights(bench, name="out"):
    from safetensors.numpy import load_file

    return load_file(bench.folder / name / "model/model.safetensors")


@pytest.mark.slow
def test_chosen_answers_gain_on_rejected_ones_that_were_never_seen(undisturbed):
    held = undisturbed.outcome.extra["held_out"]
    assert held["start"]["reward_accuracy"] == 0.5 and held["start"]["reward_margin"] == 0
    assert held["end"]["reward_accuracy"] > 0.9 and held["reward_accuracy_interval"][0] > 0.5
    assert held["end"]["reward_margin"] > 0.1
    assert held["rows"] + undisturbed.outcome.extra["inputs"][0]["trained"] == 64
    assert "reward accuracy" in undisturbed.outcome.table and "rows held out" in undisturbed.outcome.table


@pytest.mark.slow
def test_the_outcome_counts_every_row_and_the_curve_has_the_rewards(undisturbed):
    outcome = undisturbed.outcome
    assert (outcome.counts.in_, outcome.counts.kept, outcome.files["rejected.jsonl"]) == (64, 64, 0)
    assert outcome.extra["preflight"]["tasks"]["chosen"]["examples"] == 64
    assert outcome.extra["student"]["base"] == "start" and outcome.extra["student"]["loss"] == "sigmoid"
    steps = [entry for entry in read_log(undisturbed.folder / "out/metrics.jsonl") if "loss" in entry]
    assert [entry["step"] for entry in steps] == list(range(1, outcome.extra["training"]["steps"] + 1))
    assert steps[0]["reward_margin"] == 0 and steps[-1]["reward_margin"] > 0.1
    assert {"reward_accuracy", "chosen_logprob", "rejected_logprob"} <= steps[0].keys()


@pytest.mark.slow
def test_the_card_and_the_log_say_what_was_learned(undisturbed):
    card = (undisturbed.folder / "out/model/README.md").read_text()
    assert "TRL's DPOTrainer" in card and "tags: [synthgen, dpo, trl]" in card and "`start`" in card
    assert "| held out |" in card and str(undisturbed.folder) not in card
    shown = next(line for line in undisturbed.heard if "masked" in line)
    assert shown.count("one example") == 2 and "I guess" in shown


@pytest.mark.slow
def test_the_same_rows_and_seed_give_the_same_bytes_and_another_seed_others(undisturbed, tmp_path):
    again = Bench(tmp_path)
    again.run()
    assert again.bytes() == undisturbed.bytes()
    shutil.rmtree(again.work)
    again.run("other", seed=1)
    assert again.bytes("other")["model/model.safetensors"] != undisturbed.bytes()["model/model.safetensors"]


@pytest.mark.slow
def test_a_signal_leaves_a_checkpoint_from_which_the_same_bytes_come(undisturbed, tmp_path):
    bench = Bench(tmp_path)
    with pytest.raises(Interrupted) as caught:
        bench.run(stopping=bench.stop_at(6, signal.SIGTERM))
    assert caught.value.exit_code == 143
    assert [path.name for path in all_checkpoints(bench.work / "checkpoints")] == [
        "checkpoint-4",
        "checkpoint-6",
    ]
    bench.run()
    assert any("continuing from step 6" in line for line in bench.heard)
    assert bench.bytes() == undisturbed.bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{}, {"loss": "kto"}, {"loss": "orpo"}, {"method": "lora"}],
    ids=["dpo", "kto", "orpo", "lora"],
)
def test_after_kill_9_the_same_call_gives_the_same_bytes(tmp_path, options):
    whole = Bench(tmp_path / "whole", **options)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=7))
    killed = Bench(tmp_path / "killed", **options)
    killed.run()
    assert any("continuing from step 4" in line for line in killed.heard)
    assert killed.bytes() == whole.bytes()


@pytest.mark.slow
def test_adapters_are_merged_and_the_start_is_the_model_without_them(tmp_path):
    bench = Bench(tmp_path, method="lora", learning_rate=1e-2)
    held = bench.run().extra["held_out"]
    assert held["end"]["reward_margin"] > 0.1
    assert (tmp_path / "out/adapter/adapter_model.safetensors").is_file()
    said = (tmp_path / "out/adapter/adapter_config.json").read_text()
    assert '"base_model_name_or_path": "start"' in said and str(tmp_path) not in said
    before = Bench(tmp_path).start.file / "model.safetensors"
    from safetensors.numpy import load_file

    assert weights(bench).keys() == load_file(before).keys()


@pytest.mark.slow
def test_kto_learns_from_single_answers_whatever_their_order(tmp_path):
    bench = Bench(tmp_path, made=labelled(pairs(64)), loss="kto")
    outcome = bench.run()
    assert outcome.counts.kept == 128
    tasks = outcome.extra["preflight"]["tasks"]
    assert tasks["good"]["examples"] == tasks["bad"]["examples"] == 64
    held = outcome.extra["held_out"]
    assert held["end"]["reward_accuracy"] > 0.9 and "prefers_chosen" not in held["end"]
    assert "TRL's KTOTrainer" in (tmp_path / "out/model/README.md").read_text()


@pytest.mark.parametrize(("label", "lacking"), [(True, "bad"), (False, "good")])
def test_kto_without_both_good_and_bad_answers_is_refused_with_what_to_give(tmp_path, label, lacking):
    made = [row for row in labelled(pairs(8)) if row["label"] is label]
    with pytest.raises(ConfigError, match=f"none of 8 rows has a {lacking} one") as caught:
        Bench(tmp_path, made=made, loss="kto").run()
    (fault,) = caught.value.faults
    assert fault.where.endswith("rows.jsonl") and ("format: unpaired" in fault.next) == (lacking == "bad")


@pytest.mark.slow
def test_orpo_needs_no_start_and_is_measured_against_it(tmp_path):
    bench = Bench(tmp_path, loss="orpo", beta=0.5)
    outcome = bench.run()
    held = outcome.extra["held_out"]
    assert held["start"]["reward_accuracy"] == 0.5 and held["end"]["reward_accuracy"] > 0.9
    assert held["end"]["chosen_logprob"] > held["start"]["chosen_logprob"]
    steps = [entry for entry in read_log(tmp_path / "out/metrics.jsonl") if "loss" in entry]
    assert steps[-1]["log_odds_ratio"] > steps[0]["log_odds_ratio"] and "reward_margin" not in steps[0]
    card = (tmp_path / "out/model/README.md").read_text()
    assert "with ORPO's loss" in card and "tags: [synthgen, orpo, trl]" in card


@pytest.mark.slow
def test_several_inputs_are_mixed_by_weight_and_counted(tmp_path):
    other = tmp_path / "other.jsonl"
    write_rows(other, pairs(40, seed=9))
    bench = Bench(tmp_path, input=("data", "other"), weights=(2, 0.5), held_out=0, epochs=1)
    bench.others = (artefact(other),)
    outcome = bench.run()
    first, second = outcome.extra["inputs"]
    assert (first["rows"], first["trained"], first["shown"]) == (64, 64, 128)
    assert second["rows"] == 40 == second["trained"] + second["not_drawn"]
    assert outcome.counts.in_ == 104 and outcome.counts.rejected == {"not_drawn": second["not_drawn"]}
    assert len(list(read_rows(tmp_path / "out/rejected.jsonl"))) == second["not_drawn"]
    assert outcome.extra["training"]["steps"] == -(-(128 + second["shown"]) // 8)


@pytest.mark.slow
def test_validation_rows_that_are_pairs_are_measured_in_place_of_held_out_ones(tmp_path):
    bench = Bench(tmp_path, early_stopping={"patience": 1}, measure_every=2)
    bench.validation = tmp_path / "validation.jsonl"
    write_rows(bench.validation, pairs(12, seed=4))
    outcome = bench.run()
    assert outcome.extra["held_out"]["rows"] == 12 and "inputs" not in outcome.extra
    assert outcome.extra["training"]["best reward_accuracy"] > 0.5


@pytest.mark.slow
def test_validation_rows_without_answers_are_passed_over(tmp_path):
    bench = Bench(tmp_path, epochs=1)
    bench.validation = tmp_path / "validation.jsonl"
    write_rows(bench.validation, [{"instruction": "2 + 3?", "reference": "5"}])
    assert bench.run().extra["inputs"][0]["held_out"] > 0


BAD = [
    {"id": "same", "prompt": "Which?", "chosen": "Red.", "rejected": "Red."},
    {"id": "long", "prompt": "Which? " * 60, "chosen": "Red.", "rejected": "Blue."},
]


def test_all_kinds_of_bad_rows_are_told_together_before_training(tmp_path):
    bench = Bench(tmp_path, made=[*pairs(8), *BAD])
    with pytest.raises(StageFailed) as caught:
        bench.run()
    message = str(caught.value)
    assert "1 nothing to learn, 1 same answers" in message
    assert "row long (nothing to learn)" in message and "row same (same answers)" in message
    assert not (bench.work / "metrics.jsonl").exists()


def test_rows_that_lack_answers_are_told_with_what_a_pair_is(tmp_path):
    bench = Bench(tmp_path, made=[*pairs(8), {"id": "odd", "instruction": "2 + 3?", "output": "5"}])
    with pytest.raises(
        ConfigError, match="have no chosen and no prompt and no rejected, which loss: sigmoid"
    ):
        bench.run()
    with pytest.raises(ConfigError, match="row odd.*\n?.*task: preferences"):
        bench.run()


@pytest.mark.slow
@pytest.mark.parametrize("unfit", ["drop", "keep"])
def test_bad_rows_can_be_left_out(tmp_path, unfit):
    bench = Bench(tmp_path, made=[*pairs(24), *BAD], unfit=unfit, epochs=1)
    outcome = bench.run()
    assert outcome.counts.rejected == {"same_answers": 1, "nothing_to_learn": 1}
    assert {row["id"] for row in read_rows(tmp_path / "out/rejected.jsonl")} == {"same", "long"}


def test_nothing_left_is_a_failure(tmp_path):
    with pytest.raises(EmptyResult, match="no row is left to train on, of 2"):
        Bench(tmp_path, made=BAD, unfit="drop").run()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"student": {"init": {}}}, "train it with sft first"),
        ({"loss": "kto", "batch_size": 1}, "batch_size must be 2 or more"),
        ({"loss": "kto", "sft_weight": 0.5}, "sft_weight cannot be used with loss: kto"),
        ({"good_weight": 2}, "good_weight cannot be used with loss: sigmoid"),
        ({"label_smoothing": 0.1}, "label_smoothing is read by"),
        ({"packing": True}, "packing cannot be used with loss: sigmoid"),
        ({"trainer": {"beta": 1}}, "beta cannot be used with loss: sigmoid"),
        ({"input": "a", "weights": [1, 2]}, "weights has 2 numbers for 1 inputs"),
        ({"weights": [1, 2]}, "weights has 2 numbers for 0 inputs"),
        ({"loss": "orpo", "sft_weight": 0.5}, "sft_weight cannot be used with loss: orpo"),
        ({"loss": "cpo"}, "sigmoid"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, what):
    with pytest.raises(ValidationError, match=what):
        prefer.Config.model_validate({"student": FROM, **options})


def test_trainer_options_are_those_of_the_losses_own_trainer():
    assert prefer.faults(prefer.Config(student=FROM, trainer={"f_divergence_type": "js_divergence"})) == []
    (fault,) = prefer.faults(prefer.Config(student=FROM, loss="kto", trainer={"f_divergence_type": "x"}))
    assert "f_divergence_type" in fault.what and "KTOConfig" in fault.next


def test_the_learning_rate_is_smaller_than_that_of_sft():
    assert prefer.Config(student=FROM).peak_rate == 1e-6
    assert prefer.Config(student=FROM, method="lora").peak_rate == 1e-5
    assert prefer.Config(student=FROM, learning_rate=1e-4).peak_rate == 1e-4


@pytest.mark.slow
def test_a_student_of_two_tasks_is_asked_as_it_was_trained(tmp_path):
    bench = Bench(tmp_path, completion="multi_task", epochs=1)
    outcome = bench.run()
    assert any("predict: The" in line for line in bench.heard)
    assert outcome.extra["student"]["completion"] == "multi_task"


def test_what_a_training_lacks_is_named_as_for_sft(monkeypatch, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "wandb" else found(name, *rest)
    )
    (fault,) = prefer.faults(prefer.Config(student=FROM, report_to=["wandb"]))
    assert fault.what == "wandb is not installed"
    (tmp_path / "config.json").write_text("{}")
    (fault,) = prefer.foresees(prefer.Config(student={"model": str(tmp_path)}), ())
    assert "config cannot be read" in fault.what
    with pytest.raises(ValidationError, match="it goes with method: lora"):
        prefer.Config(student={**FROM, "quantization": "4bit"})
