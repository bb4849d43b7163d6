"""A student's own text: what is drawn, what is learned of it, and that the loss on it is TRL's."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator

from synthgen.training.encoding import IGNORED
from synthgen.training.knowledge.contract import lesson_of
from synthgen.training.knowledge.response import Comparison, ResponseOfModel
from synthgen.training.own_text import write_batches
from synthgen.training.own_text_options import OwnText, OwnTextOptions
from synthgen.training.taught_trainer import lesson_sums, score_positions
from tests.training.knowledge.test_response import VOCABULARY, assert_equal_gradients, gradients, llama

ENDS = frozenset(range(60, VOCABULARY))  # a third of all tokens, so that texts end at different places
PROMPTS = ([5, 6, 7], [8, 9], [10, 11, 12, 13, 14])


def own(end_ids=ENDS, share=1.0, seed=0, room=64, **options):
    chosen = OwnTextOptions.model_validate({"max_new_tokens": 8, **options})
    return OwnText(chosen, share=share, seed=seed, pad=0, end_ids=frozenset(end_ids), room=room)


def batch(prompts=PROMPTS, blank=False):
    """Rows of a prompt and two tokens of a text that is not to be learned; the last one may teach nothing."""
    rows = [prompt + [2, 3] for prompt in prompts]
    labels = [[IGNORED] * len(prompt) + [2, 3] for prompt in prompts]
    if blank:
        rows, labels = [*rows, [4, 4]], [*labels, [IGNORED] * 2]
    width = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [0] * (width - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows]),
        "labels": torch.tensor([row + [IGNORED] * (width - len(row)) for row in labels]),
    }


def trainer_of(model, step=0):
    return SimpleNamespace(
        model_wrapped=model,
        accelerator=Accelerator(cpu=True),
        state=SimpleNamespace(global_step=step),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None),
        _metrics={"train": defaultdict(list)},
    )


def texts_of(batches):
    """What is learned of each row, and what stands before it."""
    found = []
    for one in batches:
        for ids, mask, labels in zip(
            *(one[name].tolist() for name in ("input_ids", "attention_mask", "labels")), strict=True
        ):
            seen = [token for token, there in zip(ids, mask, strict=True) if there]
            learned = [label for label in labels if label != IGNORED]
            assert labels[len(seen) :] == [IGNORED] * (len(labels) - len(seen))
            assert seen[len(seen) - len(learned) :] == learned
            found.append((seen[: len(seen) - len(learned)], learned))
    return found


def written(model, options, batches=None, step=0):
    trainer = trainer_of(model, step)
    return texts_of(write_batches(trainer, batches or [batch()], options)), trainer._metrics["train"]


def test_the_prompts_stay_and_each_text_goes_up_to_its_first_end():
    model = llama(16, 0)
    found, figures = written(model, own())
    assert [prompt for prompt, _ in found] == list(PROMPTS)
    for _, text in found:
        assert not ENDS & set(text[:-1])
        assert text[-1] in ENDS or len(text) == 8
    lengths = [len(text) for _, text in found]
    assert len(set(lengths)) > 1
    assert figures["own_tokens"] == [sum(lengths)]
    assert figures["own_length"] == [sum(lengths) / 3]


def test_a_text_that_was_cut_has_no_end():
    model = llama(16, 0)
    said = {token for _, text in written(model, own(end_ids=(), temperature=0))[0] for token in text}
    found, figures = written(model, own(end_ids={*range(VOCABULARY)} - said, temperature=0))
    assert all(len(text) == 8 and set(text) <= said for _, text in found)
    assert figures["own_cut"] == [1.0]


def test_the_padding_token_may_be_an_end():
    model = llama(16, 0)
    plain = [text for _, text in written(model, own())[0]]
    first = plain[0][min(2, len(plain[0]) - 1)]  # it stands inside the first text
    found, _ = written(model, OwnText(own().options, 1.0, 0, pad=first, end_ids=frozenset((first,)), room=64))
    assert found[0][1][-1] == first and first not in found[0][1][:-1]


def test_texts_are_those_that_generate_gives_without_padding_or_dropout():
    model = llama(16, 0, attention_dropout=0.5).train()
    found, _ = written(model, own(end_ids=(1,), temperature=0))
    assert model.training
    model.eval()
    for prompt, text in found:
        ids = torch.tensor([prompt])
        alone = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, eos_token_id=1
        )
        assert text == alone[0, len(prompt) :].tolist()


def test_what_a_models_own_settings_say_is_left_out():
    model = llama(16, 0)
    plain, _ = written(model, own())
    model.generation_config.repetition_penalty = 5.0
    model.generation_config.top_k = 1
    before = model.generation_config
    assert written(model, own())[0] == plain
    assert model.generation_config is before


def test_step_seed_and_rank_decide_what_is_drawn_and_nothing_else_is_touched():
    model = llama(16, 0)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, _ = written(model, own())
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    assert written(model, own())[0] == first
    assert written(model, own(), step=1)[0] != first
    assert written(model, own(seed=1))[0] != first


def test_the_batches_of_a_step_get_what_one_batch_would():
    model = llama(16, 0)
    one, _ = written(model, own())
    parts, _ = written(model, own(), [batch(PROMPTS[:1]), batch(PROMPTS[1:])])
    assert parts == one


def test_rows_that_only_fill_a_batch_still_teach_nothing():
    model = llama(16, 0)
    found, figures = written(model, own(), [batch(blank=True)])
    assert found[:3] == written(model, own())[0]
    assert found[3] == ([4, 4], [])
    alone, figures = written(model, own(), [batch((), blank=True)])
    assert alone == [([4, 4], [])]
    assert figures["own_tokens"] == [0] and figures["own_cut"] == [0]


def test_prompt_and_text_together_have_the_room_that_there_is():
    found, figures = written(llama(16, 0), own(end_ids=(1,), room=5))
    assert [len(text) for _, text in found] == [2, 3, 0]
    assert figures["own_cut"] == [1.0]


@pytest.mark.parametrize("share, wanted", [(0.5, 50), (0.25, 25), (0.7, 70), (1.0, 100), (0.1, 10)])
def test_the_share_of_steps_is_kept_and_spread(share, wanted):
    due = [own(share=share).due(step) for step in range(100)]
    assert sum(due) == wanted
    assert all(abs(sum(due[: step + 1]) - share * (step + 1)) < 1 for step in range(100))


@pytest.mark.slow
@pytest.mark.parametrize("beta, divergence", [(0.0, "forward_kl"), (0.5, "jsd"), (1.0, "reverse_kl")])
def test_loss_and_gradient_on_own_text_are_those_of_trls_distillation(beta, divergence, tmp_path):
    from datasets import Dataset
    from trl import DistillationConfig, DistillationTrainer

    from synthgen.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["one two three"] * 4, 300, 64)
    tokenizer.padding_side = "left"
    student, theirs, teacher = llama(16, 0), llama(16, 0), llama(24, 1).eval().requires_grad_(False)
    (learned,) = write_batches(trainer_of(student), [batch()], own())
    found = texts_of([learned])

    arguments = DistillationConfig(
        output_dir=str(tmp_path), beta=beta, temperature=1.0, use_cpu=True, bf16=False, report_to=[]
    )
    oracle = DistillationTrainer(
        model=theirs,
        teacher_model=teacher,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": "one"}]),
        processing_class=tokenizer,
    )

    def filled(rows, left):
        width = max(map(len, rows))
        rest = [[0] * (width - len(row)) for row in rows]
        pairs = zip(rest, rows, strict=True)
        ids = torch.tensor([more + row if left else row + more for more, row in pairs])
        ones = zip(rest, ([1] * len(row) for row in rows), strict=True)
        return ids, torch.tensor([more + one if left else one + more for more, one in ones])

    prompts, prompt_mask = filled([prompt for prompt, _ in found], True)
    texts, text_mask = filled([text for _, text in found], False)
    theirs.train()
    wanted = oracle.compute_loss(
        theirs,
        {
            "prompt_ids": prompts,
            "prompt_mask": prompt_mask,
            "completion_ids": texts,
            "completion_mask": text_mask,
            "num_items_in_batch": text_mask.sum(),
        },
    )
    wanted.backward()

    score_positions(student)
    knowledge = ResponseOfModel(teacher, Comparison(divergence, beta, 1.0, None, 0.3, VOCABULARY))
    lesson = lesson_of(learned, ())
    loss = knowledge.loss(lesson_sums(student, knowledge, lesson), given=False) / len(lesson.targets)
    loss.backward()
    assert len(lesson.targets) == sum(len(text) for _, text in found)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert_equal_gradients(gradients(student), gradients(theirs))
