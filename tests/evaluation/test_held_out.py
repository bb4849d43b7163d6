"""Sums over held-out texts, against what transformers gives directly."""

import math

import numpy as np
import pytest

from synthgen.core.errors import ConfigError, Interrupted
from synthgen.core.rows import question_text
from synthgen.evaluation.held_out import TextLikelihood, completion_of_all, likelihoods_of
from synthgen.evaluation.likelihood_options import LikelihoodOptions
from synthgen.evaluation.likelihood_report import likelihood_figures, likelihood_lines
from synthgen.evaluation.local import Local
from synthgen.store.token_logprobs import Distributions, LogprobsWriter, TokenLogprobs, Told, rest_of
from synthgen.training.local_teacher import local_teacher
from synthgen.training.teacher_options import LocalTeacherOptions
from synthgen.training.tokenizer_options import tokens_hash
from tests.evaluation.tiny_models import tiny_model

pytestmark = pytest.mark.slow

ROWS = [
    {"id": str(number), "instruction": f"What is {number} and 2?", "output": text}
    for number, text in enumerate(
        ["The answer is 2.", "Zwölf Äpfel, 三つ, I am sure of it.", "No.", "The sum of the two is 5."]
    )
]
UNFIT = [{"instruction": "Hm?"}, {"instruction": "What is 1 and " * 40, "output": "3"}]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    taught = {"What is 0 and 2?": "The answer is 2.", "What is 7 and 2?": "The answer is 9."}
    tiny_model(root / "student", taught, steps=60)
    tiny_model(root / "teacher", seed=3)
    return root


def local(root, name="student", role="student", **more):
    return Local(name, role, str(root / name), str(root / name), name, name, **more)


def measured(root, rows, tmp_path, teacher=None, each=lambda done: None, max_length=100, name="student"):
    return likelihoods_of(
        local(root, name), rows, "output", max_length, teacher, tmp_path / f"{name}.log", each
    )


