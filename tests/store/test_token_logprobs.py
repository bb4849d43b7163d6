"""What a teacher held likely, written and read again: its bytes, its rounding, and how texts are found."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays

from synthgen.core.errors import StageFailed
from synthgen.store import token_logprobs
from synthgen.store.token_logprobs import (
    DISTRIBUTIONS,
    INDEX,
    LEAST_REST,
    Distributions,
    LogprobsWriter,
    TokenLogprobs,
    Told,
    rest_of,
)

LEARNED = [False, False, True, True, True]


def told(top, vocabulary=100, seed=0, tokens=3):
    """What is told of some tokens."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 3, (tokens, vocabulary))
    logprobs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    said = logprobs[:, 7].astype(np.float32)
    if top is None:
        return Distributions(logprobs.astype(np.float32), said)
    ids = np.argsort(-logprobs, axis=-1)[:, :top]
    listed = np.take_along_axis(logprobs, ids, -1)
    return Distributions(listed.astype(np.float32), said, ids, rest_of(listed).astype(np.float32))


def written(folder, texts, kind):
    with LogprobsWriter(folder, kind) as writer:
        for ids, learned, found in texts:
            writer.add(ids, learned, found)
    return writer


@pytest.mark.parametrize(
    ("top", "vocabulary", "a_token"), [(5, 100, 24), (20, 65_535, 84), (20, 65_536, 124), (None, 100, 202)]
)
def test_what_is_written_is_read_again(tmp_path, top, vocabulary, a_token):
    kind, given_ = Told(vocabulary, top, "abc"), told(top, vocabulary)
    writer = written(tmp_path, [([1, 2, 3, 4, 5], LEARNED, given_)], kind)
    assert (writer.tokens, writer.bytes) == (3, 3 * a_token)
    assert (tmp_path / DISTRIBUTIONS).stat().st_size == 3 * a_token
    store = TokenLogprobs(tmp_path)
    found = store.find([1, 2, 3, 4, 5], LEARNED)
    assert store.told == kind and len(store) == 1
    for name in ("logprobs", "said", *(("rest",) if top else ())):
        one, other = getattr(found, name), getattr(given_, name)
        assert one.dtype == np.float32 and np.abs(one - other).max() <= np.abs(other).max() / 2048
    assert top is None or (found.ids == given_.ids).all()


def test_a_text_is_found_by_its_tokens_and_what_is_learned_of_them(tmp_path):
    texts = [([seed, 2, 3, 4, 5], LEARNED, told(4, seed=seed)) for seed in range(200)]
    written(tmp_path, texts, Told(100, 4))
    store = TokenLogprobs(tmp_path)
    for seed in (150, 3, 199, 0):
        found = store.find([seed, 2, 3, 4, 5], LEARNED)
        assert (found.ids == texts[seed][2].ids).all()
    assert store.find([0, 2, 3, 4], LEARNED[:4]) is None
    assert store.find([0, 2, 3, 4, 5], [False, True, True, True, True]) is None
    assert store.has([7, 2, 3, 4, 5], LEARNED) and not store.has([7, 2, 3, 5, 4], LEARNED)
    again = pickle.loads(pickle.dumps(store))
    assert again.has([7, 2, 3, 4, 5], LEARNED)


def test_shards_end_to_end_are_the_whole(tmp_path):
    kind = Told(100, 4)
    texts = [([seed, 2, 3, 4, 5], LEARNED, told(4, seed=seed)) for seed in range(9)]
    for name, part in (("whole", texts), ("one", texts[:4]), ("none", []), ("two", texts[4:])):
        (tmp_path / name).mkdir()
        written(tmp_path / name, part, kind)
    for file, headed in ((DISTRIBUTIONS, False), (INDEX, True)):
        joined = b""
        for name in ("one", "none", "two"):
            part = (tmp_path / name / file).read_bytes()
            joined += part.partition(b"\n")[2] if headed and joined else part
        assert joined == (tmp_path / "whole" / file).read_bytes()
    assert len(TokenLogprobs(tmp_path / "none")) == 0


@given(arrays.arrays(np.float32, some.integers(1, 30), elements=some.floats(-80, 0, width=32), unique=False))
def test_no_probability_is_off_by_more_than_is_said(values):
    rounded = values.astype(np.float16).astype(np.float64)
    exact = values.astype(np.float64)
    assert (np.abs(rounded - exact) <= np.maximum(np.abs(exact) / 2048, 2**-25)).all()
    assert np.abs(np.exp(rounded) - np.exp(exact)).max() < 2e-4


def test_what_is_left_for_others_is_taken_before_anything_is_rounded():
    sure = np.log(np.array([[0.9995, 0.0004], [1 - 1e-12, 1e-13]]))
    assert np.exp(rest_of(sure)) == pytest.approx([0.0001, LEAST_REST], rel=1e-6)
    rounded = sure.astype(np.float16)
    assert np.exp(rest_of(rounded))[0] != pytest.approx(0.0001, rel=1e-3)


@pytest.mark.parametrize("damage", ["cut", "gone", "no header", "newer"])
def test_damaged_files_are_an_error_that_says_what_to_do(tmp_path, damage):
    written(tmp_path, [([1, 2, 3, 4, 5], LEARNED, told(4))], Told(100, 4))
    index, bin_ = tmp_path / INDEX, tmp_path / DISTRIBUTIONS
    if damage == "cut":
        bin_.write_bytes(bin_.read_bytes()[:-1])
    elif damage == "gone":
        bin_.unlink()
    elif damage == "no header":
        index.write_bytes(b"\xff" + index.read_bytes())
    else:
        index.write_bytes(index.read_bytes().replace(b'"format":1', b'"format":9'))
    with pytest.raises(StageFailed, match="what a teacher held likely") as raised:
        TokenLogprobs(tmp_path)
    assert "--force" in raised.value.faults[0].next


def test_digests_that_are_half_the_same_are_told_apart(tmp_path, monkeypatch):
    half = (7 << 64) | 0
    monkeypatch.setattr(token_logprobs, "digest_of", lambda ids, learned: half | ids[0])
    texts = [([seed, 2, 3, 4, 5], LEARNED, told(4, seed=seed)) for seed in range(5)]
    written(tmp_path, texts, Told(100, 4))
    store = TokenLogprobs(tmp_path)
    for ids, learned, found in texts:
        assert (store.find(ids, learned).ids == found.ids).all()
    assert store.find([9, 2, 3, 4, 5], LEARNED) is None
