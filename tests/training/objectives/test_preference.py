"""What is learned of pairs and of labelled answers, and that TRL's losses are what they should be."""

from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from synthgen.training.encoding import ABSENT, IGNORED, Encoded
from synthgen.training.objectives.contract import refusal
from synthgen.training.objectives.preference import (
    SMOOTHED,
    PairLoss,
    Preference,
    PreferenceConfig,
    loss_of_no_change,
)
from synthgen.training.objectives.unpaired import Unpaired, UnpairedConfig
from synthgen.training.options import TrainingOptions
from tests.stages.prefer_bench import labelled, pairs
from tests.training.objectives.preference_bench import Made, gradient, same_step

PAIR = {"prompt": "2 + 3?", "chosen": "Five.", "rejected": "Six."}
TURN = {"role": "assistant", "content": "Five."}
DPO, KTO = Preference(PreferenceConfig()), Unpaired(UnpairedConfig())


def said(example):
    return example["completion"][0]["content"]


def test_a_pair_is_its_prompt_with_each_answer():
    chosen, rejected = DPO.examples(PAIR)
    assert (said(chosen), said(rejected)) == ("Five.", "Six.")
    assert chosen["prompt"] == rejected["prompt"] == [{"role": "user", "content": "2 + 3?"}]


def test_a_prompt_may_be_a_conversation_and_an_answer_a_turn():
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 3?"}]
    chosen, _ = DPO.examples({"prompt": turns, "chosen": [TURN], "rejected": [{**TURN, "content": "Six."}]})
    assert chosen["prompt"] == turns and said(chosen) == "Five."
    longer = [*turns, {"role": "assistant", "content": "5"}, {"role": "user", "content": "Sure?"}]
    assert DPO.examples({**PAIR, "prompt": longer})[0]["prompt"] == longer


def test_a_student_that_is_asked_with_a_prefix_learns_with_it():
    prefixed = Preference(PreferenceConfig(completion="multi_task"))
    assert prefixed.examples(PAIR)[0]["prompt"][0]["content"] == "predict: 2 + 3?"


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ({"chosen": "a", "rejected": "b"}, ("prompt",)),
        ({**PAIR, "prompt": [{"role": "system", "content": "x"}]}, ("prompt",)),
        ({**PAIR, "chosen": " "}, ("chosen",)),
        ({**PAIR, "rejected": None}, ("rejected",)),
        ({**PAIR, "chosen": [TURN, TURN]}, ("chosen",)),
        ({**PAIR, "chosen": [{"role": "user", "content": "x"}]}, ("chosen",)),
        ({"instruction": "2 + 3?", "output": "5"}, ("prompt", "chosen", "rejected")),
    ],
)
def test_what_a_pair_lacks_is_named(row, missing):
    assert DPO.missing_fields(row) == missing


@pytest.mark.parametrize(
    ("label", "side"),
    [(True, 0), (False, 1), (1, 0), (0, 1), ("good", 0), ("thumbs_down", 1), ("False", 1), (-1, 1), (1.0, 0)],
)
def test_a_label_says_on_which_side_an_answer_is(label, side):
    row = {"instruction": "2 + 3?", "output": "Five.", "label": label}
    examples = KTO.examples(row)
    assert said(examples[side]) == "Five." and examples[1 - side] is None


def test_a_label_that_says_nothing_is_missing_and_another_field_may_be_named():
    row = {"instruction": "2 + 3?", "output": "Five.", "label": "perhaps", "meta": {"scores": {"ok": True}}}
    assert KTO.missing_fields(row) == ("label that says good or bad",)
    named = Unpaired(UnpairedConfig(label="meta.scores.ok"))
    assert named.missing_fields(row) == () and named.examples(row)[0] is not None


def test_answers_that_are_the_same_tokens_leave_nothing_to_learn():
    one = Encoded([1, 2, 3], [IGNORED, 2, 3], None, 3)
    for objective in (DPO, KTO):
        marked = objective.checked([one, one])
        assert [example.fault for example in marked] == ["same_answers"] * 2
        assert not any(example.learned for example in marked)
    other = Encoded([1, 2, 4], [IGNORED, 2, 4], None, 3)
    assert DPO.checked([one, other]) == [one, other]
    assert KTO.checked([one, ABSENT]) == [one, ABSENT]


def test_smoothing_goes_with_losses_that_read_it():
    with pytest.raises(ValidationError, match="label_smoothing is read by"):
        PreferenceConfig(label_smoothing=0.1)
    with pytest.raises(ValidationError, match="exo_pair needs label_smoothing"):
        PreferenceConfig(loss="exo_pair")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["sigmoid", "ipo"])