def directly(root, rows):
    """Of each row: its ids, which are learned, and log-softmax of both models there, in double precision."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(root / "student")
    models = [AutoModelForCausalLM.from_pretrained(root / name).double() for name in ("student", "teacher")]
    for row in rows:
        turns = [{"role": "user", "content": question_text(row)}]
        prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        start = len(tokenizer(prompt)["input_ids"])
        ids = tokenizer(f"{prompt}{row['output']}<|im_end|>")["input_ids"]
        with torch.no_grad():
            both = [model(torch.tensor([ids])).logits[0].log_softmax(-1) for model in models]
        yield ids, start, *(one[start - 1 : -1] for one in both)


def test_sums_are_those_of_transformers(models, tmp_path):
    teacher = local_teacher(LocalTeacherOptions(model="teacher"), str(models / "teacher"))
    found = measured(models, [*ROWS, *UNFIT], tmp_path, teacher)
    for row, one, (ids, start, ours, theirs) in zip(ROWS, found, directly(models, ROWS), strict=False):
        nll = -sum(float(ours[at, token]) for at, token in enumerate(ids[start:]))
        kl = float((theirs.exp() * (theirs - ours)).sum())
        assert one.nll == pytest.approx(nll, rel=1e-5) and one.tokens == len(ids) - start
        assert one.kl == pytest.approx(kl, rel=1e-5) and one.bytes == len(row["output"].encode())
    assert [one.unfit for one in found[4:]] == ["missing_fields", "nothing_to_learn"]
    assert measured(models, ROWS[:1], tmp_path / "cut", max_length=24)[0].unfit == "truncated"


@pytest.mark.parametrize("top", [None, 5])
def test_a_teacher_that_was_asked_before(models, tmp_path, top):
    """The whole vocabulary is KL itself; the likeliest tokens and the rest are never more than that."""
    import torch
    from transformers import AutoTokenizer

    told = Told(295, top, tokens_hash(AutoTokenizer.from_pretrained(models / "student")))
    exact = []
    with LogprobsWriter(tmp_path, told) as store:
        for ids, start, ours, theirs in directly(models, ROWS[:3]):
            learned = [at >= start for at in range(len(ids))]
            said = theirs[torch.arange(len(theirs)), torch.tensor(ids[start:])].float().numpy()
            if top is None:
                found = Distributions(theirs.float().numpy(), said)
                exact.append(float((theirs.exp() * (theirs - ours)).sum()))
            else:
                best = theirs.topk(top)
                rest = rest_of(best.values.numpy()).astype(np.float32)
                found = Distributions(best.values.float().numpy(), said, best.indices.numpy(), rest)
                mine = ours.gather(1, best.indices)
                others = [torch.log1p(-one.exp().sum(1)) for one in (best.values, mine)]
                exact.append(
                    float((best.values.exp() * (best.values - mine)).sum())
                    + float((others[0].exp() * (others[0] - others[1])).sum())
                )
            store.add(ids, learned, found)
    one, two, three, unasked = measured(models, ROWS, tmp_path, TokenLogprobs(tmp_path))
    # Log-probabilities are stored in half precision.
    assert [one.kl, two.kl, three.kl] == pytest.approx(exact, rel=5e-3) and unasked.kl is None
    teacher = local_teacher(LocalTeacherOptions(model="teacher"), str(models / "teacher"))
    whole = measured(models, ROWS, tmp_path / "whole", teacher)
    if top is not None:
        assert all(told.kl < all_.kl for told, all_ in zip((one, two, three), whole, strict=False))


def test_a_teacher_of_other_tokens_is_refused(models, tmp_path):
    with LogprobsWriter(tmp_path, Told(295, None, "other")):
        pass
    with pytest.raises(ConfigError, match="the tokens of student are not those that the teacher was asked"):
        measured(models, ROWS, tmp_path / "x", TokenLogprobs(tmp_path))


def test_what_was_measured_before_a_stop_is_not_measured_again(models, tmp_path):
    calls = []

    def stop(done):
        calls.append(done)
        if done == 2:
            raise Interrupted(15)

    with pytest.raises(Interrupted):
        measured(models, ROWS, tmp_path, each=stop)
    assert len((tmp_path / "student.log").read_bytes().splitlines()) == 2
    calm = measured(models, ROWS, tmp_path / "calm")
    assert measured(models, ROWS, tmp_path) == calm
    for name in ("model.safetensors", "config.json"):
        assert (models / "student" / name).exists()
    assert (
        likelihoods_of(local(tmp_path, "gone"), ROWS, "output", 100, None, tmp_path / "student.log", stop)
        == calm
    )  # nothing is missing: no model is loaded


def test_which_text_is_held_out(models):
    several = [local(models, completion="output"), local(models, completion="answer_only")]
    assert completion_of_all(several, "output") == "output"
    assert completion_of_all([several[1], local(models, role="base")], None) == "answer_only"
    with pytest.raises(ConfigError, match=r"different things \(output, answer_only\)"):
        completion_of_all(several, None)
    with pytest.raises(ConfigError, match="multi_task"):
        completion_of_all([local(models, completion="multi_task")], None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"completion": "multi_task"}, "holds two texts a row"),
        ({"teacher": {}}, "give one of model"),
        ({"teacher": {"model": "x", "from": "y"}}, "give one of model"),
        ({"teacher": {"from": "x", "revision": "y"}}, "revision belongs to model"),
        ({"teacher": {"logprobs": "x", "dtype": "float32"}}, "for a teacher that is loaded"),
    ],
)
def test_options_that_do_not_fit(options, said):
    with pytest.raises(ValueError, match=said):
        LikelihoodOptions.model_validate(options)


def row(nll, tokens, size=10, kl=None):
    return TextLikelihood(float(nll), tokens, size, kl)


def figures_of(models, trained_on=0, **measured_):
    locals_ = [local(models, "base", "base"), local(models, base="base")]
    return likelihood_figures(locals_, measured_, "output", "big", trained_on)


def test_models_are_compared_on_the_rows_that_all_can_be_measured_on(models):
    base = [row(8, 4, kl=1.0), row(4, 2, kl=2.0), TextLikelihood(unfit="truncated"), row(99, 1, kl=1.0)]
    student = [row(4, 4, kl=0.5), row(1, 2, kl=0.0), row(7, 7), TextLikelihood(unfit="template")]
    figures = figures_of(models, base=base, student=student)
    assert (figures["in"], figures["rows"]) == (4, 2)
    assert figures["unfit"] == {"base": {"truncated": 1}, "student": {"template": 1}}
    assert figures["models"]["base"]["nll_per_token"]["value"] == 2.0
    assert figures["models"]["student"]["nll_per_byte"]["value"] == 0.25
    assert figures["models"]["student"]["kl_per_token"]["value"] == pytest.approx(0.5 / 6, abs=1e-6)
    (pair,) = figures["differences"]
    assert (pair["model"], pair["than"]) == ("student", "base")
    assert pair["nll_per_token"]["value"] == pytest.approx(-7 / 6, abs=1e-6)
    assert pair["kl_per_token"]["value"] == pytest.approx(-2.5 / 6, abs=1e-6)
    lines = likelihood_lines({"likelihood": figures})
    assert "lower is better" in lines[2] and lines[1].count("NLL a") == 2 and "held-out" in lines[1]
    assert "base: 1 row could not be measured (truncated 1)" in lines
    assert lines[-1].startswith("student against base: -1.1667 nats a token (")


def test_models_with_other_tokens_are_compared_by_bytes_alone(models):
    figures = figures_of(models, base=[row(8, 4), row(4, 2)], student=[row(4, 3), row(1, 2)], trained_on=1)
    (pair,) = figures["differences"]
    assert set(pair) == {"model", "than", "nll_per_byte"} and "kl_per_token" not in figures["models"]["base"]
    lines = likelihood_lines({"likelihood": figures})
    assert "WARNING: 1 held-out rows were trained on" in lines[3] and "nats a byte" in lines[-1]
    nothing = figures_of(models, base=[TextLikelihood(unfit="truncated")], student=[row(1, 1)])
    assert nothing["models"] == {} and nothing["rows"] == 0
    assert likelihood_lines({}) == []
    one = figures_of(models, base=[row(8, 4)], student=[row(4, 4)])
    assert one["models"]["base"]["nll_per_token"] == {"value": 2.0, "interval": [None, None]}
    assert "(any to any), which may be chance" in likelihood_lines({"likelihood": one})[-1]
    assert math.isfinite(one["models"]["base"]["nll_per_byte"]["value"])
