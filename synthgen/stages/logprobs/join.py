"""A reply's log-probabilities, joined to the student's tokens by place, by id and by their bytes.

vLLM gives one entry a token of the prompt, `{"<id>": {"logprob", "rank", "decoded_token"}, …}`: the k
likeliest and the token itself, and null for the first one. The ids are those that were sent, so they are
there whatever the server's tokenizer is. Only `decoded_token` tells whether they mean the same to it. Of a
character that is cut into several tokens, vLLM gives the empty text for all but the last one, and the whole
character there. Other servers give U+FFFD for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgen.store.token_logprobs import LEAST, Distributions, Told, rest_of
from synthgen.training.encoding import Encoded, learned_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CUT = "\ufffd"
"""What stands for bytes that are no whole character."""
SPACE = "\u2581"
LONGEST = 8
"""Tokens after which bytes that still are no whole character never will be."""


MOST_MASS = 1.05
"""What the probabilities of one place may add up to: 1, and what half precision adds by rounding."""


@dataclass(frozen=True)
class Mismatch:
    """Where a reply does not fit the tokens that were sent."""

    why: str
    position: int | None = None
    """Of the token in the text, from 0."""
    sent: str = ""
    given: str = ""

    def plain(self) -> dict[str, Any]:
        """As `rejected.jsonl` holds it."""
        entries = {"position": self.position, "token": self.sent, "server": self.given, "why": self.why}
        return {name: value for name, value in entries.items() if value not in (None, "")}


class Joiner:
    """Joins replies to the tokens of one tokenizer.

    Args:
        tokenizer: the student's.
        told: what is wanted at each place.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, told: Told) -> None:
        self._tokenizer, self._told = tokenizer, told
        self._texts: dict[int, str] = {}

    def __call__(self, sequence: Encoded, places: Any) -> Distributions | Mismatch:
        """What a reply tells of a sequence's learned tokens, or where it does not fit them.

        Args:
            sequence: what was sent.
            places: the reply's `prompt_logprobs`.
        """
        ids = sequence.input_ids
        if not isinstance(places, list):
            return Mismatch("the reply's prompt_logprobs are no list")
        if len(places) != len(ids):
            return Mismatch(
                f"the reply has {len(places):,} places for {len(ids):,} tokens: the server adds tokens, or "
                "leaves some out"
            )
        if (wrong := self._other_bytes(ids, places)) is not None:
            return wrong
        learned = learned_places(sequence)
        found = [self._listed(places[place], ids[place], place) for place in learned]
        for one in found:
            if isinstance(one, Mismatch):
                return one
        return as_distributions([one for one in found if isinstance(one, Listed)], self._told)

    def _other_bytes(self, ids: Sequence[int], places: Sequence[Any]) -> Mismatch | None:
        """The first token that stands for other bytes at the server; of the first one, nothing is told."""
        begun, given = 1, ""  # tokens that are no whole character yet, and what the server calls them
        each = True
        for place in range(1, len(ids)):
            entry = _entry(places[place], ids[place])
            text = entry.get("decoded_token") if entry is not None else None
            own = self._text(ids[place])
            if not isinstance(text, str):
                why = "the server does not tell which text this token is" if entry else "no such token there"
                return Mismatch(why, place, own, _shown(places[place]))
            given, each = given + text, each and text in (own, self._spaced(ids[place]))
            own = own if begun == place else self._tokenizer.decode(list(ids[begun : place + 1]))
            whole = not own.endswith(CUT)
            if not whole and place - begun < LONGEST and place + 1 < len(ids):
                continue
            same = given == own if whole else given.rstrip(CUT) == own.rstrip(CUT)
            if not (each or same):
                return Mismatch("it is another text to the server", begun, own, given)
            begun, given, each = place + 1, "", True
        return None

    def _text(self, number: int) -> str:
        if number not in self._texts:
            self._texts[number] = self._tokenizer.decode([number])
        return self._texts[number]

    def _spaced(self, number: int) -> str:
        """A token's text with the space that SentencePiece begins it with and `decode` leaves out."""
        piece = self._tokenizer.convert_ids_to_tokens(number)
        return str(piece).replace(SPACE, " ") if str(piece).startswith(SPACE) else self._text(number)

    def _listed(self, entries: Mapping[str, Any], number: int, place: int) -> Listed | Mismatch:
        """What is told at one place."""
        told = self._told
        found = {
            int(name): float(entry["logprob"])
            for name, entry in entries.items()
            if name.isascii() and name.isdecimal() and is_number(entry)
        }
        if number not in found:
            return Mismatch("no log-probability of the token", place, self._text(number), _shown(entries))
        if (mass := math.fsum(math.exp(value) for value in found.values())) > MOST_MASS:
            why = f"the probabilities of one place add up to {mass:.2f}"
            return Mismatch(why, place, self._text(number))
        said = found[number]
        known = {name: value for name, value in found.items() if name < told.vocabulary}
        if told.top is None:
            if len(known) < told.vocabulary:
                why = f"{len(known):,} log-probabilities for a vocabulary of {told.vocabulary:,} tokens"
                return Mismatch(why, place, self._text(number))
            return Listed(said, [known[name] for name in range(told.vocabulary)])
        if len(found) < told.top:
            why = f"{len(found):,} log-probabilities where {told.top:,} were asked for"
            return Mismatch(why, place, self._text(number))
        return likeliest(said, known, told)


@dataclass(frozen=True)
class Listed:
    """What is told at one place, as `Distributions` has it."""

    said: float
    logprobs: list[float]
    ids: list[int] | None = None


def likeliest(said: float, known: Mapping[int, float], told: Told) -> Listed:
    """The likeliest of the tokens that are known at a place.

    Args:
        said: the log-probability of the token itself.
        known: id -> log-probability, of tokens that the student has.
        told: how many are wanted; not the whole vocabulary.
    """
    top = told.top or 0
    best = sorted(known.items(), key=lambda item: (-item[1], item[0]))[:top]
    # Tokens that only the server has are among the rest; others stand in their place, as impossible ones.
    spare = (name for name in range(told.vocabulary) if name not in known)
    best += [(next(spare), LEAST) for _ in range(top - len(best))]
    return Listed(said, [value for _, value in best], [name for name, _ in best])


def as_distributions(listed: Sequence[Listed], told: Told) -> Distributions:
    """What is told at all places of a text."""
    said = np.array([one.said for one in listed], np.float32)
    if told.top is None:
        return Distributions(np.array([one.logprobs for one in listed], np.float32), said)
    exact = np.array([one.logprobs for one in listed], np.float64)
    ids = np.array([one.ids for one in listed], np.int64)
    return Distributions(exact.astype(np.float32), said, ids, rest_of(exact).astype(np.float32))


def learned_places(sequence: Encoded) -> list[int]:
    """Where a token is learned."""
    return [at for at, learned in enumerate(learned_tokens(sequence)) if learned]


def _entry(entries: Any, number: int) -> Mapping[str, Any] | None:
    entry = entries.get(str(number)) if isinstance(entries, Mapping) else None
    return entry if isinstance(entry, Mapping) else None


def is_number(entry: Any) -> bool:
    """Whether an entry has a log-probability."""
    value = entry.get("logprob") if isinstance(entry, Mapping) else None
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0.01


def _shown(entries: Any) -> str:
    """The tokens that a place names, for a person."""
    if not isinstance(entries, Mapping):
        return ""
    named = [
        f"{name}: {entry.get('decoded_token')!r}" if isinstance(entry, Mapping) else str(name)
        for name, entry in list(entries.items())[:3]
    ]
    return ", ".join(named)[:200]
