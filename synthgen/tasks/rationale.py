"""rationale: worked steps and a final answer for each question, as distilling step-by-step asks for them.

Few-shot chain of thought by default (Hsieh et al. 2023, arXiv 2305.02301; Wei et al. 2022); the reference, where there is
one, stays hidden from the teacher, so that `answer_match` can hold each answer to it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from synthgen.exchange import Sample
from synthgen.prompts import Prompt
from synthgen.records import Row, ordered, question_text
from synthgen.tasks.asking import (
    ExampleOptions,
    chosen_prompt,
    clean,
    provenance,
    read_examples,
    refuse_faults,
    request,
)
from synthgen.tasks.contract import Asking, Item, Rejected

PROMPT = "rationale/few_shot"
GIVEN = ("question",)
EXAMPLE_COLUMNS = {
    "question": ("question", "instruction"),
    "rationale": ("rationale", "reasoning", "output"),
    "final_answer": ("final_answer", "reference", "answer"),
}


class RationaleConfig(ExampleOptions):
    """Options of `rationale`."""

    samples: int = Field(1, ge=1, le=256, description="answers per question, each a row of its own")

    @model_validator(mode="after")
    def _check(self) -> RationaleConfig:
        refuse_faults(self.load_prompt)
        return self

    def load_prompt(self) -> Prompt:
        """The prompt that the options choose, with the user's examples."""
        examples = read_examples(self.examples, EXAMPLE_COLUMNS) if self.examples else None
        return chosen_prompt(self, PROMPT, given=GIVEN, examples=examples)

    def prompts(self) -> tuple[str, ...]:
        """Prompts that no option names."""
        return () if self.prompt else (PROMPT,)


class Rationale:
    """One request a question, `samples` answers in it; a row for each answer."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[ExampleOptions]] = RationaleConfig

    def __init__(self, config: RationaleConfig, seed: int) -> None:
        self.config = config
        self.prompt = config.load_prompt()

    def ask(self, row: Row) -> Asking:
        """Asks the row's question; the reference is not shown."""
        question = question_text(row)
        if not question.strip():
            return [Rejected(row, "no_question")]
        reply = yield request(self.prompt, self.config, "rationale", n=self.config.samples, question=question)
        return [self._answered(row, question, sample) for sample in reply.samples]

    def _answered(self, row: Row, question: str, sample: Sample) -> Item:
        kept = {name: value for name, value in row.items() if name not in ("messages", "output", "rationale", "final_answer", "reasoning")}
        kept["instruction"] = row.get("instruction") or question
        kept["meta"] = {**row.get("meta", {}), **provenance(sample, self.prompt)}
        if sample.reasoning:
            kept["reasoning"] = clean(sample.reasoning)
        return worked_answer(kept, clean(sample.text))


def worked_answer(row: Row, text: str) -> Item:
    """The row with a worked reply read into `output`, `rationale` and `final_answer`; rejected as `empty` where it says nothing.

    `output` is the whole reply, run-on and all, so that filters see it; `rationale` the steps of the first answer without
    the answer's line; `final_answer` is left out where no answer is found.
    """
    from synthgen.evaluation.answers import split_rationale

    if not text.strip():
        return Rejected(ordered(row), "empty")
    rationale, answer = split_rationale(text)
    return ordered({**row, "output": text.strip(), "rationale": rationale or None, "final_answer": answer})
