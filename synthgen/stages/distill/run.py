"""distill: train a student on what its teacher knows.

The teacher is a model whose weights are at hand: `teacher: {from: <stage>}`, an earlier stage's student, or
`teacher: {model: …}`, a hub id or a folder; or one that a `logprobs` stage has asked, `teacher: {logprobs:
<stage>}`, which is neither loaded nor asked again. It reads the same rows as the student, which are those
that sft would learn. What is learned of it beside the text is its `knowledge`: for each token of a completion

- response: how likely it held every token; the divergence of both distributions times temperature²
- feature: its hidden states; how far the student's, projected to its width, are from them
- relation: how its positions stand to each other; how far the student's are from that

The loss is

    (1 - weight) · cross entropy of the text + weight · the loss of the knowledge

as a mean over the completions' tokens. Both models need one tokenizer: a teacher of another one is refused
with the first difference. Logits that only pad a vocabulary to a round number are cut, which is said.

`policy: on_policy` has the student learn on text that it writes itself, `mixed` on that and the rows'.
`teacher: self` is the student as it starts, or the mean of its past weights. `sees: rationale` shows
a teacher what the student does not see. `online: true` trains the teacher at the same time, and publishes it.

Writes what sft writes; `metrics.jsonl` has both parts of the loss, too. Everything else is as in sft: full
and lora, packing, several processes, resuming, validation and early stopping. Each process holds a whole
teacher. The loss by which a mixture of experts keeps its experts busy is left out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.config import resolved
from synthgen.core.errors import Fault
from synthgen.core.text import amount
from synthgen.stages.chosen_teacher import asked_teacher, loaded_teacher
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.distill.options import Config
from synthgen.stages.training_checks import foreseen_faults, training_faults, training_warnings
from synthgen.stages.training_inputs import rehearsed, training_needs, training_outcome
from synthgen.store.manifest import read_manifest
from synthgen.store.token_logprobs import DISTRIBUTIONS, INDEX, TokenLogprobs
from synthgen.training.inside_check import foreseen_inside_faults
from synthgen.training.local_teacher import LocalTeacher
from synthgen.training.objectives.feature import Feature
from synthgen.training.objectives.relation import Relation
from synthgen.training.run import train_student
from synthgen.training.start import LOGPROBS, TEACHER
from synthgen.training.teacher_check import foreseen_teacher_faults

TELLS_RATIONALE = ("rationale_then_answer", "think_tags")
"""Completions that hold a row's rationale."""
MANY_CUT = 50.0
"""Percent of own texts that are cut."""


def needs(config: Config) -> dict[str, Need]:
    """Rows to train on, a split's validation part where there is one, the student's start, the teacher."""
    needed = training_needs(config.student, config)
    if config.teacher.stage is not None:
        needed[TEACHER] = Need("model", choose=(config.teacher.stage,), option=f"{TEACHER}.from")
    if config.teacher.logprobs is not None:
        needed[LOGPROBS] = Need(
            "rows", choose=(config.teacher.logprobs,), option=f"{TEACHER}.{LOGPROBS}", made_by=LOGPROBS
        )
    return needed


def faults(config: Config) -> list[Fault]:
    """What is known to be wrong without looking at the student; see `training_checks`."""
    found = training_faults(config.student, config, config.objective())
    if config.own_text.engine == "vllm" and importlib.util.find_spec("vllm") is None:
        found.append(
            Fault(
                "vllm is not installed in the environment that trains",
                "own_text: {engine: vllm}",
                "pip install 'synthgen-pipeline[train,vllm]', or engine: transformers",
            )
        )
    return found


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """What would keep the student from being trained and asked, or this teacher from teaching it."""
    found = foreseen_faults(config.student, config, config.objective(), config.completion, readers)
    found = found or foreseen_teacher_faults(config.teacher, config.student)
    objective = config.objective()
    if found or not isinstance(objective, Feature | Relation):
        return found
    return foreseen_inside_faults(config.teacher, config.student, objective.options, objective.layers)


