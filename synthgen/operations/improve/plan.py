"""A pipeline as an improvement sees it: questions, a split, what is done with them, and students."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError
from synthgen.evaluation.slices import LENGTH
from synthgen.operations.measured import checked, measured, metric_of, seed_of
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, stage_id_of
from synthgen.tasks.contract import rows_wanted

STAGE = "stage"
"""The name that stands for slices by the stages that the split reads: which of them a row came from."""
QUESTIONS, EVOLVED = "improve-questions", "improve-evolved"
"""Stages of a run of new rows: all new questions, and what `evolve` made of them."""
LATER = "decontaminate"
"""The kind of stage that new rows pass when they are put behind the student's own, beside the test rows."""


class ImprovePlan:
    """What a pipeline is made of, seen as questions, a split, what is done with them, and students.

    Raises:
        ConfigError: the pipeline has no validation rows, no teacher among its models, no way to make more
            questions, or nothing to slice by.
    """

    def __init__(
        self, pipeline: Pipeline, by: str | None = None, student: str | None = None, evolve: bool = False
    ) -> None:
        self.pipeline, self.where = pipeline, str(pipeline.path)
        self.evaluate, self.students = measured(pipeline, student)
        self.metric = metric_of(self.evaluate)
        self.student = self._one_student()
        self.rows = self.students[0].reads["rows"]
        self._behind = ancestors(pipeline, self.rows)
        self.split = self._splitting()
        self.sources = self.split.reads["rows"]
        self._front = ancestors(pipeline, self.sources)
        self.back = [
            spec
            for spec in self._specs(self._behind - {self.split.id})
            if self.split.id in ancestors(pipeline, [spec.id])
        ]
        self.by = self._slicing(by)
        self.growing = [spec for spec in self._specs(self._front) if can_grow(spec)]
        self.train = f"run:{self.name('', 0)}:{self.split.id}.train"
        if not self.growing and self.by == STAGE:
            raise ConfigError(
                "questions that were loaded are asked again, and the stage that they came through is unknown",
                self.where,
                "slice by a field: --by meta.topic",
            )
        self.evolve = evolve

    def _specs(self, ids: set[str]) -> list[StageSpec]:
        return [spec for spec in self.pipeline.stages if spec.id in ids]

    def _one_student(self) -> str:
        names = list(dict.fromkeys(seed_of(spec) for spec in self.students))
        if len(names) > 1:
            raise ConfigError(
                f"the pipeline measures {len(names)} students: {', '.join(names)}",
                self.where,
                f"say which one is improved: --student {names[0]}",
            )
        if any(getattr(spec.config, "weights", ()) for spec in self.students):
            raise ConfigError(
                f"{names[0]} weighs its inputs, and new rows have no weight",
                self.where,
                f"leave it out: --set {names[0]}.weights=[]",
            )
        if "teacher" not in self.evaluate.config.models:  # type: ignore[attr-defined]
            raise ConfigError(
                f"{self.evaluate.id} does not ask the teacher, to which the student's slices are held",
                self.where,
                "put teacher into its `models`",
            )
        return names[0]

    def _splitting(self) -> StageSpec:
        splits = [spec for spec in self._specs(self._behind) if spec.stage.writes == "split"]
        if len(splits) != 1 or not getattr(splits[0].config, "validation", 0):
            raise ConfigError(
                "slices are chosen on validation rows, so that the test rows stay unseen, and there are none"
                if len(splits) < 2
                else f"{len(splits)} splits stand before {self.student}, and which one's rows to use is open",
                self.where,
                "split: {test: N, validation: N} before the teacher answers",
            )
        return splits[0]

    def _slicing(self, by: str | None) -> str:
        given: Sequence[str] = self.evaluate.config.by  # type: ignore[attr-defined]
        named = by or next((field for field in given if field != LENGTH), None)
        if named is None and len(self.sources) > 1:
            named = STAGE
        if named is None or named == LENGTH or (named == STAGE and len(self.sources) < 2):
            passed_over = "; `by` of evaluate names length alone" if LENGTH in given and not by else ""
            raise ConfigError(
                f"{self.split.id} reads one stage, so there is nothing to slice by{passed_over}"
                if named != LENGTH
                else "no stage can be asked for questions of a length",
                "--by" if by else self.where,
                "name a field that questions have: --by meta.attributes.topic",
            )
        if any(stage_id_of(name) != name for name in self.sources):
            raise ConfigError(
                f"{self.split.id} reads rows of another run or split, of which no more can be made",
                self.where,
                "load or make them in this pipeline",
            )
        return named

    def unpriced(self) -> str:
        """A teacher that makes or answers questions and has no price, as a person knows it; "" if none."""
        for spec in (*self.growing, *self.back):
            for name in spec.stage.asks(spec.config):
                price = self.pipeline.teachers[name].price
                if price is None or not (price.input_per_mtok or price.output_per_mtok):
                    return f"the teacher {name!r}" if name else "the teacher"
        return ""

    def name(self, arm: str, number: int) -> str:
        """The run of a round; 0 is the start, which all arms share."""
        return f"{self.pipeline.name}.{arm}-{number}" if number else f"{self.pipeline.name}.improve"

    def grows(self, source: str) -> bool:
        """Whether more rows can be had of a stage that the split reads."""
        before = ancestors(self.pipeline, [source])
        return not self.growing or any(spec.id in before for spec in self.growing)

    def past(self, references: Sequence[str]) -> list[str]:
        """References as a run of new rows has them: past `decontaminate`, and new questions for the split's.

        What the split has nothing to do with is left out.
        """
        found: list[str] = []
        for reference in references:
            stage_id = stage_id_of(reference)
            spec = next((one for one in self.back if one.id == stage_id), None)
            if stage_id == self.split.id:
                found.append(EVOLVED if self.evolve else QUESTIONS)
            elif spec is not None and spec.kind == LATER:
                found += self.past(first_reads(spec))
            elif spec is not None:
                found.append(reference)
        return list(dict.fromkeys(found))

    def entries(self) -> list[tuple[StageSpec, dict[str, Any]]]:
        """Each stage with its options, and with what it reads by name."""
        return [(spec, options_of(spec)) for spec in self.pipeline.stages]

    def copy(self, name: str, stages: list[dict[str, Any]], seed: int) -> Pipeline:
        """The pipeline with other stages."""
        whole = self.pipeline.resolved()
        return checked(self.pipeline, {**whole, "seed": seed, "name": name, "stages": stages})


class Sizes:
    """How many questions of each slice each stage before the split had made."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """`counts`: stage -> slice -> rows."""
        self.counts = counts

    def rows(self, source: str, name: str) -> int:
        """The rows of a slice that came from a stage."""
        return self.counts.get(source, {}).get(name, 0)

    def of(self, name: str) -> int:
        """The rows of a slice."""
        return sum(found.get(name, 0) for found in self.counts.values())

    def all(self) -> int:
        """All rows."""
        return sum(sum(found.values()) for found in self.counts.values())


def can_grow(spec: StageSpec) -> bool:
    """Whether more rows can be asked of a stage: it makes rows of nothing until enough are kept."""
    task = getattr(spec.config, "task", None)
    return task is not None and rows_wanted(task.options) is not None and not spec.reads


def first_reads(spec: StageSpec) -> Sequence[str]:
    """What a stage's `input` names."""
    return spec.reads[next(iter(spec.reads))] if spec.reads else ()


def options_of(spec: StageSpec) -> dict[str, Any]:
    """A stage's options as a pipeline file has them, with its id and what it reads by name."""
    named = {"input": list(first_reads(spec))} if spec.reads else {}
    return {**resolved(spec.config), "id": spec.id, **named}
