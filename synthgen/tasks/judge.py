"""judge: a teacher as grader; its verdicts go into `meta.scores`, rows stay as they are.

LLM as a judge: Zheng et al. 2023, arXiv 2306.05685.

`score`: a whole number and a reason. `checklist`: yes or no for each item of a rubric; the score is the
share of yes. `pairwise`: the row's answer against another field's, in both orders; 1 where it wins both, 0
where it loses both, else 0.5.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from synthgen.core.chat import Reply, Request
from synthgen.core.prompts import Prompt
from synthgen.core.rows import Rejected, Row, ordered, question_text
from synthgen.tasks.answering import transcript
from synthgen.tasks.contract import Asking, Card, Item
from synthgen.tasks.grades import Grade, Side, both_orders, read_checklist, read_grade, read_side
from synthgen.tasks.prompting import AskOptions, choose_prompt, clean, make_request, refuse_faults
from synthgen.teachers.config import Sampling

PROMPTS = {"score": "judge/score", "checklist": "judge/checklist", "pairwise": "judge/pairwise"}
GIVEN = {
    "score": ("question", "response"),
    "checklist": ("question", "response", "items"),
    "pairwise": ("question", "first", "second"),
}
WINS = {"A": 1.0, "tie": 0.5, "B": 0.0}


class Orders(NamedTuple):
    """What a judge said of two answers: A is the one that it saw first; `replies` are its words."""

    straight: Side | None
    swapped: Side | None
    replies: tuple[str, str]


class JudgeConfig(AskOptions):
    """Options of `judge`."""

    kind: Literal["score", "checklist", "pairwise"] = Field("score", description="what is asked for")
    name: str = Field("judge", pattern=r"^[a-z][a-z0-9_]*$", description="the name in meta.scores")
    low: int = Field(1, description="score: the lowest grade")
    high: int = Field(5, description="score: the highest grade")
    labels: tuple[str, ...] = Field(
        (), description="score: the grades' names from the lowest on, for a prompt whose scale has names"
    )
    form: Literal["text", "json"] = Field(
        "text",
        description=(
            "json: the form is prescribed by a schema (`response_format`), so that every grade can be read; "
            "choose it where the provider has that (OpenAI, Azure, vLLM, SGLang, most of OpenRouter). A "
            "server that refuses it costs one request a run, and is asked without it; for score, pairwise"
        ),
    )
    items: tuple[str, ...] = Field(
        (), description="checklist: the rubric's items, each to be answered with yes or no"
    )
    against: str = Field("reference", description="pairwise: the field with the other answer")
    show_reference: bool = Field(True, description="whether the judge sees the row's reference")
    sampling: Sampling = Field(
        Sampling(temperature=0.0), description="what differs from the teacher's sampling"
    )

    @model_validator(mode="after")
    def _check(self) -> JudgeConfig:
        refuse_faults(self.load_prompt)
        if self.kind == "checklist" and not self.items:
            raise ValueError("a checklist needs items")
        if self.kind == "checklist" and self.form == "json":
            raise ValueError("form: json is for kind score and pairwise")
        if self.low >= self.high:
            raise ValueError("low is not below high")
        if self.labels and len(self.labels) != self.high - self.low + 1:
            raise ValueError(f"labels are {len(self.labels)}, and the scale has {self.high - self.low + 1}")
        return self

    def load_prompt(self) -> Prompt:
        """The prompt that the options choose."""
        return choose_prompt(self, PROMPTS[self.kind], given=GIVEN[self.kind], optional=("reference",))

    def prompts(self) -> tuple[str, ...]:
        """Prompts that no option names."""
        return () if self.prompt else (PROMPTS[self.kind],)


class Judge:
    """A teacher as grader: a score, a checklist or a comparison, in `meta.scores`.

    One request a row, two for pairwise; a row whose grade cannot be read is rejected as `ungraded`.
    """

    VERSION: ClassVar[int] = 6
    Config: ClassVar[type[AskOptions]] = JudgeConfig
    CARD: ClassVar[Card] = Card(
        reads=(
            "answered rows (`output`, or `messages` that end with the assistant's turn); in the `score` stage"
        ),
        writes="the same rows; `meta.scores.judge` and `judge_reason`, `judge_items`",
        source="LLM as a judge (arXiv 2306.05685), checklists (arXiv 2410.03608)",
        prompts=tuple(PROMPTS.values()),
        example={
            "instruction": "Name the largest planet.",
            "output": "Jupiter.",
            "meta": {"scores": {"judge": 5, "judge_reason": "Correct and to the point."}},
        },
    )

    def __init__(self, config: JudgeConfig, seed: int) -> None:
        self.config = config
        self.prompt = config.load_prompt()
        self._sampling = {"response_format": _schema(config)} if config.form == "json" else {}

    def ask(self, row: Row) -> Asking:
        """Grades the row's answer."""
        question, response = _question_and_answer(row)
        if not question.strip() or not response.strip():
            return [Rejected(row, "no_answer")]
        if self.config.kind == "pairwise":
            return [(yield from self._compared(row))]
        values = {**self._known(row, question), "response": response}
        if self.config.kind == "checklist":
            values["items"] = list(self.config.items)
        reply = yield from self._asked(values)
        return [self._graded(row, clean(reply.first.text))]

    def orders(self, row: Row, other: str) -> Generator[Request, Reply, Orders]:
        """The row's answer against another: the judge sees it first, and then last."""
        question, response = _question_and_answer(row)
        known = self._known(row, question)
        straight = yield from self._asked({"first": response, "second": other, **known})
        swapped = yield from self._asked({"first": other, "second": response, **known})
        replies = clean(straight.first.text), clean(swapped.first.text)
        return Orders(read_side(replies[0]), read_side(replies[1]), replies)

    def _known(self, row: Row, question: str) -> dict[str, Any]:
        """The question, and the reference where the prompt shows one."""
        if "reference" not in self.prompt.variables:
            return {"question": question}
        shown = self.config.show_reference and not (
            self.config.kind == "pairwise" and self.config.against == "reference"
        )
        return {"question": question, "reference": str(row.get("reference") or "") if shown else ""}

    def _asked(self, values: dict[str, Any]) -> Generator[Request, Reply, Reply]:
        """The reply to a request; where the server refuses it with the prescribed form, to one without."""
        plain = make_request(self.prompt, self.config, "judge", **values)
        if not self._sampling:
            return (yield plain)
        prescribed = replace(plain, sampling={**self._sampling, **plain.sampling}, optional=True)
        reply = yield prescribed
        return (yield plain) if reply.refused else reply

    def _graded(self, row: Row, text: str) -> Item:
        name = self.config.name
        if self.config.kind == "score":
            grade: Grade = read_grade(text, self.config.low, self.config.high, self.config.labels)
            if grade.score is None:
                return Rejected(_scored(row, {f"{name}_reason": text.strip()}), "ungraded")
            return _scored(row, {name: grade.score, f"{name}_reason": grade.reason})
        answers = read_checklist(text, len(self.config.items))
        if answers is None:
            return Rejected(_scored(row, {f"{name}_reason": text.strip()}), "ungraded")
        return _scored(
            row,
            {
                name: round(sum(answers) / len(answers), 4),
                f"{name}_items": dict(zip(self.config.items, answers, strict=True)),
                f"{name}_reason": text.strip(),
            },
        )

    def _compared(self, row: Row) -> Generator[Request, Reply, Item]:
        other = row.get(self.config.against)
        if not isinstance(other, str | int | float) or not str(other).strip():
            return Rejected(row, "no_answer", self.config.against)
        said = yield from self.orders(row, str(other))
        side = both_orders(said.straight, said.swapped)
        reason = {f"{self.config.name}_reason": "\n---\n".join(text.strip() for text in said.replies)}
        return (
            Rejected(_scored(row, reason), "ungraded")
            if side is None
            else _scored(row, {self.config.name: WINS[side], **reason})
        )


def _question_and_answer(row: Row) -> tuple[str, str]:
    turns = row.get("messages")
    if (
        isinstance(turns, list)
        and turns
        and isinstance(turns[-1], dict)
        and turns[-1].get("role") == "assistant"
    ):
        return transcript(turns[:-1]), str(turns[-1].get("content") or "")
    return question_text(row), str(row.get("output") or "")


def _schema(config: JudgeConfig) -> dict[str, Any]:
    """The response_format of a verdict: the reason first, as the prompts ask for it."""
    verdict: dict[str, Any] = (
        {"score": {"type": "integer", "enum": list(range(config.low, config.high + 1))}}
        if config.kind == "score"
        else {"verdict": {"type": "string", "enum": ["A", "B", "Tie"]}}
    )
    schema = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, **verdict},
        "required": ["reason", *verdict],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}


def _scored(row: Row, scores: dict[str, Any]) -> Row:
    meta = row.get("meta", {})
    return ordered({**row, "meta": {**meta, "scores": {**meta.get("scores", {}), **scores}}})
