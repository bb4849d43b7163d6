"""Whether test rows are among the training rows: the same question, or nearly the same.

The test questions are indexed and the training files streamed past them, so that memory grows with the test
rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from synthgen.core.artefacts import Artefact
from synthgen.core.config import Misfit, build_choice
from synthgen.core.errors import StageFailed
from synthgen.core.rows import Row, question_text
from synthgen.similarity.contract import Fields
from synthgen.similarity.fields import asked_text, text_of
from synthgen.similarity.methods.rouge_l import RougeLConfig
from synthgen.similarity.rouge_l import RougeLIndex
from synthgen.similarity.tokenizers import TOKENIZERS, Tokenizer
from synthgen.store.jsonl import read_rows
from synthgen.training.start import TEACHER, stages_of


class Nearness(NamedTuple):
    """When two rows count as near-duplicates: a ROUGE-L F above the threshold, over these tokens of a field.

    `origin` says whose threshold it is: dedup's, an option's, or the default where there is neither.
    """

    threshold: float
    tokenizer: Tokenizer = "unicode"
    field: Fields = "question"
    origin: Literal["dedup", "option", "default"] = "default"

    @classmethod
    def of(cls, options: RougeLConfig) -> Nearness:
        """As dedup's method `rouge_l` has it."""
        return cls(options.threshold, options.tokenizer, options.field, "dedup")


class LeakedFrom(NamedTuple):
    """The training row that a test row is like, and how much (1 is the same question)."""

    train_id: str
    score: float


@dataclass
class Leakage:
    """The test rows (by their index) that are among the training rows; equal ones do not count as near."""

    nearness: Nearness
    train_rows: int = 0
    without_text: int = 0
    """Test rows that have nothing in the field in which near rows are looked for."""
    exact: dict[int, LeakedFrom] = field(default_factory=dict)
    near: dict[int, LeakedFrom] = field(default_factory=dict)


def nearness_of(artefacts: Iterable[Artefact]) -> Nearness:
    """How the pipeline itself saw near-duplicates: threshold, tokens and field.

    The dedup stages before the models are searched for the method `rouge_l`. Where several use it, the
    strictest (lowest) threshold counts; where none does, the method's own default, on the question.

    Raises:
        StageFailed: a stage's manifest records `rouge_l` with options that are not valid.
    """
    used = [
        Nearness.of(options)
        for artefact in _ancestors(artefacts)
        if artefact.stage_kind == "dedup"
        for options in _rouge_l_options(artefact)
    ]
    return min(used, key=lambda nearness: nearness.threshold, default=Nearness(RougeLConfig().threshold))


def nearness_for(artefacts: Iterable[Artefact], threshold: float | None) -> Nearness:
    """As `nearness_of`, with a threshold of one's own where it is given.

    Raises:
        StageFailed: none is given, and what a manifest records is not valid.
    """
    if threshold is None:
        return nearness_of(artefacts)
    try:
        return nearness_of(artefacts)._replace(threshold=threshold, origin="option")
    except StageFailed:
        return Nearness(threshold, origin="option")


def training_files(models: Iterable[Artefact]) -> list[Artefact]:
    """The row files that models were trained on, in any of their stages, each once, in order.

    What a model's teacher was trained on counts, too: it hands on what it knows of test rows.
    """
    files: dict[Path, Artefact] = {}
    pending = list(models)
    for model in pending:
        for stage in stages_of(model):
            for artefact in stage.inputs.get("rows", ()):
                files.setdefault(artefact.file, artefact)
            pending.extend(stage.inputs.get(TEACHER, ()))
    return list(files.values())


