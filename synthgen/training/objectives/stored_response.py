"""stored_response: the student learns how likely a remote teacher held each token, as it was written down.

The loss is that of `response`. Of a teacher behind an API, often only the likeliest tokens are known: all
others are one outcome. Validation rows are measured by the cross entropy of their text, since the teacher
need not have been asked about them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError, Fault
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.training.encoding import IGNORED, learned_tokens
from synthgen.training.objectives.beside_text import BesideText
from synthgen.training.objectives.contract import Objective
from synthgen.training.objectives.response import ResponseConfig, comparison
from synthgen.training.tokenizer_options import tokens_hash

if TYPE_CHECKING:
    from synthgen.training.encoding import Encoded
    from synthgen.training.knowledge.stored_response import ResponseOfStore
    from synthgen.training.student import Student

NOT_ASKED = "the teacher was not asked about this text, token by token"


class StoredResponse(BesideText):
    """The teacher's distributions, from files."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = ResponseConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with soft targets of a remote teacher"

    def __init__(self, config: ResponseConfig, store: TokenLogprobs | None = None) -> None:
        super().__init__(config)
        self._config, self._store = config, store

    def text(self) -> Objective:
        """See `contract.MeasuredAsText`."""
        return self._text

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """See `contract.Objective`: a text that the teacher was not asked about teaches nothing."""
        return [self._known(example) for example in examples]

    def _known(self, example: Encoded) -> Encoded:
        if not example.learned or self._told.has(example.input_ids, learned_tokens(example)):
            return example
        unlearned = replace(example, labels=[IGNORED] * len(example.labels))
        if example.fault is not None:
            return unlearned
        return replace(unlearned, fault="no_logprobs", detail=NOT_ASKED)

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`: the teacher was asked about the student's tokens, and told enough."""
        told = self._told.told
        if faults := option_faults(self._config, told.top):
            raise ConfigError.of(faults)
        if told.tokenizer != tokens_hash(student.tokenizer):
            raise ConfigError(
                "the student's tokens are not those that the teacher was asked about",
                str(self._told.folder),
                "give logprobs the student's tokenizer: tokenizer: {model: …} or {from: …}",
            )
        rows = int(student.model.get_output_embeddings().weight.shape[0])
        if rows < told.vocabulary:
            raise ConfigError(f"the student has {rows:,} logits for {told.vocabulary:,} tokens", student.name)
        of = "the whole vocabulary" if told.top is None else f"the {told.top:,} likeliest tokens"
        return (f"a remote teacher has told {of} at each token of {len(self._told):,} texts",)

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> ResponseOfStore:
        """See `BesideText`."""
        from synthgen.training.knowledge.stored_response import ResponseOfStore
        from synthgen.training.token_logits import require_known_head

        require_known_head(student, "the student")
        return ResponseOfStore(self._told, comparison(self._config, self._told.told.vocabulary))

    @property
    def _told(self) -> TokenLogprobs:
        if self._store is None:
            raise ConfigError("stored_response learns from files", next="teacher: {logprobs: <stage>}")
        return self._store


def option_faults(config: Any, top: int | None) -> list[Fault]:
    """What a loss wants of a teacher that has told no more than its `top` likeliest tokens.

    Args:
        config: with `temperature` and `top_k`.
        top: how many are told at each token; None is the whole vocabulary.
    """
    faults = []
    if top is not None and config.temperature != 1:
        faults.append(
            Fault(
                f"temperature {config.temperature:g} needs the whole vocabulary, but the teacher has told "
                f"its {top} likeliest tokens: how likely all others are together says nothing of each",
                next="temperature: 1, or top_logprobs: -1 in the logprobs stage",
            )
        )
    if top is not None and config.top_k is not None and config.top_k > top:
        faults.append(
            Fault(
                f"top_k is {config.top_k:,}, but the teacher has told its {top:,} likeliest tokens",
                next=f"top_k: {top}, or more top_logprobs in the logprobs stage",
            )
        )
    return faults
