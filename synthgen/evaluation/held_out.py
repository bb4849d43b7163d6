"""How likely local models find held-out texts, and how far their next token is from a teacher's.

A row is cut into tokens as a student trains on it. Of each learned token, the negative log-likelihood is
taken in nats: over all tokens, and over the bytes of the answers, which models with other tokenizers share.
The divergence is KL(teacher, model), forward, over the whole vocabulary; of a remote teacher that has told
its k likeliest tokens, these and all others as one, which is a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError
from synthgen.core.rows import Row
from synthgen.evaluation.generation import LocalModel
from synthgen.evaluation.local import Local
from synthgen.store.jsonl import AppendLog, read_log
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.training.completions import TWO_TEXTS, Completion
from synthgen.training.encoding import Encoded, learned_tokens
from synthgen.training.local_teacher import LocalTeacher, open_teacher
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import encoded_row, why_unfit
from synthgen.training.tokenizer_options import tokens_hash

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

PART = 256
"""Positions whose logits are turned into probabilities at a time."""
Told = LocalTeacher | TokenLogprobs


@dataclass(frozen=True)
class TextLikelihood:
    """What a model makes of one row's text: sums over its learned tokens, in nats.

    `unfit` is why there is nothing: a name that sft has for such rows.
    """

    nll: float = 0.0
    tokens: int = 0
    bytes: int = 0
    kl: float | None = None
    """None without a teacher, or one that was not asked about this text."""
    unfit: str = ""


def likelihoods_of(
    local: Local,
    rows: Sequence[Row],
    completion: Completion,
    max_length: int,
    teacher: Told | None,
    log_file: Path,
    each: Callable[[int], None],
) -> list[TextLikelihood]:
    """What a model makes of all rows; those in the log of an interrupted evaluation are not measured again.

    Args:
        local: the model.
        rows: with the texts.
        completion: what of a row is its text.
        max_length: tokens of a row; longer ones are unfit.
        teacher: whom it is compared with.
        log_file: where figures are kept while the evaluation is under way.
        each: called after every row with the number so far; may raise to stop.

    Raises:
        ConfigError: packages are missing, or the teacher cannot be loaded or reads other tokens.
        StageFailed: the model cannot be loaded.
    """
    known = {
        int(entry.pop("row")): TextLikelihood(**entry) for entry in (dict(one) for one in read_log(log_file))
    }
    if len(known) < len(rows):
        model = LocalModel(
            local.path,
            tokenizer=local.tokenizer,
            revision=local.revision,
            trained=local.role == "student",
            trust_remote_code=local.trusted,
        )
        log = AppendLog(log_file)
        try:
            measure = _Measure(model, local.name, completion, max_length, teacher)
            for number, row in enumerate(rows):
                if number not in known:
                    known[number] = measure(row)
                    log.append({"row": number, **vars(known[number])})
                each(len(known))
        finally:
            log.close()
            model.close()
    return [known[number] for number in range(len(rows))]


class _Measure:
    """Measures rows with a loaded model."""

    def __init__(
        self, model: LocalModel, name: str, completion: Completion, max_length: int, teacher: Told | None
    ) -> None:
        from synthgen.training.architecture import make_room

        make_room(model.model, len(model.tokenizer))
        self._model, self._max_length = model, max_length
        self._objective = Supervised(SupervisedConfig(completion=completion))
        self._beside = None if teacher is None else _beside(teacher, model, name)

    def __call__(self, row: Row) -> TextLikelihood:
        """One row's sums."""
        import torch

        model, objective = self._model, self._objective
        if objective.missing_fields(row):
            return TextLikelihood(unfit="missing_fields")
        made = encoded_row(objective, row, model.tokenizer, model.ends, self._max_length)
        if (reason := why_unfit(made, self._max_length, keep=False)) is not None:
            return TextLikelihood(unfit=reason.rule)
        if model.window and max(one.length for one in made) > model.window:
            return TextLikelihood(unfit="truncated")
        texts = [one["completion"][0]["content"] for one in objective.examples(row) if one is not None]
        nll, tokens, apart = 0.0, 0, []
        for sequence in made:
            learned = learned_tokens(sequence)
            with torch.inference_mode():
                logits = _logits(model.model, sequence, learned)
                said = torch.tensor(
                    [token for token, is_ in zip(sequence.input_ids, learned, strict=True) if is_],
                    device=logits.device,
                )
                for part, targets in zip(logits.split(PART), said.split(PART), strict=True):
                    nll += float(torch.nn.functional.cross_entropy(part.double(), targets, reduction="sum"))
                tokens += len(said)
                if self._beside is not None:
                    apart.append(self._beside(logits, sequence))
        known = [one for one in apart if one is not None]
        kl = math.fsum(known) if known and len(known) == len(apart) else None
        return TextLikelihood(nll, tokens, sum(len(text.encode()) for text in texts), kl)


