import re

from hypothesis import assume, given
from hypothesis import strategies as st
from rouge_score.tokenize import tokenize

from synthgen.similarity.tokenizers import (
    ascii_tokens,
    ends_sentence,
    token_texts,
    tokens_of,
    unicode_tokens,
)

SIGNS = st.text("ab1 +-*/=<>!^%#|'.()$\n,C²你ไ้é", max_size=24)


@given(st.text(max_size=80))
def test_ascii_tokens_are_those_of_rouge_score(text):
    assert ascii_tokens(text) == tokenize(text, None)


def test_unicode_tokens_are_words_in_any_script():
    assert unicode_tokens("Straße, हिन्दी भाषा! don't") == ["strasse", "हिन्दी", "भाषा", "don", "t"]
    assert unicode_tokens("光合作用 is") == ["光", "合", "作", "用", "is"]
    assert unicode_tokens("ไข่3ฟอง เก่ง") == ["ไข่", "3", "ฟ", "อ", "ง", "เก่", "ง"]
    assert unicode_tokens("きょうは서울 кот") == ["きょ", "う", "は", "서울", "кот"]


@given(st.text(max_size=60) | SIGNS)
def test_the_short_way_reads_as_the_long_one(text):
    assert unicode_tokens(text) == token_texts(text)


@given(st.lists(st.text(max_size=20) | SIGNS, max_size=6))
def test_many_texts_are_read_as_one_is(texts):
    assert tokens_of(texts, "unicode") == [token_texts(text) for text in texts]
    assert tokens_of(texts, "ascii") == [ascii_tokens(text) for text in texts]


@given(st.text('abc 123,;:?"_\n', max_size=60))
def test_text_without_signs_has_alpacas_tokens(text):
    assume(not re.search(r"\d,\d{3}", text))  # 1,000 is one number here, and two tokens to Alpaca
    assert unicode_tokens(text) == ascii_tokens(text)


def test_where_a_sentence_ends():
    text = 'Say "what is it?" and go\nон жил。 last'
    ends = [token for token in range(len(token_texts(text))) if ends_sentence(text, token)]
    assert [token_texts(text)[token] for token in ends] == ["it", "go", "жил", "last"]
