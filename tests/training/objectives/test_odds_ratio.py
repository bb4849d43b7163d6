"""ORPO's loss is that of its paper, of a direct computation, and of TRL's experiment with it."""

import pytest
import torch

from synthgen.training.encoding import IGNORED
from synthgen.training.objectives.odds_ratio import OddsRatio, OddsRatioConfig, log_odds_ratio
from tests.stages.prefer_bench import pairs
from tests.training.objectives.preference_bench import Made, gradient, same_step


def test_the_log_odds_ratio_is_that_of_hand_made_probabilities():
    chosen, rejected = (
        torch.tensor([0.8, 0.5, 0.2]).double().log(),
        torch.tensor([0.5, 0.5, 0.9]).double().log(),
    )
    ratios = torch.tensor([4.0, 1.0, 0.25 / 9]).double()
    torch.testing.assert_close(log_odds_ratio(chosen, rejected), ratios.log())


@pytest.mark.parametrize("likely", [-1e-12, -1e-4, -0.69, -0.7, -1.0, -60.0, 0.0])
def test_answers_that_are_certain_or_impossible_have_a_finite_gradient(likely):
    chosen = torch.tensor([likely], requires_grad=True)
    rejected = torch.tensor([-1.5], requires_grad=True)
    (-torch.nn.functional.logsigmoid(log_odds_ratio(chosen, rejected))).sum().backward()
    assert torch.isfinite(chosen.grad).all() and torch.isfinite(rejected.grad).all()
    if -50 < likely < -1e-3:  # the gradient of the plain formula, in double precision
        plain = chosen.detach().double().requires_grad_()
        odds = plain - (1 - plain.exp()).log() - (-1.5 - (1 - torch.tensor(-1.5).double().exp()).log())
        (-torch.nn.functional.logsigmoid(odds)).sum().backward()
        torch.testing.assert_close(chosen.grad.double(), plain.grad, rtol=1e-3, atol=1e-6)


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path, OddsRatio(OddsRatioConfig(beta=0.3)), pairs(5))


@pytest.mark.slow
def test_loss_and_gradient_are_those_of_a_direct_computation(made):
    ours, theirs = made.learn([made.rows_of(made.rows)])
    model = made.student.model
    entropy, odds, learned = 0.0, [], 0
    for row in made.rows:
        (chosen, good), (rejected, bad) = zip(row["input_ids"], row["labels"], strict=True)
        sums = made.logp(model, chosen, good), made.logp(model, rejected, bad)
        lengths = [sum(label != IGNORED for label in labels) for labels in (good, bad)]
        entropy, learned = entropy - sums[0], learned + lengths[0]
        likely = [(total / length).exp() for total, length in zip(sums, lengths, strict=True)]
        ratio = (likely[0] / (1 - likely[0])) / (likely[1] / (1 - likely[1]))
        odds.append(-(ratio / (1 + ratio)).log())
    direct = entropy / learned + 0.3 * torch.stack(odds).mean()
    model.zero_grad()
    direct.backward()
    assert ours == pytest.approx(float(direct.detach()), abs=1e-5)
    torch.testing.assert_close(theirs, gradient(model), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_step_does_not_depend_on_batches_or_on_pairs_that_fill_them(made):
    same_step(made, made.rows)


@pytest.mark.slow
def test_the_figures_of_a_step_are_those_of_its_answers(made):
    rows = made.rows_of(made.rows)
    figures = made.curve(made.step([rows]))
    with torch.no_grad():
        sides = [
            [
                float(made.logp(made.student.model, row["input_ids"][side], row["labels"][side]))
                for row in rows
            ]
            for side in (0, 1)
        ]
    assert figures["logps/chosen"] == pytest.approx(sum(sides[0]) / 5, rel=1e-5)
    assert figures["logps/rejected"] == pytest.approx(sum(sides[1]) / 5, rel=1e-5)
    assert 0 < figures["entropy"] and "log_odds_ratio" in figures


@pytest.mark.slow
def test_loss_is_that_of_trls_experiment_where_the_prompt_is_one_token(made, tmp_path, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    from datasets import Dataset
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    from synthgen.training.validation_loss import padded

    # Its cross entropy is also over the prompt: here all but the first token is answer.
    rows = [
        {**row, "labels": [[IGNORED, *tokens[1:]] for tokens in row["input_ids"]]}
        for row in made.rows_of(made.rows)
    ]
    ours, _ = made.learn([rows])
    theirs = ORPOTrainer(
        model=made.student.model,
        args=ORPOConfig(
            output_dir=str(tmp_path / "trl"), beta=0.3, use_cpu=True, bf16=False, report_to=[], max_length=64
        ),
        train_dataset=Dataset.from_list(
            [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in pairs(5)]
        ),
        processing_class=made.student.tokenizer,
    )
    batch = {}
    for side, name in enumerate(("chosen", "rejected")):
        tokens = [row["input_ids"][side] for row in rows]
        batch[f"{name}_input_ids"] = padded(tokens, theirs.padding_value)
        batch[f"{name}_attention_mask"] = padded([[1] * len(one) for one in tokens], 0)
        batch[f"{name}_labels"] = padded([row["labels"][side] for row in rows], IGNORED)
    loss, _ = theirs.get_batch_loss_metrics(made.student.model, batch)
    assert ours == pytest.approx(float(loss.detach()), abs=1e-5)
