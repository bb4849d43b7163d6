"""Logs as gateways, tracing tools and Batch files write them: their documented forms, our words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from synthgen.core.rows import question_text
from synthgen.formats.contract import Unfit
from synthgen.formats.logged_chats import is_batch_request, read_logged

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where do eels spawn?"}]
SAID = "In the Sargasso Sea."
MESSAGE = {"role": "assistant", "content": SAID, "refusal": None, "tool_calls": None}
REPLY: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m-1",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": None}],
    "usage": {"total_tokens": 9},
}
REQUEST = {"model": "m-1", "messages": ASKED, "temperature": 0}
RESPONSES: dict[str, Any] = {
    "object": "response",
    "status": "completed",
    "model": "m-1",
    "output": [
        {"type": "reasoning", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": SAID, "annotations": []}],
        },
    ],
}
CHUNKS = [
    {"object": "chat.completion.chunk", "model": "m-1", "choices": [{"index": 0, "delta": delta}]}
    for delta in ({"role": "assistant", "content": ""}, {"content": SAID[:9]}, {"content": SAID[9:]})
] + [
    {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
]
LANGCHAIN = [
    [
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "SystemMessage"],
            "kwargs": {"content": "Be brief."},
        },
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": "Where do eels spawn?", "type": "human"},
        },
    ]
]
FORMS: dict[str, Any] = {
    "messages": {"messages": [*ASKED, {"role": "assistant", "content": SAID}]},
    "request and response": {"request": REQUEST, "response": REPLY},
    "as JSON text": {"request": json.dumps(REQUEST), "response": json.dumps(REPLY)},
    "helicone": {"request_body": REQUEST, "response_body": REPLY, "response_status": 200, "request_id": "r"},
    "openpipe": {"input": REQUEST, "output": REPLY, "tags": {}},
    "langfuse": {"type": "GENERATION", "input": ASKED, "output": {"role": "assistant", "content": SAID}},
    "langfuse blob": {
        "type": "GENERATION",
        "input": json.dumps(ASKED),
        "output": json.dumps({"content": SAID}),
    },
    "langfuse text": {"type": "GENERATION", "input": {"messages": ASKED}, "output": SAID},
    "litellm": {"call_type": "acompletion", "messages": ASKED, "response": REPLY, "status": "success"},
    "litellm callback": {"standard_logging_object": {"messages": ASKED, "response": REPLY}},
    "litellm bucket": {"messages": ASKED, "output": [json.dumps({"index": 0, "message": MESSAGE})]},
    "otel": {"name": "log", "attributes": {"request": REQUEST, "response": REPLY}},
    "langsmith": {
        "run_type": "llm",
        "inputs": {"messages": ASKED},
        "outputs": {"generations": [[{"text": SAID}]]},
        "error": None,
    },
    "langsmith messages": {
        "inputs": {"messages": ASKED},
        "outputs": {"messages": [{"type": "ai", "content": SAID}]},
    },
    "langchain": {"inputs": {"messages": LANGCHAIN}, "outputs": {"generations": [[{"text": SAID}]]}},
    "posthog": {
        "event": "$ai_generation",
        "properties": {"$ai_input": ASKED, "$ai_output_choices": [{"message": MESSAGE}]},
    },
    "posthog blocks": {
        "$ai_input": ASKED,
        "$ai_output_choices": [{"role": "assistant", "content": [{"type": "text", "text": SAID}]}],
    },
    "responses": {
        "request": {"instructions": "Be brief.", "input": "Where do eels spawn?"},
        "response": RESPONSES,
    },
    "responses items": {
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Where do eels spawn?"}]},
        ],
        "output": RESPONSES["output"],
    },
    "anthropic": {
        "request": {"system": "Be brief.", "messages": ASKED[1:]},
        "response": {
            "role": "assistant",
            "type": "message",
            "content": [{"type": "text", "text": SAID}],
            "stop_reason": "end_turn",
        },
    },
    "streamed": {"request": REQUEST, "response": CHUNKS},
    "gateway": {"request": {"url": "/v1", "body": REQUEST}, "response": {"status": 200, "body": REPLY}},
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_one_row(name):
    row = read_logged(FORMS[name])
    turns = row["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant"]
    assert [turn["content"] for turn in turns] == ["Be brief.", "Where do eels spawn?", SAID]
    assert question_text(row) == "Where do eels spawn?"


def test_what_is_told_of_a_reply():
    cut = {**REPLY, "choices": [{**REPLY["choices"][0], "finish_reason": "length"}]}
    row = read_logged({"request_id": "r-7", "request": REQUEST, "response": cut})
    assert row["meta"] == {"source_id": "r-7", "model": "m-1", "finish_reason": "length"}
    record = {
        "request": {**REQUEST, "metadata": {"topic": "fish", "who": {"a": 1}}},
        "response": REPLY,
        "request_properties": '{"tier": "gold"}',
    }
    meta = read_logged(record, keep=("topic", "tier", "who", "nothing"))["meta"]
    assert (meta["topic"], meta["tier"]) == ("fish", "gold") and "who" not in meta and "nothing" not in meta


def test_a_batch_reply_belongs_to_the_request_with_its_id():
    asked = {"custom_id": "q-1", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST}
    answered = {
        "id": "batch_req_1",
        "custom_id": "q-1",
        "response": {"status_code": 200, "body": REPLY},
        "error": None,
    }
    assert is_batch_request(asked) and not is_batch_request(answered)
    assert read_logged(answered, REQUEST)["messages"][-1]["content"] == SAID
    with pytest.raises(Unfit, match="not_a_chat"):
        read_logged(answered)


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"request": REQUEST, "response": None}, "no_answer"),
        ({"request": REQUEST}, "no_answer"),
        ({"messages": ASKED}, "no_answer"),
        ({"request": REQUEST, "response": {**REPLY, "choices": []}}, "no_answer"),
        ({"request": REQUEST, "response": {"choices": [{"message": {"content": None}}]}}, "no_answer"),
        ({"request": REQUEST, "response": {"status_code": 429, "body": {"error": {}}}}, "failed_request"),
        ({"request": REQUEST, "response": None, "error": {"code": "x"}}, "failed_request"),
        ({"messages": ASKED, "response": {}, "status": "failure"}, "failed_request"),
        ({"request_body": REQUEST, "response_body": {}, "response_status": 500}, "failed_request"),
        ({"input": {"model": "embed", "input": []}, "output": [0.1]}, "not_a_chat"),
        ({"event": "login", "actor": "ada"}, "not_a_chat"),
        ({"type": "SPAN", "input": None, "output": {"docs": []}}, "not_a_chat"),
        ({"output": SAID}, "not_a_chat"),
        (
            {"request": REQUEST, "response": {"choices": [{"message": {"tool_calls": [{"id": "c"}]}}]}},
            "unsupported_content",
        ),
        (
            {
                "request": {
                    "messages": [
                        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
                    ]
                },
                "response": REPLY,
            },
            "unsupported_content",
        ),
        ({"request": {"messages": "hello"}, "response": REPLY}, ""),
        ({"request": {"messages": [7]}, "response": REPLY}, "malformed_messages"),
        ({"request": {"messages": [{"role": "user"}]}, "response": REPLY}, "malformed_messages"),
        ({"request": 5, "response": REPLY}, "not_a_chat"),
        ({"request": REQUEST, "response": {"choices": [5]}}, "no_answer"),
        ({"request": REQUEST, "response": {"choices": [{"message": {"content": 5}}]}}, "malformed_messages"),
        ({"request": REQUEST, "response": {"generations": []}}, "no_answer"),
    ],
)
def test_what_is_no_chat_is_told_by_rule(record, rule):
    if not rule:
        assert read_logged(record)["messages"][0] == {"role": "user", "content": "hello"}
        return
    with pytest.raises(Unfit) as fault:
        read_logged(record)
    assert fault.value.rule == rule


@pytest.mark.parametrize(
    "record",
    [
        {"request": {"system": "s", "messages": [1]}, "response": "yes"},
        {"input": "hi", "output": {"output": [{"type": "message", "content": 1}]}},
        {"input": "hi", "response": [{"object": "chat.completion.chunk", "choices": 1}]},
        {"input": "hi", "response": [{"object": "chat.completion.chunk", "choices": ["x"]}]},
        {"input": "hi", "response": [{"object": "chat.completion.chunk", "choices": [{"delta": 1}]}]},
        {"inputs": {"messages": [[{"id": [], "kwargs": {"content": "x"}}]]}, "outputs": "yes"},
        {"inputs": {"messages": [{"type": [], "content": "x"}]}, "outputs": "yes"},
    ],
)
def test_a_record_of_another_shape_is_refused_and_does_not_end_the_reading(record):
    with pytest.raises(Unfit):
        read_logged(record)
