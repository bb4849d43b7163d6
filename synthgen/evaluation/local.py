"""The local models of an evaluation: students and their bases, with answers that outlive a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row
from synthgen.evaluation.compare import Answer, ModelAnswers, Role
from synthgen.evaluation.generation import ChatTurns, Decoding, GeneratedReply, LocalModel
from synthgen.evaluation.leakage import nearness_of, training_files
from synthgen.store.jsonl import AppendLog, read_log
from synthgen.store.manifest import artefact_hash, read_manifest
from synthgen.training.completions import END_OF_THINKING, FORMS, answer_part, question_prefix
from synthgen.training.objectives.mutual import PEER as PEER_FOLDER
from synthgen.training.prompting import student_prompt
from synthgen.training.start import completion_of, stages_of
from synthgen.training.student import base_model
from synthgen.training.templates import TemplateRefused, advice

FIRST_WEIGHTS = "the student's first weights"
"""The source of a base that is a student from scratch before its training."""
PEER = ".teacher"
"""Behind a stage's id: the teacher that it trained beside its student, and published."""


@dataclass(frozen=True)
class Local:
    """A checkpoint that is asked: where it is, with whose tokenizer, and a hash of its weights.

    A student is asked as it was trained: its `completion` decides what stands before the question, and where
    in its reply the answer stands. A base was not trained, and is asked the plain question.
    """

    name: str
    role: Role
    path: str
    tokenizer: str
    digest: str
    source: str
    revision: str | None = None
    base: str | None = None
    completion: str = "output"
    seed_of: str = ""
    """The stage whose seeds it is one of."""
    trusted: bool = False
    """Whether code that comes with the model may run (`student: {trust_remote_code: true}`)."""


def locals_of(students: Sequence[Artefact], models: Sequence[str]) -> list[Local]:
    """The bases and students that `models` asks for, bases first; students may share a base.

    Raises:
        ConfigError: a teacher is asked for that its stage did not train and publish.
    """
    bases: dict[str, Local] = {}
    base_of: dict[Path, str] = {}
    for student in students if "base" in models else ():
        base = base_of_student(student)
        base_of[student.folder] = base.digest
        bases.setdefault(base.digest, base)
    names = {digest: "base" if len(bases) == 1 else f"base of {base.name}" for digest, base in bases.items()}
    chosen = [replace(base, name=names[digest]) for digest, base in bases.items()]
    every = any(name in ("student", "students") for name in models)
    # of another run, run:NAME:STAGE@VERSION
    stages = [name.partition("@")[0].rpartition(":")[2] for name in models]
    taken: set[str] = set()
    for student in students:
        name = student.stage_id
        if name in taken:  # of another run, whose stage has the same id
            name = f"{student.folder.parent.name}:{name}"
        taken.add(name)
        if every or student.stage_id in stages:
            chosen.append(_student(student, name, names.get(base_of.get(student.folder, ""))))
        if f"{student.stage_id}{PEER}" in stages:
            chosen.append(_peer(student, f"{name}{PEER}"))
    return chosen


def _student(student: Artefact, name: str, base: str | None) -> Local:
    return Local(
        name,
        "student",
        str(student.file),
        str(student.file),
        student.sha256,
        student.name,
        base=base,
        completion=completion_of(student),
        seed_of=str(student.config.get("seed_of") or ""),
        trusted=_trusted(student),
    )


def _peer(student: Artefact, name: str) -> Local:
    """The teacher that was trained beside a student, which reads and stops as it does."""
    folder = student.folder / PEER_FOLDER
    if not folder.is_dir():
        raise ConfigError(
            f"{student.stage_id} has published no teacher",
            f"evaluate: {{models: [{student.stage_id}{PEER}]}}",
            "distill publishes one that it trains: teacher: {online: true, …}; else leave it out",
        )
    asked = _student(student, name, None)
    return replace(
        asked,
        path=str(folder),
        tokenizer=str(folder),
        digest=peer_digest(student),
        source=f"the teacher of {student.stage_id}",
        seed_of=f"{asked.seed_of}{PEER}" if asked.seed_of else "",
    )


def peer_digest(student: Artefact) -> str:
    """A hash of the teacher that a stage has published; "" where it has none."""
    manifest = read_manifest(student.folder)
    if not (student.folder / PEER_FOLDER).is_dir() or manifest is None:
        return ""
    return artefact_hash(manifest, PEER_FOLDER)


def base_of_student(student: Artefact) -> Local:
    """The untrained base of a student, asked with the student's tokenizer.

    A student that was trained from another one has that one's base.
    """
    first = stages_of(student)[-1]
    base = base_model(first.folder, first.config)
    if Path(base.model) == first.folder / "base":
        manifest = read_manifest(first.folder)
        digest = artefact_hash(manifest, "base") if manifest else value_hash(base.model)
        source = FIRST_WEIGHTS
    else:
        digest, source = value_hash([base.model, base.revision]), base.model
    return Local(
        student.stage_id,
        "base",
        base.model,
        str(student.file),
        digest,
        source,
        base.revision,
        trusted=_trusted(student),
    )