def find_leaks(rows: Sequence[Row | str], training: Iterable[Path], nearness: Nearness) -> Leakage:
    """The test rows that occur in the training files: the same question, but for its writing, or near.

    Of a conversation each of the user's turns is looked at, and all of them together.

    Args:
        rows: test rows, or only their questions.
        training: row files.
        nearness: when two rows are near.
    """
    from synthgen.similarity.methods.exact import normalised

    tokens = TOKENIZERS[nearness.tokenizer]
    same: dict[str, list[int]] = {}
    index = RougeLIndex(nearness.threshold)
    leakage = Leakage(nearness)
    for number, row in enumerate(rows):
        row = {"instruction": row} if isinstance(row, str) else row
        same.setdefault(normalised(question_text(row)), []).append(number)
        words = tokens(text_of(row, nearness.field))
        if words:
            index.add(words, number)
        else:
            leakage.without_text += 1
    near: dict[int, LeakedFrom] = {}
    deepest = max((_turns_of(row) for row in rows if not isinstance(row, str)), default=1)
    for row in _rows(training):
        leakage.train_rows += 1
        row_id = str(row.get("id", ""))
        questions = learned_questions(row, deepest)
        for question in questions:
            for number in same.get(normalised(question), ()):
                leakage.exact.setdefault(number, LeakedFrom(row_id, 1.0))
        for text in questions if nearness.field == "question" else [text_of(row, nearness.field)]:
            words = tokens(text)
            for match in index.matches(words) if words else ():
                if match.number not in near or match.score > near[match.number].score:
                    near[match.number] = LeakedFrom(row_id, match.score)
    leakage.near = {number: leak for number, leak in sorted(near.items()) if number not in leakage.exact}
    leakage.exact = dict(sorted(leakage.exact.items()))
    return leakage


def learned_questions(row: Row, deepest: int = 1) -> list[str]:
    """What a student may have learned to answer in a row: all that it asks, and each turn of a conversation.

    Args:
        row: a training row.
        deepest: how many user turns may stand before an answer that is asked for in a test; as many turns
            are put together as well.
    """
    whole = asked_text(row)
    turns = row.get("messages") or row.get("prompt")
    if row.get("instruction") or not isinstance(turns, list):
        return [whole] if whole else []
    asked = [
        content
        for turn in turns
        if isinstance(turn, Mapping) and turn.get("role") == "user"
        if isinstance(content := turn.get("content"), str) and content.strip()
    ]
    openings = ("\n\n".join(asked[:number]) for number in range(2, min(deepest, len(asked)) + 1))
    return list(dict.fromkeys(text for text in (whole, *asked, *openings) if text))


def _turns_of(row: Row) -> int:
    """How many user turns a test row has."""
    turns = row.get("messages") if not row.get("instruction") else None
    return sum(turn.get("role") == "user" for turn in turns) if turns else 1


def _rows(files: Iterable[Path]) -> Iterator[Row]:
    for file in files:
        yield from read_rows(file)


def _ancestors(artefacts: Iterable[Artefact]) -> Iterator[Artefact]:
    waiting, seen = list(artefacts), set()
    while waiting:
        artefact = waiting.pop()
        if artefact.folder in seen:
            continue
        seen.add(artefact.folder)
        yield artefact
        waiting.extend(earlier for group in artefact.inputs.values() for earlier in group)


def _rouge_l_options(dedup: Artefact) -> Iterator[RougeLConfig]:
    """The options of each `rouge_l` among a dedup stage's methods, as its manifest records them."""
    for method in dedup.config.get("methods", ()):
        misfits: list[Misfit] = []
        # None for a method of the user's that is no longer there, which is no matter here.
        choice = build_choice("dedup method", method, (), misfits)
        if choice is None and (method == "rouge_l" or (isinstance(method, Mapping) and "rouge_l" in method)):
            raise StageFailed(
                f"{dedup.stage_id} records options of rouge_l that are not valid: {misfits[0]}",
                str(dedup.folder / "manifest.json"),
                "run the stage again, or say near_duplicate_threshold under evaluate",
            )
        if choice is not None and isinstance(choice.options, RougeLConfig):
            yield choice.options