def _logits(model: PreTrainedModel, sequence: Encoded, learned: Sequence[bool]) -> torch.Tensor:
    """Logits of the positions before learned tokens: [learned tokens, vocabulary]."""
    import torch

    ids = torch.tensor([sequence.input_ids], device=model.device)  # [1, tokens]
    places = [at - 1 for at, is_ in enumerate(learned) if is_]
    logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0, places]
    return logits


Beside = Callable[["torch.Tensor", Encoded], float | None]


def _beside(teacher: Told, model: LocalModel, name: str) -> Beside:
    """KL(teacher, model) summed over a sequence's learned tokens, given the model's logits there."""
    if isinstance(teacher, TokenLogprobs):
        if teacher.told.tokenizer != tokens_hash(model.tokenizer):
            raise ConfigError(
                f"the tokens of {name} are not those that the teacher was asked about",
                str(teacher.folder),
                "give logprobs the student's tokenizer: tokenizer: {model: …} or {from: …}",
            )
        return _of_store(teacher)
    return _of_weights(teacher, model)


def _of_weights(teacher: LocalTeacher, model: LocalModel) -> Beside:
    from synthgen.training.losses.divergence import soft_targets
    from synthgen.training.teacher_check import shared_vocabulary, teacher_notes

    ours = int(model.model.get_output_embeddings().weight.shape[0])
    teacher_notes(teacher, model.tokenizer, ours, ())
    loaded = open_teacher(teacher, model.model.device)
    theirs = int(loaded.get_output_embeddings().weight.shape[0])
    vocabulary, _ = shared_vocabulary(ours, theirs, len(model.tokenizer), teacher.name)

    def apart(logits: torch.Tensor, sequence: Encoded) -> float:
        wanted = _logits(loaded, sequence, learned_tokens(sequence)).to(logits.device)
        parts = zip(logits.split(PART), wanted.split(PART), strict=True)
        return math.fsum(
            float(soft_targets(one[:, :vocabulary], other[:, :vocabulary], "forward_kl").sum())
            for one, other in parts
        )

    return apart


def _of_store(store: TokenLogprobs) -> Beside:
    from synthgen.training.losses.divergence import listed_targets, soft_targets

    def apart(logits: torch.Tensor, sequence: Encoded) -> float | None:
        import torch

        found = store.find(sequence.input_ids, learned_tokens(sequence))
        if found is None:
            return None
        compared = logits[:, : store.told.vocabulary]
        logprobs = torch.from_numpy(found.logprobs).to(logits.device)
        if found.ids is None or found.rest is None:
            return float(soft_targets(compared, logprobs, "forward_kl").sum())
        ids, rest = (torch.from_numpy(one).to(logits.device) for one in (found.ids, found.rest))
        return float(listed_targets(compared, logprobs, ids, rest, "forward_kl").sum())

    return apart


def completion_of_all(locals_: Iterable[Local], asked: Completion | None) -> str:
    """What of a row is its text: what was asked for, else what all students learned to say.

    Raises:
        ConfigError: they learned different things.
    """
    if asked is not None:
        return asked
    learned = dict.fromkeys(_learned(locals_))
    if len(learned) == 1 and not TWO_TEXTS & learned.keys():
        return next(iter(learned))
    raise ConfigError(
        f"the students learned to say different things ({', '.join(learned) or 'none is known'}), so that no "
        "text is the held-out text of all",
        "evaluate: {likelihood: …}",
        "say which: likelihood: {completion: …}",
    )


def _learned(locals_: Iterable[Local]) -> Iterator[str]:
    return (local.completion for local in locals_ if local.role == "student")


def told_rows(likelihoods: Sequence[TextLikelihood]) -> dict[str, Any]:
    """How many rows could not be measured, by why."""
    unfit: dict[str, int] = {}
    for one in likelihoods:
        if one.unfit:
            unfit[one.unfit] = unfit.get(one.unfit, 0) + 1
    return dict(sorted(unfit.items()))