def _trusted(student: Artefact) -> bool:
    return bool((student.config.get("student") or {}).get("trust_remote_code", False))


def provenance_of(students: Iterable[Artefact]) -> Any:
    """What an evaluation's result depends on beside the students' weights: bases, training rows, nearness."""
    students = tuple(students)
    peers = {student.stage_id: digest for student in students if (digest := peer_digest(student))}
    return {
        "students": [[student.stage_id, base_of_student(student).digest] for student in students],
        **({"teachers": peers} if peers else {}),
        "training": [artefact.sha256 for artefact in training_files(students)],
        "nearness": _nearness(students),
    }


def _nearness(students: Iterable[Artefact]) -> list[Any]:
    try:
        return list(nearness_of(students))
    except StageFailed as fault:  # told when the stage runs, unless a threshold is given there
        return [str(fault)]


def answers_of(
    local: Local, rows: Sequence[Row], decoding: Decoding, log_file: Path, each: Callable[[int, int], None]
) -> ModelAnswers:
    """A local model's answers to all rows; those in the log of an interrupted evaluation are not made again.

    Args:
        local: the model.
        rows: the questions.
        decoding: how it answers.
        log_file: where answers are kept while the evaluation is under way.
        each: called after every batch with the answers so far and their tokens; may raise to stop.

    Returns:
        The model with its answers.

    Raises:
        ConfigError: torch or transformers is not installed.
        StageFailed: the model cannot be loaded, its chat template refuses every question, or a GPU's memory
            does not hold a batch.
    """
    known = {
        int(entry["row"]): GeneratedReply(entry["text"], entry["ending"], entry["tokens"])
        for entry in read_log(log_file)
    }
    if len(known) < len(rows):
        student = local.role == "student"
        model = LocalModel(
            local.path,
            tokenizer=local.tokenizer,
            revision=local.revision,
            trained=student,
            trust_remote_code=local.trusted,
        )
        log = AppendLog(log_file)
        try:
            tokens = 0

            def keep(number: int, reply: GeneratedReply) -> None:
                if number not in known:
                    known[number] = reply
                    entry = {"text": reply.text, "ending": reply.ending, "tokens": reply.tokens}
                    log.append({"row": number, **entry})

            asked, prompts, refused = prompts_of(model, local, rows)
            for number, words in refused.items():
                keep(number, GeneratedReply(words, "template", 0))
            # What a template opens belongs to a base's reply; a student was trained to answer right after it.
            opened = model.opened_thinking(prompts[0])
            answered = frozenset(place for place, number in enumerate(asked) if number in known)
            for places, completions in model.answer(prompts, decoding, answered):
                for place, completion in zip(places, completions, strict=True):
                    if completion.text and (not student or END_OF_THINKING in completion.text):
                        completion = replace(completion, text=opened + completion.text)
                    keep(asked[place], completion)
                    tokens += completion.tokens
                each(len(known), tokens)
        finally:
            log.close()
            model.close()
    return told_by(local, rows, [known[number] for number in range(len(rows))])


def told_by(local: Local, rows: Sequence[Row], replies: Sequence[GeneratedReply]) -> ModelAnswers:
    """A model with its replies to all rows, read as its completion is."""
    return ModelAnswers(
        local.name,
        local.role,
        [_answer(one, local.completion) for one in replies],
        local.base,
        local.source,
        local.completion if local.completion in FORMS else "",
        seed_of=local.seed_of,
        refused=next(
            (
                f"row {row.get('id', number)}: {replies[number].text}"
                for number, row in enumerate(rows)
                if replies[number].ending == "template"
            ),
            "",
        ),
    )


class Encodes(Protocol):
    """What makes tokens of a conversation, as a local model does, and one that is served elsewhere."""

    def encode(self, conversation: ChatTurns) -> list[int]:
        """The token ids of a prompt, up to where the model's turn begins."""
        ...


def prompts_of(
    model: Encodes, local: Local, rows: Sequence[Row]
) -> tuple[list[int], list[list[int]], dict[int, str]]:
    """The rows that can be asked, their prompts, and the template's words for those that it refuses."""
    asked: list[int] = []
    prompts: list[list[int]] = []
    refused: dict[int, str] = {}
    for number, row in enumerate(rows):
        try:
            prompts.append(model.encode(student_prompt(row, question_prefix(local.completion))))
            asked.append(number)
        except TemplateRefused as fault:
            refused[number] = fault.words
    if not prompts:
        words = refused[0]
        raise StageFailed(
            f"{local.name}: its chat template refuses every question (template): {words}",
            f"row {rows[0].get('id', 0)}",
            advice(words),
        )
    return asked, prompts, refused


def _answer(reply: GeneratedReply, completion: str) -> Answer:
    if reply.ending == "template":
        return Answer("", None, "template", "template")
    return Answer.of(reply.text, reply.ending, answer_part(reply.text, completion))
