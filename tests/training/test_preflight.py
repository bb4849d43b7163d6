import random

import pytest

from synthgen.builtin_teacher.arithmetic import make_problem, work_out
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.training.completions import completion_text, example
from synthgen.training.encoding import IGNORED, encode
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import prepare
from synthgen.training.tokenizer import CHATML, END, PAD, train_tokenizer


def rows(number):
    rng = random.Random(1)
    made = []
    for index in range(number):
        problem = make_problem(rng)
        working = work_out(problem.question)
        made.append(
            {
                "id": f"r{index}",
                "instruction": problem.question,
                "rationale": working.rationale,
                "final_answer": working.answer,
                "output": working.answer,
            }
        )
    return made


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(
        (row["instruction"] + completion_text(row, "rationale_then_answer") for row in rows(300)), 400, 512
    )


def ends(tokenizer):
    return frozenset((tokenizer.eos_token_id,))


def test_the_tokenizer_has_digits_as_tokens_and_distinct_marks(tokenizer):
    assert len(tokenizer) == 400
    assert tokenizer.tokenize("He has 1203 and 4.")[-6:] == ["2", "0", "3", "Ġand", "Ġ4", "."]
    assert tokenizer.pad_token == PAD and tokenizer.eos_token == END and PAD != END
    assert tokenizer.decode(tokenizer("naïve €5, 北京\n\t!")["input_ids"]) == "naïve €5, 北京\n\t!"
    assert tokenizer.chat_template == CHATML


def test_the_same_texts_give_the_same_tokenizer(tokenizer):
    again = train_tokenizer(
        (row["instruction"] + completion_text(row, "rationale_then_answer") for row in rows(300)), 400, 512
    )
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_the_mask_is_right_token_by_token(tokenizer):
    row = {"instruction": "Mia has 3 cups. How many?", "rationale": "First 3.", "final_answer": "3"}
    made = encode(example(row, "rationale_then_answer"), tokenizer, ends(tokenizer), 256)
    prompt = "<|im_start|>user\nMia has 3 cups. How many?<|im_end|>\n<|im_start|>assistant\n"
    said = "First 3.\nThe answer is 3.<|im_end|>"
    expected = tokenizer(prompt)["input_ids"] + tokenizer(said)["input_ids"]
    assert made.input_ids == expected
    start = len(tokenizer(prompt)["input_ids"])
    assert made.labels == [IGNORED] * start + expected[start:]
    assert made.labels[-1] == tokenizer.eos_token_id
    assert made.fault is None


def test_tokens_and_labels_are_those_that_trl_makes_itself(tokenizer, tmp_path):
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    some = rows(20)
    conversational = Dataset.from_list([example(row, "rationale_then_answer") for row in some])
    model = LlamaForCausalLM(
        LlamaConfig(
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=1,
            vocab_size=len(tokenizer),
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )
    trainer = SFTTrainer(
        model,
        SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, max_length=80, report_to=[]),
        train_dataset=conversational,
        processing_class=tokenizer,
    )
    theirs = sorted((made["input_ids"], made["labels"]) for made in trainer.train_dataset)
    encoded = [encode(example(row, "rationale_then_answer"), tokenizer, ends(tokenizer), 80) for row in some]
    assert theirs == sorted(
        (made.input_ids, made.labels) for made in encoded if made.fault != "nothing_to_learn"
    )
    assert {made.fault for made in encoded} == {
        None,
        "truncated",
        "nothing_to_learn",
    }  # TRL drops the last kind without a word


def run(some, tokenizer, tmp_path, **options):
    arrow = tmp_path / "rows.arrow"
    with RowWriter(tmp_path / "rejected.jsonl") as rejects:
        preflight = prepare(
            some,
            arrow,
            **{
                "objective": Supervised(SupervisedConfig(completion="rationale_then_answer")),
                "tokenizer": tokenizer,
                "end_ids": ends(tokenizer),
                "max_length": 256,
                "rejects": rejects,
                **options,
            },
        )
    from datasets import Dataset

    return preflight, Dataset.from_file(str(arrow)), list(read_rows(tmp_path / "rejected.jsonl"))