def warnings(config: Config) -> list[Fault]:
    """What would go otherwise than a person expects; see `training_checks`."""
    found = training_warnings(config.student, config)
    if config.policy == "on_policy" and config.student.init is not None:
        found.append(
            Fault(
                "a student from scratch has nothing to say yet: its own text teaches it next to nothing",
                next="start from an sft stage's model: student: {from: …}; or policy: offline or mixed",
            )
        )
    if config.teacher.sees == "rationale" and config.completion in TELLS_RATIONALE:
        found.append(
            Fault(
                f"completion: {config.completion} has the rationale that the teacher's prompt holds already: "
                "it teaches how sure one is who copies",
                next="completion: answer_only or output; or leave sees out",
            )
        )
    return found


def own_text_advice(config: Config, figures: Mapping[str, Any]) -> str:
    """What to change where a student hardly learned from text of its own; "" where it did.

    Args:
        config: the options.
        figures: of the training; see `prepared.own_text_figures`.
    """
    if config.policy != "offline" and "own tokens" not in figures:
        return (
            f"no step was on text of the student's own: own_text: {{share: {config.own_text.share:g}}} of "
            f"{figures['steps']:,} steps is less than one"
        )
    if float(str(figures.get("own texts cut", "0")).rstrip("%")) > MANY_CUT:
        return (
            f"{figures['own texts cut']} of the student's own texts were cut, and teach no end: a higher "
            "own_text: {max_new_tokens: …} or max_length, or a student that has learned to end a reply"
        )
    return ""


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Trains the student; see `training.run.train_student`."""
    teacher, name = _teacher(inputs, config, context.seed if config.seed is None else config.seed)
    trained = train_student(
        inputs["rows"],
        out,
        student=config.student,
        options=config,
        objective=config.objective(teacher),
        context=context,
        recorded={**resolved(config), "divergence": config.compared_by},
        validation=next((part for part in inputs.get("validation", ()) if part.rows), None),
        start=next(iter(inputs.get("student", ())), None),
        tokenizer=next(iter(inputs.get("tokenizer", ())), None),
    )
    if advice := own_text_advice(config, trained.figures):
        context.reporter.say(f"{context.stage_id}: {advice}")
    return training_outcome(
        trained,
        f"{context.stage_id}: {trained.base}, {trained.parameters:,} parameters, learned from "
        f"{name}, {amount(trained.preflight.kept, 'row')} as {config.completion}; {trained.shown_figures()}",
        student={"completion": config.completion, "teacher": name, "knowledge": config.knowledge},
    )


def _teacher(inputs: Inputs, config: Config, seed: int) -> tuple[LocalTeacher | TokenLogprobs, str]:
    """The teacher, and its name; `seed` makes the first weights of one from scratch."""
    if config.teacher.logprobs is not None:
        (asked,) = inputs[LOGPROBS]
        told = asked_teacher(asked, "teacher: {logprobs: …}")
        return told, f"the teacher that {asked.stage_id} asked"
    teacher = loaded_teacher(config.teacher, inputs.get(TEACHER, ()), seed)
    return teacher, teacher.name


def _rehearsed(config: Config) -> Config | None:
    """None where made-up rows will not do.

    No teacher was asked about them; and where student and teacher each make a tokenizer of the rows, these
    would give two.
    """
    if config.teacher.logprobs is not None:
        return None
    own = config.student.init is not None and config.student.tokenizer_of is None
    return None if own and config.teacher.stage is not None else rehearsed(config)


def provenance(need: str, artefacts: Sequence[Artefact]) -> Any:
    """What a remote teacher has told, which stands in files beside the rows."""
    if need != LOGPROBS:
        return None
    manifests = [read_manifest(artefact.folder) for artefact in artefacts]
    return [
        [manifest.outputs[name].sha256 for name in (INDEX, DISTRIBUTIONS) if name in manifest.outputs]
        for manifest in manifests
        if manifest is not None
    ]


STAGE = Stage(
    config=Config,
    version=3,
    writes="model",
    seeded=True,
    needs=needs,
    run=run,
    teaches=lambda config, learned: config.objective(),
    rehearsed=_rehearsed,
    faults=faults,
    foresees=foresees,
    warnings=warnings,
    graceful=True,
    provenance=provenance,
    see=(
        "With examples: [distillation.md](distillation.md). Several GPUs, torchrun, FSDP and DeepSpeed: "
        "[devices.md](devices.md)."
    ),
    sharding=Whole("a student is trained on all rows (several GPUs: `processes: N`)"),
    example=(
        "- distill: {student: {init: {hidden_size: 96, layers: 3, heads: 6}}, teacher: {from: "
        "teacher}, weight: 0.5}"
    ),
)
