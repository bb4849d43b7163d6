"""The conversation about one row: its tokens are sent, and what the teacher says is joined to them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthgen.core.chat import Reply, Request, Sample
from synthgen.core.errors import StageFailed, TeacherFailed
from synthgen.core.rows import Rejected, Row
from synthgen.stages.logprobs.join import Joiner, Mismatch
from synthgen.stages.logprobs.options import Config
from synthgen.stages.logprobs.own_reply import ReplyJoiner, key_of, no_reply
from synthgen.store.token_logprobs import Distributions, digest_of
from synthgen.tasks.contract import Item
from synthgen.training.encoding import Encoded, learned_tokens
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import encoded_row, why_unfit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FIRST = 8
"""If of so many rows none fits the teacher's tokens, no other will."""


class ToldRow(dict[str, Any]):
    """A row that is kept, with what the teacher says of it; a row like any other to those who write it."""

    texts: list[tuple[Encoded, Distributions]]


@dataclass
class Asking:
    """What is asked about a row, as the stage that trains would cut it into tokens.

    Args:
        config: the stage's options.
        tokenizer: the student's.
        end_ids: tokens at which the student's generation stops.
        join: joins replies to its tokens.
        server: the teacher's model and address, for messages.
        of_reply: joins what a row's own reply carries, where nobody is asked.
        stored: gives a reply from the ledger by its key.
    """

    config: Config
    tokenizer: PreTrainedTokenizerBase
    end_ids: frozenset[int]
    join: Joiner
    server: str
    of_reply: ReplyJoiner | None = None
    stored: Callable[[str], Sample | None] = lambda key: None
    fitting: int = 0
    """Rows whose tokens and bytes were the teacher's."""
    misfits: dict[int, Mismatch] = field(default_factory=dict)
    """By a digest of the text: each is looked at when it is fetched and when it is written."""

    def __post_init__(self) -> None:
        self._objective = Supervised(
            SupervisedConfig(completion=self.config.completion, learn=self.config.learn)
        )

    def ask(self, row: Row) -> Generator[Request, Reply, list[Item]]:
        """One request for each of the row's sequences of tokens.

        Raises:
            TeacherFailed: the server does not say how likely tokens are.
            StageFailed: of the first rows, none fits.
        """
        made = self.sequences(row)
        if isinstance(made, Rejected):
            return [made]
        if self.of_reply is not None:
            return [self._own(self.of_reply, row, made)]
        told = ToldRow(row)
        told.texts = []
        for sequence in made:
            reply = yield self.request(sequence)
            places = reply.first.prompt_logprobs
            if places is None:
                raise TeacherFailed(
                    "the teacher answers without prompt_logprobs: it does not say how likely tokens are",
                    self.server,
                    "a server that does, such as vLLM's own at /v1/completions; a gateway in between may "
                    "leave them out",
                )
            found = self.join(sequence, places)
            if isinstance(found, Mismatch):
                self._misfit(sequence, found)
                return [Rejected(row, "misaligned", found.plain())]
            told.texts.append((sequence, found))
        self.fitting += 1
        return [told]

    def _own(self, of_reply: ReplyJoiner, row: Row, made: list[Encoded]) -> Item:
        """The row with what its own reply carries, or why that does not fit."""
        reply = self.stored(key_of(row)) if key_of(row) else None
        logprobs = reply.logprobs if reply is not None else None
        if why := no_reply(row, logprobs):
            return Rejected(row, "no_logprobs", why)
        found = (
            of_reply(made[0], logprobs or {})
            if len(made) == 1
            else Mismatch("the row teaches several answers")
        )
        if isinstance(found, Mismatch):
            self._misfit(made[0], found)
            return Rejected(row, "misaligned", found.plain())
        self.fitting += 1
        told = ToldRow(row)
        told.texts = [(made[0], found)]
        return told

    def sequences(self, row: Row) -> list[Encoded] | Rejected:
        """The row as tokens, or why it would not be trained on."""
        if row.get("label") is False:
            return Rejected(row, "not_to_learn", "label: false")
        if missing := self._objective.missing_fields(row):
            return Rejected(row, "missing_fields", list(missing), self.config.completion)
        length = self.config.max_length
        made = encoded_row(self._objective, row, self.tokenizer, self.end_ids, length)
        reason = why_unfit(made, length, keep=self.config.unfit == "keep")
        return made if reason is None else Rejected(row, *reason)

    def request(self, sequence: Encoded) -> Request:
        """What is asked about a sequence; the one token that is generated is of no use."""
        sampling = {"max_tokens": 1, "temperature": 0, "prompt_logprobs": self.config.top_logprobs}
        return Request(tokens=tuple(sequence.input_ids), sampling=sampling, label="logprobs")

    def _misfit(self, sequence: Encoded, found: Mismatch) -> None:
        self.misfits[digest_of(sequence.input_ids, learned_tokens(sequence))] = found
        if self.fitting or len(self.misfits) < FIRST:
            return
        first = next(iter(self.misfits.values()))
        where = "" if first.position is None else f" at token {first.position}, {first.sent!r}"
        given = f" ({first.given!r} to the server)" if first.given else ""
        raise StageFailed(
            f"the first {FIRST} replies do not fit the student's tokens{where}: {first.why}{given}",
            self.server,
            "teacher and student need one tokenizer: a teacher of the student's family, or sft on the texts "
            "that this teacher writes",
        )
