"""Replies joined to tokens by place, id and bytes: what real vLLM gives, and what does not fit."""

import numpy as np
import pytest

from synthgen.stages.logprobs.join import Joiner, Mismatch, learned_places
from synthgen.store.token_logprobs import LEAST, Told
from synthgen.training.encoding import IGNORED, Encoded
from synthgen.training.tokenizer import train_tokenizer
from tests.servers.scoring import ScoringServer

TEXT = "Zwölf Äpfel 三つ 😀 12 + 3"


@pytest.fixture(scope="module")
def bytewise():
    return train_tokenizer([TEXT, "a plain text"], 400, 64)


@pytest.fixture(scope="module")
def spaced():
    """A tokenizer as Llama 2 has it: SentencePiece's spaces, bytes for what it has no piece for."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581"]
    pieces += ["\u2581Zw", "lf", "\u2581", "p", "f", "e", "l", "1", "2", "+", "3", "\u2581a"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>")


def sequence(tokenizer, text=TEXT, prompt=4):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return Encoded(ids, [IGNORED] * prompt + ids[prompt:], None, len(ids))


def joined(tokenizer, top, fault="", change=None, one=None):
    one = one or sequence(tokenizer)
    server = ScoringServer(tokenizer, fault=fault)
    places = server.places(one.input_ids, -1 if top is None else top)
    if change:
        change(places)
    server._http.server_close()
    return Joiner(tokenizer, Told(server.vocabulary, top))(one, places), server, one


@pytest.mark.parametrize("fault", ["", "says U+FFFD"])
@pytest.mark.parametrize("name", ["bytewise", "spaced"])
def test_parts_of_characters_are_the_same_bytes(name, fault, request):
    tokenizer = request.getfixturevalue(name)
    found, server, one = joined(tokenizer, 5, fault)
    assert not isinstance(found, Mismatch), found
    logits = np.asarray(server.logits(one.input_ids))
    exact = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    places = learned_places(one)
    assert found.said == pytest.approx(exact[places, np.array(one.input_ids)[places]], abs=1e-5)
    assert (found.ids == np.argsort(-exact[places], axis=-1, kind="stable")[:, :5]).all()
    assert np.exp(found.logprobs).sum(-1) + np.exp(found.rest) == pytest.approx(1, abs=1e-6)


def test_leading_spaces_of_sentencepiece_may_be_told(spaced):
    def add(places):
        for entry in places[1:]:
            for number, one in entry.items():
                piece = spaced.convert_ids_to_tokens(int(number))
                if piece.startswith("\u2581"):
                    one["decoded_token"] = piece.replace("\u2581", " ")

    found, _, _ = joined(spaced, 5, change=add, one=sequence(spaced, "a 12 + 3"))
    assert not isinstance(found, Mismatch), found


def test_the_whole_vocabulary_stands_in_the_order_of_ids(bytewise):
    found, server, one = joined(bytewise, None)
    logits = np.asarray(server.logits(one.input_ids))[learned_places(one)]
    exact = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    assert found.ids is None and np.abs(found.logprobs - exact).max() < 1e-5


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("adds a token", "places for"),
        ("has another tokenizer", "another text"),
        ("shifts", "no such token there"),
        ("says no texts", "does not tell which text"),
        ("tells few", "where 5 were asked for"),
    ],
)
def test_what_does_not_fit_is_never_shifted(bytewise, fault, words):
    found, _, _ = joined(bytewise, 5, fault)
    assert isinstance(found, Mismatch) and words in found.why, found
    assert (found.position is None) == (fault == "adds a token")


@pytest.mark.parametrize(
    "broken",
    [None, [], "x", {}, {"7": None}, {"x": {}}, float("nan")],
    ids=["none", "list", "text", "empty", "null", "odd name", "nan"],
)
def test_an_entry_that_is_none_is_a_mismatch(bytewise, broken):
    def change(places):
        places[6] = broken

    found, _, one = joined(bytewise, 5, change=change)
    assert isinstance(found, Mismatch) and found.position == 6
    assert found.plain()["token"] == bytewise.decode([one.input_ids[6]])


@pytest.mark.parametrize("value", [None, "-1", True, 5.0])
def test_a_log_probability_that_is_none_is_a_mismatch(bytewise, value):
    one = sequence(bytewise)

    def change(places):
        places[6][str(one.input_ids[6])]["logprob"] = value

    found, _, _ = joined(bytewise, 5, change=change, one=one)
    assert isinstance(found, Mismatch) and found.why == "no log-probability of the token"


def test_one_token_of_another_text_is_found_where_it_stands(bytewise):
    def change(places):
        places[-1] = {number: {**entry, "decoded_token": " 4"} for number, entry in places[-1].items()}

    found, _, one = joined(bytewise, 5, change=change)
    assert isinstance(found, Mismatch)
    assert (found.position, found.sent, found.given) == (len(one.input_ids) - 1, " 3", " 4")


def test_tokens_that_only_the_teacher_has_are_among_the_rest(bytewise):
    def change(places):
        for entry in places[1:]:
            entry["100000"] = {"logprob": -4.0, "decoded_token": "new"}

    found, server, _ = joined(bytewise, 5, change=change)
    assert not isinstance(found, Mismatch) and found.ids.max() < server.vocabulary
    fewer, _, _ = joined(bytewise, 5, change=lambda places: [swap(entry) for entry in places[1:]])
    assert (fewer.logprobs[:, -1] == LEAST).all()
    assert all(len(set(row)) == 5 for row in fewer.ids.tolist())


def swap(entry):
    """Of five tokens that are told, one becomes one that only the teacher has."""
    for number in list(entry)[4:]:
        del entry[number]
    entry["100000"] = {"logprob": -4.0, "decoded_token": "new"}


def test_probabilities_that_add_up_to_more_than_one_do_not_fit(bytewise):
    def certain(places):
        for entries in places[1:]:
            for entry in entries.values():
                entry["logprob"] = 0.0

    found, _, _ = joined(bytewise, 5, change=certain)
    assert isinstance(found, Mismatch) and "of one place add up to" in found.why