def test_loss_and_gradient_of_dpo_are_those_of_a_direct_computation(tmp_path, loss):
    made = Made(tmp_path, Preference(PreferenceConfig(loss=loss, beta=0.3)), pairs(4))
    model, rows = made.student.model, made.rows
    batch = made.batch(4)
    model.train()
    ours = made.trainer.compute_loss(model, batch)
    model.zero_grad()
    ours.backward()
    theirs = gradient(model)
    losses = []
    for row in rows:
        ratios = []
        for tokens, labels in zip(row["input_ids"], row["labels"], strict=True):
            with torch.no_grad():
                before = made.logp(made.start, tokens, labels)
            gain = made.logp(model, tokens, labels) - before
            ratios.append(gain / sum(label != IGNORED for label in labels) if loss == "ipo" else gain)
        margin = ratios[0] - ratios[1]
        losses.append(
            (margin - 1 / 0.6) ** 2 if loss == "ipo" else -torch.nn.functional.logsigmoid(0.3 * margin)
        )
    direct = torch.stack(losses).mean()
    model.zero_grad()
    direct.backward()
    assert float(ours.detach()) == pytest.approx(float(direct.detach()), abs=1e-5)
    assert abs(float(direct.detach()) - 0.693147) > 1e-3  # not the value of no change at all
    torch.testing.assert_close(theirs, gradient(model), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_loss_of_kto_is_that_of_a_direct_computation(tmp_path):
    rows = labelled(pairs(4))[2:6]  # two good ones, then two bad ones
    config = UnpairedConfig(beta=0.3, good_weight=1.5, bad_weight=0.5)
    made = Made(tmp_path, Unpaired(config), rows)
    single = [made.trainer.train_dataset[place] for place in range(4)]
    assert sorted(row["label"] for row in single) == [False, False, True, True]
    (batch,) = made.step([single])
    model = made.student.model
    ours = made.trainer.compute_loss(model, batch).detach()

    def ratio(tokens, labels):
        with torch.no_grad():
            return made.logp(model, tokens, labels) - made.logp(made.start, tokens, labels)

    crossed = []
    answers = made.trainer.data_collator.keywords["answers"]
    assert sorted(row["other"] for row in single) == [0, 1, 2, 3]
    for row in single:
        other = answers[row["other"]]
        assert other["input_ids"] != row["input_ids"]
        prompt = [
            token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label == IGNORED
        ]
        answer = [label for label in other["labels"] if label != IGNORED]
        crossed.append(ratio(prompt + answer, [IGNORED] * len(prompt) + answer))
    drift = torch.stack(crossed).mean().clamp(min=0)
    direct = [
        (1.5 if row["label"] else 0.5)
        * (1 - torch.sigmoid(0.3 * sign * (ratio(row["input_ids"], row["labels"]) - drift)))
        for row in single
        for sign in (1 if row["label"] else -1,)
    ]
    assert float(ours) == pytest.approx(float(torch.stack(direct).mean()), abs=1e-5)


@pytest.fixture(scope="module")
def five_pairs(tmp_path_factory):
    config = PreferenceConfig(beta=0.3, sft_weight=0.5)
    return Made(tmp_path_factory.mktemp("pairs"), Preference(config), pairs(5))


@pytest.mark.slow
@pytest.mark.parametrize("loss", [loss for loss in get_args(PairLoss) if not loss.startswith("aot")])
def test_a_step_of_pairs_does_not_depend_on_batches_or_on_pairs_that_fill_them(five_pairs, loss):
    smoothing = 0.1 if loss in SMOOTHED else 0.0
    trainer = five_pairs.trainer
    trainer.loss_types, trainer.label_smoothing = [loss], smoothing
    trainer._unchanged = loss_of_no_change(loss, 0.3, smoothing)
    same_step(five_pairs, five_pairs.rows)


@pytest.mark.slow
def test_a_step_of_single_answers_is_the_same_with_rows_that_fill_it(tmp_path):
    config = UnpairedConfig(beta=0.3, good_weight=1.5, bad_weight=0.5)
    made = Made(tmp_path, Unpaired(config), labelled(pairs(3))[1:])
    with torch.no_grad():  # a start that finds all less likely, so that the student has moved
        for weight in made.trainer.ref_model.parameters():
            weight.mul_(1.5)
    answers = made.trainer.train_dataset
    assert made.curve(made.step([made.rows_of(answers)]))["kl"] > 0.1
    same_step(made, answers, split=False)  # the drift is that of a batch


@pytest.mark.parametrize("loss", ["aot", "aot_unpaired"])
def test_losses_that_sort_a_batch_are_not_shared_among_processes(loss):
    objective = Preference(PreferenceConfig(loss=loss))
    assert "sorts the pairs" in refusal(objective, TrainingOptions(processes=2), f"loss: {loss}")
    assert refusal(DPO, TrainingOptions(processes=2), "loss: sigmoid") == ""


def test_each_row_has_the_answer_of_another_one():
    from synthgen.training.preference_trainers import other_places

    others = other_places(50, 3)
    assert sorted(others) == list(range(50)) and all(place != row for row, place in enumerate(others))
    assert others == other_places(50, 3) != other_places(50, 4) and other_places(1, 0) == [0]


def test_the_figures_of_held_out_rows_are_those_of_hand_made_numbers():
    from synthgen.training.preference_measure import Answers, figures

    start = Answers([-10.0, -10.0], [-10.0, -8.0], True)
    now = Answers([-9.0, -12.0], [-12.0, -8.0], True)
    measured = figures(now, start, 0.5)
    assert measured == {
        "chosen_logprob": -10.5,
        "rejected_logprob": -10.0,
        "prefers_chosen": 0.5,
        "reward_accuracy": 0.5,
        "reward_margin": pytest.approx(0.25),
    }
    assert figures(start, start, 0.5)["reward_accuracy"] == 0.5  # nothing has changed
    apart = figures(Answers([-1.0, -2.0], [-9.0], False), Answers([-1.0, -9.0], [-8.0], False), 1.0)
    assert "prefers_chosen" not in apart and apart["reward_accuracy"] == 1.0
    assert figures(Answers([-1.0], [], False), Answers([-2.0], [], False), 1.0) == {
        "chosen_logprob": -1.0,
        "reward_accuracy": 0.0,
        "reward_margin": 0.0,
    }
