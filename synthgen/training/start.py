"""What a student takes from earlier stages: the weights that it starts from, a tokenizer, its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import StageFailed
from synthgen.training.student_options import StudentOptions

STUDENT = "student"
"""The need of a training stage that an earlier student meets."""
TEACHER = "teacher"
"""The need of a training stage that a model with weights meets, which the student learns from."""
LOGPROBS = "logprobs"
"""The need of a training stage that a stage meets which has asked a remote teacher."""
TOKENIZER = "tokenizer"
"""The need of a training stage that a model meets whose tokenizer the student takes."""


def started(
    options: StudentOptions, start: Artefact | None, tokenizer: Artefact | None = None
) -> StudentOptions:
    """The student's options with folders in place of stages' names.

    Args:
        options: which student.
        start: the model that it starts from.
        tokenizer: the model whose tokenizer it takes.
    """
    update: dict[str, object] = {}
    if start is not None:
        update |= {"from": None, "model": str(start.file)}
    if tokenizer is not None and options.init is not None:
        update["init"] = options.init.model_copy(update={"tokenizer_of": str(tokenizer.file)})
    chosen: StudentOptions = options.model_copy(update=update)
    return chosen


def stages_of(student: Artefact) -> list[Artefact]:
    """A student and those that it was trained from, the first one last.

    Raises:
        StageFailed: one of these is no longer there.
    """
    stages = [student]
    while named := _named_start(stages[-1]):
        last = stages[-1]
        earlier = last.inputs.get(STUDENT, ())
        if not earlier:
            raise StageFailed(
                f"{last.stage_id} was trained from {named}, which is no longer there",
                str(last.folder),
                "run that stage again",
            )
        stages.append(earlier[0])
    return stages


def _named_start(student: Artefact) -> str:
    options = student.config.get(STUDENT)
    return str(options.get("from") or "") if isinstance(options, Mapping) else ""


def completion_of(student: Artefact) -> str:
    """What a student learned to say in its last stage that says so; see `completions.Completion`."""
    named = (stage.config.get("completion") for stage in stages_of(student))
    return str(next((completion for completion in named if completion), "output"))


def trained_before(start: Artefact | None) -> list[str]:
    """What a student's first stage started from ("" for random weights), then the stages before this one."""
    if start is None:
        return []
    stages = stages_of(start)
    options = stages[-1].config.get(STUDENT)
    origin = options.get("model") or "" if isinstance(options, Mapping) else ""
    return [str(origin), *(stage.stage_id for stage in reversed(stages))]


def name_start(adapter: Path, start: Artefact | None, name: str | None) -> None:
    """Has saved adapters name the stage that they start from, and not a folder of this machine."""
    if start is None or name is None:
        return
    folder = str(start.file)
    for file in (adapter / "adapter_config.json", adapter / "README.md"):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            quoted = orjson.dumps(folder).decode(), orjson.dumps(name).decode()
            file.write_text(text.replace(*quoted).replace(folder, name), encoding="utf-8")
