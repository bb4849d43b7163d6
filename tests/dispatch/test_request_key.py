from typing import Any

import pytest

from synthgen.core.chat import Request
from synthgen.core.registry import find
from synthgen.dispatch.request_key import KeyMaker
from synthgen.dispatch.sending.cost import TEMPLATE_TOKENS, worst_case
from synthgen.store.ledger.key import key_of, request_hash
from synthgen.teachers.config import Budget

BASE = {"model": "m", "base_url": "http://host:8000/v1", "sampling": {"temperature": 0.5, "max_tokens": 100}}
ASKED: dict[str, Any] = {
    "messages": ({"role": "system", "content": "s"}, {"role": "user", "content": "q"}),
    "label": "a",
}


def key(config=None, request=None, sample=0, provider="openai"):
    kind = find("teacher", provider)
    teacher = kind.Config(**{**BASE, "provider": provider, **(config or {})})
    keyed = KeyMaker(teacher, kind(teacher))(Request(**{**ASKED, **(request or {})}))
    return key_of(keyed.digest, sample)


def test_the_key_is_pinned():
    """A change here loses every ledger its users have paid for: raise the version and migrate instead."""
    assert key() == "17e4176106a5c947ffe1189e9616bdb3-0"


@pytest.mark.parametrize(
    "config",
    [
        {"base_url": "http://host:9999/v1"},
        {"base_url": "https://host/v1"},
        {"base_url": ("http://host:1/v1", "http://other:2/v1")},
        {"api_key_env": "X"},
        {"headers": {"x": "y"}},
        {"limits": {"concurrency": 7, "timeout": 3, "max_attempts": 2, "requests_per_minute": 5}},
        {"transport": "openai"},
        {"price": {"input_per_mtok": 3}},
    ],
    ids=str,
)
def test_what_cannot_change_an_answer_is_not_in_the_key(config):
    assert key(config) == key()


def test_neither_n_nor_the_label_is_in_the_key():
    assert key(request={"n": 8}) == key() == key(request={"label": "b"})


@pytest.mark.parametrize(
    "config",
    [
        {"model": "other"},
        {"revision": "2"},
        {"identity": "someone"},
        {"base_url": "http://another:8000/v1"},
        {"base_url": "http://host:8000/other/v1"},
        {"sampling": {"temperature": 0.6, "max_tokens": 100}},
        {"sampling": {"temperature": 0.5, "max_tokens": 101}},
        {"sampling": {"temperature": 0.5, "max_tokens": 100, "seed": 1}},
        {"extra_body": {"top_k": 4}},
        {"reasoning": {"effort": "low"}},
    ],
    ids=str,
)
def test_what_can_change_an_answer_is_in_the_key(config):
    assert key(config) != key()


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": ({"role": "user", "content": "q"},)},
        {"messages": ({"role": "system", "content": "t"}, {"role": "user", "content": "q"})},
        {"messages": (), "prompt": "q"},
        {"draw": 2},
        {"sampling": {"response_format": {"type": "json_object"}}},
        {"sampling": {"temperature": 0.7}},
    ],
    ids=str,
)
def test_all_of_a_request_is_in_the_key(request_):
    assert key(request=request_) != key()


def test_each_sample_has_a_key_of_its_own():
    assert len({key(sample=sample) for sample in range(8)}) == 8


def test_the_order_of_options_does_not_matter():
    one = key(request={"sampling": {"seed": 1, "top_p": 0.5}})
    assert one == key(request={"sampling": {"top_p": 0.5, "seed": 1}})


def test_the_canonical_request_is_what_was_hashed():
    kind = find("teacher", "openai")
    teacher = kind.Config(**BASE)
    keyed = KeyMaker(teacher, kind(teacher))(Request(**ASKED))
    assert (
        request_hash(keyed.canonical) == keyed.digest
        and b'"n"' not in keyed.payload(1)
        and b'"n":3' in keyed.payload(3)
    )


TOLD: dict[str, Any] = {
    "messages": (),
    "tokens": (5, 60_000, 7),
    "sampling": {"max_tokens": 1, "prompt_logprobs": 5},
}


def told(config=None, request=None):
    kind = find("teacher", "vllm")
    teacher = kind.Config(**{**BASE, "provider": "vllm", **(config or {})})
    return KeyMaker(teacher, kind(teacher))(Request(**{**TOLD, **(request or {})}))


def test_token_ids_are_sent_as_they_are_without_the_sampling_of_the_teacher():
    found = told()
    assert found.body == {"model": "m", "prompt": [5, 60_000, 7], "max_tokens": 1, "prompt_logprobs": 5}
    assert (found.endpoint, found.prompt_tokens, found.max_tokens) == ("completions", 3, 1)
    assert told({"sampling": {"top_p": 0.3, "logprobs": True}}).digest == found.digest
    assert told(request={"tokens": (5, 60_000, 8)}).digest != found.digest
    assert told(request={"sampling": {**TOLD["sampling"], "prompt_logprobs": 6}}).digest != found.digest
    # A key that changed would have everything asked about again.
    assert key_of(found.digest, 0) == "72f9114cb339ec94dc437bdb1961fda6-0"


def test_the_worst_case_of_token_ids_is_as_many_tokens():
    kind = find("teacher", "vllm")
    teacher = kind.Config(**{**BASE, "provider": "vllm"})
    many = told(request={"tokens": tuple(range(100_000, 101_000))})
    assert worst_case(many, 1, teacher, Budget(tokens=1)).tokens == 1000 + TEMPLATE_TOKENS + 1


def test_what_vllm_is_allowed_to_tell_is_no_other_teacher():
    kind = find("teacher", "vllm")
    plain, more = (
        kind(kind.Config(provider="vllm", model="m", args=args)) for args in ({}, {"max-logprobs": 64})
    )
    assert plain.revision == more.revision
