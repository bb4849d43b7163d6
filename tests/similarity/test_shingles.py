import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.similarity import tokenizers as module
from synthgen.similarity.shingles import jaccard, may_be_similar, shingles, sketches, tokenised, unique_sets
from synthgen.similarity.tokenizers import token_texts

TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text("ab \0.é你", max_size=40),
    min_size=1,
    max_size=8,
)


def grams(tokens, n):
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)] or (
        [tuple(tokens)] if tokens else []
    )


@given(TEXTS, st.integers(1, 4), st.sampled_from(["word", "character"]))
def test_equal_hashes_are_equal_ngrams_in_order(texts, n, unit):
    ngrams = shingles(texts, n, unit)
    tokens = [token_texts(text, unit) for text in texts]
    assert tokenised(texts, unit).counts.tolist() == [len(each) for each in tokens]
    expected = [gram for each in tokens for gram in grams(each, n)]
    assert np.diff(ngrams.offsets).tolist() == [len(grams(each, n)) for each in tokens]
    names = {}
    for gram, hash_ in zip(expected, ngrams.hashes.tolist(), strict=True):
        assert names.setdefault(gram, hash_) == hash_
    assert len(set(names.values())) == len(names)


def test_what_a_text_is_read_as():
    assert token_texts("Hello, WÖRLD! 2.5 — don’t a_b") == ["hello", "world", "2", "5", "don", "t", "a", "b"]
    assert token_texts("你好 ab", "character") == ["你", "好", "a", "b"]
    assert token_texts("हिन्दी भाषा") == ["हिन्दी", "भाषा"]


def test_texts_shorter_than_an_ngram():
    assert np.diff(shingles(["one two", "", "...", "one two three"], 3).offsets).tolist() == [1, 0, 0, 1]
    assert np.diff(shingles(["one two", "one two three"], 3, whole=False).offsets).tolist() == [0, 1]
    assert len(shingles([], 3).hashes) == 0


def test_the_hashes_are_the_same_everywhere():
    """Indexes on disk hold these: a change must raise shingles.VERSION."""
    assert shingles(["the quick brown fox"], 3).hashes.tolist() == [8629732670689648271, 17000402101641984141]


def test_a_batch_changes_nothing():
    rng = random.Random(0)
    texts = [
        " ".join(rng.choices("alpha beta gamma delta é".split(), k=rng.randint(0, 9))) for _ in range(50)
    ]
    assert shingles(texts, 2).hashes.tolist() == [
        hash_ for text in texts for hash_ in shingles([text], 2).hashes.tolist()
    ]


def test_jaccard_of_sets():
    one, *others = unique_sets(shingles(["a b c d", "a b c e", "a b c d", "x", "a a b b c d"], 1))
    assert jaccard(one, others).tolist() == [3 / 5, 1.0, 0.0, 1.0]
    assert len(jaccard(one, [])) == 0


def test_the_hash_of_a_text_is_that_of_its_longest_ngram():
    texts = ["a b c", "a b", "", "A, b. c!"]
    hashes = tokenised(texts).text_hashes()
    three, two = shingles(["a b c"], 3).hashes[0], shingles(["a b"], 2).hashes[0]
    assert hashes.tolist() == [three, two, 0, three]


@given(TEXTS, st.integers(1, 20), st.sampled_from(["word", "character"]))
def test_segments_change_nothing(texts, segment, unit):
    whole = tokenised(texts, unit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", segment)
        parts = tokenised(texts, unit)
        assert shingles(texts, 2, unit).hashes.tolist() == whole.shingles(2).hashes.tolist()
    assert parts.hashes.tolist() == whole.hashes.tolist()
    assert parts.counts.tolist() == whole.counts.tolist()


@settings(deadline=None)
@given(
    common=st.lists(st.sampled_from("abcdefgh"), min_size=4, max_size=40),
    ends=st.tuples(st.text("ijk", max_size=4), st.text("lmn", max_size=4)),
    threshold=st.sampled_from([0.3, 0.5, 0.7, 0.9]),
)
def test_sketches_let_every_similar_pair_through(common, ends, threshold):
    ngrams = shingles([" ".join([*common, *end]) for end in ends], 2)
    one, other = unique_sets(ngrams)
    of_texts = sketches(ngrams)
    may = may_be_similar(of_texts[:1], of_texts[1:], threshold).tolist()
    assert may == [True] or jaccard(one, [other])[0] <= threshold


def test_sketches_tell_unlike_texts_apart():
    texts = [" ".join(f"{number}x{word}" for word in range(12)) for number in range(200)]
    of_texts = sketches(shingles(["", *texts], 3))
    assert of_texts[0].tolist() == [0, 0] and set(of_texts[1:, 1].tolist()) == {10}
    assert may_be_similar(of_texts[1:-1], of_texts[2:], 0.7).sum() == 0
    assert may_be_similar(of_texts[1:], of_texts[1:], 0.7).all()
