"""The variants of an ablation: the pipeline with one rule, or one whole stage, taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError, nearest
from synthgen.core.registry import Choice
from synthgen.operations.measured import checked, measured, metric_of, with_models
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors
from synthgen.stages import STAGES
from synthgen.stages.contract import find_stage

FULL = "full pipeline"


@dataclass(frozen=True)
class Removal:
    """What a variant goes without: a stage, or with `at` one entry of its rules or methods."""

    name: str
    stage: str
    at: int | None = None


@dataclass(frozen=True)
class Variant:
    """One pipeline of an ablation; the full one has no removal."""

    name: str
    removal: Removal | None
    pipeline: Pipeline
    asks: tuple[str, ...] = ()
    """Stages that ask a teacher about rows which the full pipeline had dropped."""


class AblationPlan:
    """The variants of an ablation, made and checked before anything runs.

    Raises:
        ConfigError: the pipeline measures no student, or a name is not of something that can be taken out.
    """

    def __init__(self, pipeline: Pipeline, without: Sequence[str] = (), student: str | None = None) -> None:
        self.pipeline = pipeline
        self.evaluate, chosen = measured(pipeline, student)
        self.students = with_models(pipeline, chosen)
        self.metric = metric_of(self.evaluate)
        self._fixed = ancestors(
            pipeline,
            [
                *self.evaluate.reads["questions"],
                *(name for spec in self.students for name in spec.reads.get("validation", ())),
            ],
        )
        self._trained = ancestors(
            pipeline,
            [
                name
                for spec in self.students
                for need, names in spec.reads.items()
                if need != "validation"
                for name in names
            ],
        )
        removals = [self._named(name) for name in without] if without else self._every()
        if not removals:
            raise ConfigError(
                "there is nothing to take out between the test rows and the student",
                str(pipeline.path),
                f"an ablation takes out what chooses rows behind the split: {', '.join(ablatable_kinds())}",
            )
        self.variants = [self._variant(removal) for removal in (None, *dict.fromkeys(removals))]

    def matched(self, variant: Variant, sizes: Mapping[str, int]) -> Pipeline:
        """A variant's pipeline to its end: each student is trained on `sizes[student]` rows of its input."""
        whole = variant.pipeline.resolved()
        stages: list[dict[str, Any]] = []
        for entry in whole["stages"]:
            ((kind, options),) = entry.items()
            if options["id"] in sizes:
                if options.get("weights"):
                    raise ConfigError(
                        f"{options['id']} weighs its inputs, and an ablation trains all students on as many "
                        "rows of all inputs alike",
                        str(self.pipeline.path),
                        f"leave it out for the ablation: --set {options['id']}.weights=[]",
                    )
                sample = f"{options['id']}-rows"
                stages.append(
                    {
                        "select": {
                            "id": sample,
                            "input": options["input"],
                            "sample": {"size": sizes[options["id"]]},
                        }
                    }
                )
                options = {**options, "input": sample}
            stages.append({kind: options})
        return checked(self.pipeline, {**whole, "stages": stages})

    def _every(self) -> list[Removal]:
        removals: list[Removal] = []
        for spec in self.pipeline.stages:
            if spec.id not in self._trained or spec.id in self._fixed:
                continue
            if spec.stage.ablation is None:
                continue
            if spec.stage.ablation.one_by_one:
                names = _names_of_parts(spec)
                removals += [
                    self._named(f"{spec.id}.{index if names.count(name) > 1 else name}")
                    for index, name in enumerate(names)
                ]
            else:
                removals.append(Removal(spec.id, spec.id))
        return removals

    def _named(self, name: str) -> Removal:
        stage_id, dot, part = name.partition(".")
        where = f"--without {name}"
        ids = [spec.id for spec in self.pipeline.stages]
        if stage_id not in ids:
            near = nearest(stage_id, ids)
            raise ConfigError(
                f"no stage {stage_id!r} in this pipeline",
                where,
                f"did you mean {near + dot + part!r}?" if near else f"its stages: {', '.join(ids)}",
            )
        spec = self.pipeline.stage(stage_id)
        if spec.stage.ablation is None:
            raise ConfigError(
                f"{stage_id} cannot be taken out: it is a {spec.kind} stage",
                where,
                f"an ablation takes out what chooses rows: {', '.join(ablatable_kinds())}",
            )
        if stage_id not in self._trained:
            raise ConfigError(
                f"{stage_id} is not on the way to {', '.join(spec.id for spec in self.students)}",
                where,
                f"on the way: {', '.join(one for one in ids if one in self._trained)}",
            )
        if stage_id in self._fixed:
            raise ConfigError(
                f"{stage_id} decides which test or validation rows there are, so that scores with and "
                "without it are not of the same rows",
                where,
                "put `split` before it in the pipeline",
            )
        if not dot:
            return Removal(name, stage_id)
        names = _names_of_parts(spec)
        if not names:
            raise ConfigError(
                f"{stage_id} is a {spec.kind} stage and has no parts",
                where,
                f"--without {stage_id} takes it out whole",
            )
        if part.isdigit() and int(part) < len(names):
            return Removal(name, stage_id, int(part))
        if names.count(part) > 1:
            raise ConfigError(
                f"{stage_id} has {part!r} {names.count(part)} times",
                where,
                "say which by its place: "
                + " or ".join(f"{stage_id}.{index}" for index, one in enumerate(names) if one == part),
            )
        if part not in names:
            near = nearest(part, names)
            raise ConfigError(
                f"{stage_id} has no {part!r}",
                where,
                f"did you mean {f'{stage_id}.{near}'!r}?" if near else f"it has: {', '.join(names)}",
            )
        return Removal(name, stage_id, names.index(part))

    def _variant(self, removal: Removal | None) -> Variant:
        gone = removal and (
            removal.at is None or len(_names_of_parts(self.pipeline.stage(removal.stage))) == 1
        )
        needed = self._fixed | self._trained | {spec.id for spec in (*self.students, self.evaluate)}
        stages = []
        for spec, entry in zip(self.pipeline.stages, self.pipeline.resolved()["stages"], strict=True):
            ((kind, options),) = entry.items()
            if spec.id not in needed or (removal and gone and spec.id == removal.stage):
                continue
            if spec.reads:
                first = next(iter(spec.reads))
                options["input"] = list(
                    self._past(spec.reads[first], removal.stage if removal and gone else "")
                )
            if removal and not gone and spec.id == removal.stage:
                assert removal.at is not None
                del options[_parts_option(spec)][removal.at]
            if spec.id == self.evaluate.id:
                options["models"] = [student.id for student in self.students]
                options["metrics"] = [resolved(self.metric)]
                options.pop("pairwise", None)
                options["on_leak"] = "exclude" if options["on_leak"] == "fail" else options["on_leak"]
            stages.append({kind: options})
        label = f"without-{re.sub('[^A-Za-z0-9._-]', '-', removal.name)}" if removal else "matched"
        made = checked(
            self.pipeline,
            {**self.pipeline.resolved(), "name": f"{self.pipeline.name}.{label}", "stages": stages},
        )
        asks = [
            spec.id
            for spec in self.pipeline.stages
            if removal
            and spec.stage.asks(spec.config)
            and spec.id in self._trained
            and removal.stage in ancestors(self.pipeline, [spec.id]) - {spec.id}
        ]
        return Variant(f"without {removal.name}" if removal else FULL, removal, made, tuple(asks))

    def _past(self, references: Iterable[str], gone: str) -> Iterable[str]:
        """References with those to a stage that is gone replaced by what it had read."""
        for reference in references:
            if gone and reference == gone:
                spec = self.pipeline.stage(gone)
                yield from spec.reads[next(iter(spec.reads))]
            else:
                yield reference


def _parts_option(spec: StageSpec) -> str:
    """The option whose entries can be taken out one by one; empty where there is none."""
    return spec.stage.ablation.parts if spec.stage.ablation is not None else ""


def _names_of_parts(spec: StageSpec) -> list[str]:
    """The entries that can be taken out: components by their names, plain values as they are."""
    option = _parts_option(spec)
    entries = getattr(spec.config, option) if option else ()
    return [entry.name if isinstance(entry, Choice) else str(entry) for entry in entries]


def ablatable_kinds() -> list[str]:
    """The kinds of stage that an ablation can take out."""
    return [kind for kind in STAGES if find_stage(kind).ablation is not None]