def test_whole_rows_are_all_kept(tokenizer, tmp_path):
    preflight, held, rejected = run(rows(700), tokenizer, tmp_path)
    assert (preflight.rows, preflight.kept, len(held), rejected) == (700, 700, 700, [])
    assert preflight.tokens == sum(len(ids) for ids in held["input_ids"])
    assert preflight.learned_tokens == sum(label != IGNORED for labels in held["labels"] for label in labels)
    assert "The answer is" in preflight.shown.partition("learned:")[2]
    assert "The answer is" not in preflight.shown.partition("learned:")[0]


def long_rows():
    some = rows(4)
    some[1]["rationale"] = "First 1 + 1 = 2. " * 100  # cut within the completion
    some[2]["instruction"] = "Mia has 3 cups. " * 100  # the prompt alone fills the length
    return some


def test_broken_rows_fail_by_default_with_what_to_do(tokenizer, tmp_path):
    with pytest.raises(StageFailed) as caught:
        run(long_rows(), tokenizer, tmp_path)
    assert "1 nothing to learn, 1 truncated" in str(caught.value)
    assert "row r2" in str(caught.value) and "row r1" in str(caught.value)
    assert "raise max_length" in str(caught.value)


def test_dropped_rows_are_written_with_rule_value_and_threshold(tokenizer, tmp_path):
    preflight, held, rejected = run(long_rows(), tokenizer, tmp_path, unfit="drop")
    assert preflight.rows == preflight.kept + len(rejected) == 4
    assert [(row["id"], row["rejection"]["rule"]) for row in rejected] == [
        ("r1", "truncated"),
        ("r2", "nothing_to_learn"),
    ]
    assert rejected[0]["rejection"]["value"] > rejected[0]["rejection"]["threshold"] == 256
    assert len(held) == 2


def test_kept_rows_are_cut_but_one_with_nothing_to_learn_is_not_trained_on(tokenizer, tmp_path):
    preflight, held, rejected = run(long_rows(), tokenizer, tmp_path, unfit="keep")
    assert [row["id"] for row in rejected] == ["r2"]
    assert [len(ids) for ids in held["input_ids"]][1] == 256
    assert preflight.plain()["truncated"] == 1


def test_a_template_that_ends_turns_with_another_token_is_seen(tokenizer, tmp_path):
    with pytest.raises(StageFailed, match="2 no end token") as caught:
        run(rows(2), tokenizer, tmp_path, end_ids=frozenset((tokenizer.pad_token_id,)))
    assert "eos_token" in str(caught.value)


def test_rows_without_the_needed_fields_are_counted_and_the_first_is_named(tokenizer, tmp_path):
    some = rows(5)
    del some[2]["rationale"], some[4]["final_answer"]
    with pytest.raises(ConfigError) as caught:
        run(some, tokenizer, tmp_path)
    assert ": 2 of 5 rows have no final_answer and no rationale" in str(caught.value)
    assert "row r2" in str(caught.value)


@pytest.mark.parametrize("unfit", ["fail", "drop", "keep"])
def test_answers_that_a_label_calls_bad_are_never_learned_as_good_ones(tokenizer, tmp_path, unfit):
    made = [{**row, "label": number > 0} for number, row in enumerate(rows(5))]
    with RowWriter(tmp_path / "rejected.jsonl") as rejects:
        found = prepare(
            made,
            tmp_path / "rows.arrow",
            objective=Supervised(SupervisedConfig(completion="output")),
            tokenizer=tokenizer,
            end_ids=ends(tokenizer),
            max_length=512,
            unfit=unfit,
            rejects=rejects,
        )
    assert (found.kept, found.dropped) == (4, {"not_to_learn": 1})
    (row,) = read_rows(tmp_path / "rejected.jsonl")
    assert row["id"] == "r0" and row["rejection"]["rule"] == "not_to_learn"
    assert "1 left out since their label is false" in found.line()
