"""Log-probabilities that a row's own reply carries, joined to the student's tokens by bytes.

Chat APIs give them for what they generate, `{"content": [{"bytes", "logprob", "top_logprobs"}, …]}`, and at
most 20 a token. They name no ids. So the reply has to be the row's text, token by token: each of the
student's tokens has the bytes of one of the teacher's. (vLLM gives all bytes of a character that is cut into
several tokens with the last of them.) Of those that might have come instead, the ones that
are no token of the student are among the rest. The token that ends the answer is often not told of: it then
counts as certain, as the text has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError
from synthgen.stages.logprobs.join import Listed, Mismatch, as_distributions, is_number, likeliest
from synthgen.store.token_logprobs import Distributions, Told
from synthgen.training.encoding import Encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROBE = "Zwölf Äpfel, 三つ: 1 2"
SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class TokenBytes:
    """The bytes that each token of a tokenizer stands for.

    Args:
        tokenizer: with byte-level pieces (as GPT-2 and its kin have them) or SentencePiece's.

    Raises:
        ConfigError: its pieces are of neither kind.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        self._byte_of = {letter: byte for byte, letter in bytes_to_unicode().items()}
        added = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items()}
        probe = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
        pieces = {number: piece for piece, number in tokenizer.get_vocab().items()}
        for read in (self._of_byte_letters, self._of_sentence_piece):
            self.of = {
                number: added[number].encode() if number in added else read(piece)
                for number, piece in pieces.items()
            }
            if b"".join(self.of[number] for number in probe).lstrip() == PROBE.encode():
                break
        else:
            raise ConfigError(
                "this tokenizer's tokens cannot be told as bytes",
                "logprobs: {from_reply: true}",
                "leave from_reply out, and have a vLLM server asked",
            )
        found: dict[bytes, list[int]] = {}
        # SentencePiece has a token for each byte, which it uses for texts that no other token has.
        for number in sorted(self.of, key=lambda one: bool(_BYTE.fullmatch(pieces[one]))):
            numbers = found.setdefault(self.of[number], [])
            if not (numbers and _BYTE.fullmatch(pieces[number])):
                numbers.append(number)
        self.number = {text: numbers[0] for text, numbers in found.items() if len(numbers) == 1}
        """The token with these bytes, where there is one alone."""

    def _of_byte_letters(self, piece: str) -> bytes:
        known = [self._byte_of.get(letter) for letter in piece]
        return bytes(byte for byte in known if byte is not None) if None not in known else piece.encode()

    def _of_sentence_piece(self, piece: str) -> bytes:
        if match := _BYTE.fullmatch(piece):
            return bytes([int(match[1], 16)])
        return piece.replace(SPACE, " ").encode()


class ReplyJoiner:
    """Joins replies' own log-probabilities to the tokens of one tokenizer.

    Args:
        tokenizer: the student's.
        told: what is wanted at each place.
        ends: tokens at which the student's generation stops.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, told: Told, ends: frozenset[int]) -> None:
        self._bytes, self._told, self._ends = TokenBytes(tokenizer), told, ends

    def __call__(self, sequence: Encoded, logprobs: Mapping[str, Any]) -> Distributions | Mismatch:
        """What a reply tells of a text's learned tokens, or where it is another text.

        Args:
            sequence: the text, with one answer.
            logprobs: the reply's.
        """
        content = logprobs.get("content")
        if not isinstance(content, list) or len(sequence.spans) != 1:
            return Mismatch("a reply with log-probabilities belongs to one answer")
        ((start, end),) = sequence.spans
        found: list[Listed] = []
        wanted, told = b"", b""  # of a character whose tokens have not all come
        for order, place in enumerate(range(start, end)):
            number = sequence.input_ids[place]
            own = self._bytes.of.get(number, b"")
            entry = content[order] if order < len(content) else None
            if entry is None and number in self._ends and place == end - 1:
                found.append(likeliest(0.0, {number: 0.0}, self._told))
                break
            given = _bytes_of(entry)
            wanted, told = wanted + own, told + (given or b"")
            if given is None or not (wanted == told or (wanted.startswith(told) and not _is_text(wanted))):
                why = "the reply is not this text, token by token"
                return Mismatch(why, place, _shown(own), _shown(given))
            if wanted == told:
                wanted = told = b""
            listed = self._listed(entry, number, own)
            if isinstance(listed, str):
                return Mismatch(listed, place, _shown(own))
            found.append(listed)
        if wanted:
            return Mismatch("the reply ends within a character", end - 1, _shown(wanted), _shown(told))
        if len(content) > end - start:
            return Mismatch(
                "the reply goes on behind this text", end, "", _shown(_bytes_of(content[end - start]))
            )
        return as_distributions(found, self._told)

    def _listed(self, entry: Any, number: int, own: bytes) -> Listed | str:
        """What is told of one token, or why that is not enough."""
        others = entry.get("top_logprobs")
        told = [one for one in others if is_number(one)] if isinstance(others, list) else []
        if not is_number(entry):
            return "no log-probability of the token"
        if len(told) < (self._told.top or 0):
            return f"{len(told):,} log-probabilities where {self._told.top:,} are wanted"
        known: dict[int, float] = {}
        for one in told:
            text = _bytes_of(one)
            named = number if text == own else self._bytes.number.get(text) if text else None
            if named is not None:
                known[named] = float(one["logprob"])
        said = float(entry["logprob"])
        return likeliest(said, {**known, number: said}, self._told)


def _bytes_of(entry: Any) -> bytes | None:
    """The bytes of a token of the reply; None where it tells none."""
    if not isinstance(entry, Mapping):
        return None
    told, text = entry.get("bytes"), entry.get("token")
    if isinstance(told, list):
        if all(isinstance(byte, int) and 0 <= byte < 256 for byte in told):
            return bytes(told)
        return None
    return text.encode("utf-8", "replace") if isinstance(text, str) else None


def _is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(text: bytes | None) -> str:
    return "" if text is None else text.decode("utf-8", "replace")


def no_reply(row: Mapping[str, Any], logprobs: Any) -> str:
    """Why a row has no reply that tells anything; "" where it has one."""
    if not key_of(row):
        return "the row was not made of a reply: it has no meta.request"
    if not isinstance(logprobs, Mapping):
        return (
            "its reply carries no log-probabilities: generate has to ask for them, teacher: {sampling: "
            "{logprobs: true, top_logprobs: 20}}"
        )
    return ""


def key_of(row: Mapping[str, Any]) -> str:
    """The ledger key of the reply that a row was made of; "" where there is none."""
    meta = row.get("meta")
    key = meta.get("request") if isinstance(meta, Mapping) else None
    return key if isinstance(key, str) else ""
