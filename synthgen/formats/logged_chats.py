"""Logs of chats: what was asked and answered in a record of a gateway, a tracing tool or a Batch file.

Read are OpenAI's request and reply (Chat Completions and Responses) wherever a log puts them: `request` and
`response`, `request_body` and `response_body` (Helicone), `input` and `output` (Langfuse, OpenPipe, stored
completions), `messages` and `response` (LiteLLM), `inputs` and `outputs` (LangSmith), lines of Batch files,
streamed chunks, and Anthropic's replies. Each may be an object or its JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from synthgen.core.rows import Row
from synthgen.formats.contract import Unfit
from synthgen.formats.layouts.messages import Messages
from synthgen.formats.turns import unpacked

WRAPPERS = ("standard_logging_object", "attributes", "data", "properties", "body", "log")
"""Fields of a record that may hold the exchange in place of the record itself."""
ASKED = ("messages", "request", "request_body", "input", "inputs", "prompt", "$ai_input", "body")
ANSWERED = (
    "response",
    "response_body",
    "output",
    "outputs",
    "completion",
    "choices",
    "$ai_output_choices",
    "original_response",
)
NAMED = ("custom_id", "request_id", "response_id", "id", "litellm_call_id", "trace_id")
KEPT_IN = ("metadata", "request_properties", "properties", "request_tags", "tags", "extra")
"""Fields of a record, or of its request, that hold what its sender wrote beside it."""
LANGCHAIN = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_BLOCKS = ("text", "output_text", "input_text")


@dataclass(frozen=True)
class Exchange:
    """The conversation up to the answer, the answer as a turn, and what is told of it."""

    turns: list[Any]
    answer: Any
    model: str = ""
    ending: str = ""


def is_batch_request(record: Mapping[str, Any]) -> bool:
    """Whether it is a line of a Batch input file: it asks, and another line, with its id, answers."""
    return (
        isinstance(record.get("custom_id"), str)
        and isinstance(record.get("body"), Mapping)
        and not any(record.get(name) for name in ("response", "error", "result"))
    )


def read_logged(
    record: Mapping[str, Any], request: Mapping[str, Any] | None = None, keep: Iterable[str] = ()
) -> Row:
    """The row that a record of a log holds: its conversation, with the answer as the last turn.

    Args:
        record: the record.
        request: the request that it answers, where that is a record of its own.
        keep: names that the sender gave something, as in `metadata`, which go into `meta`.

    Raises:
        Unfit: `failed_request`, `no_answer`, `not_a_chat`, and what `messages` refuse: `malformed_messages`,
            `missing_field`, `unsupported_content`.
    """
    found = _exchange(record if request is None else {**record, "request": request})
    turns = list(found.turns)
    if found.answer is not None:
        turns.append(found.answer)
    if not turns or not isinstance(turns[-1], Mapping) or turns[-1].get("role") != "assistant":
        raise Unfit("no_answer")
    row = Messages().read({"messages": turns})
    meta: dict[str, Any] = {}
    if (
        name := next((record[name] for name in NAMED if isinstance(record.get(name), str)), None)
    ) is not None:
        meta["source_id"] = name
    if found.model:
        meta["model"] = found.model
    if found.ending:
        meta["finish_reason"] = found.ending
    for name in keep:
        if (value := _told(record, name)) is not None:
            meta[name] = value
    return {**row, "meta": meta}


def _exchange(record: Mapping[str, Any]) -> Exchange:
    if (failed := _failure(record)) is not None:
        raise Unfit("failed_request", failed)
    asked = next((unpacked(record[name]) for name in ASKED if record.get(name)), None)
    answered = [unpacked(record[name]) for name in ANSWERED if record.get(name)]
    if asked is None:
        inner = next(
            (unpacked(record[name]) for name in WRAPPERS if isinstance(unpacked(record.get(name)), Mapping)),
            None,
        )
        if inner is None or any(record.get(name) for name in ANSWERED):
            raise Unfit("not_a_chat", "no request")
        return _exchange(inner)
    turns = _turns(asked)
    if not turns:
        raise Unfit("not_a_chat", "no messages")
    for reply in answered:
        answer, ending, model = _answer(reply)
        if answer is not None:
            named = (
                model
                or _text(record.get("model"))
                or _text(asked.get("model") if isinstance(asked, Mapping) else None)
            )
            return Exchange(turns, answer, named, ending)
    return Exchange(turns, None, _text(record.get("model")))


def _failure(record: Mapping[str, Any]) -> str | None:
    """Why a request has no reply, by its status; never what the server said, which may quote the request."""
    reply = record.get("response")
    for place in (record, reply if isinstance(reply, Mapping) else {}):
        for name in ("status_code", "response_status", "status"):
            status = place.get(name)
            if isinstance(status, int) and not isinstance(status, bool) and status >= 400:
                return f"status {status}"
            if isinstance(status, str) and status.lower() in (
                "failure",
                "failed",
                "error",
                "expired",
                "errored",
            ):
                return f"status {status.lower()}"
    return "error" if record.get("error") not in (None, "", {}, []) else None


def _turns(asked: Any) -> list[Any]:
    """The turns of a request, or of what a log kept of it."""
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    if isinstance(asked, list):
        if len(asked) == 1 and isinstance(asked[0], list):  # LangChain: a list of conversations
            asked = asked[0]
        return [turn for item in asked if (turn := _turn(item)) is not None]
    if not isinstance(asked, Mapping):
        return []
    if isinstance(body := unpacked(asked.get("body")), Mapping):
        return _turns(body)
    for name in ("messages", "input", "prompt", "contents"):
        if (inner := unpacked(asked.get(name))) is not None and inner != []:
            turns = _turns(inner)
            break
    else:
        return []
    system = asked.get("system", asked.get("instructions"))
    if isinstance(system, list):
        system = _blocks(system)
    if (
        isinstance(system, str)
        and system.strip()
        and not any(isinstance(turn, Mapping) and turn.get("role") == "system" for turn in turns)
    ):
        turns.insert(0, {"role": "system", "content": system})
    return turns


def _turn(item: Any) -> Any:
    """An item of a request as a turn; what the Responses API lists beside turns stays as it is."""
    if not isinstance(item, Mapping):
        return {"role": "user", "content": item} if isinstance(item, str) else item
    if isinstance(inner := item.get("kwargs"), Mapping) and isinstance(item.get("id"), list):  # LangChain
        kind = str(item["id"][-1]) if item["id"] else ""
        roles = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system"}
        return {"role": roles.get(kind.removesuffix("Chunk"), kind), "content": inner.get("content")}
    if "role" not in item and _text(item.get("type")) in LANGCHAIN:
        item = {**item, "role": LANGCHAIN[item["type"]]}
    if item.get("type") == "reasoning":
        return None
    if "role" not in item and item.get("type") in ("function_call", "function_call_output"):
        return {"role": "tool", "content": ""}
    turn = {
        name: item[name]
        for name in ("role", "content", "tool_calls", "function_call")
        if item.get(name) is not None
    }
    if isinstance(turn.get("content"), list):
        turn["content"] = [_block(part) for part in turn["content"]]
    return turn


def _block(part: Any) -> Any:
    if isinstance(part, Mapping) and part.get("type") in _BLOCKS:
        return {"type": "text", "text": part.get("text")}
    return part


def _blocks(parts: Iterable[Any]) -> str:
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") in _BLOCKS]
    return "\n".join(text for text in texts if isinstance(text, str))


def _answer(reply: Any) -> tuple[Any, str, str]:
    """The assistant's turn in a reply, why it ended, and which model it says gave it."""
    if isinstance(reply, str):
        return {"role": "assistant", "content": reply}, "", ""
    if isinstance(reply, list):
        reply = [unpacked(one) for one in reply]
        if any(isinstance(one, Mapping) and one.get("object") == "chat.completion.chunk" for one in reply):
            return _streamed(reply)
        if any(
            isinstance(one, Mapping) and one.get("type") in ("message", "reasoning", "function_call")
            for one in reply
        ):
            return _answer({"output": reply})
        return _answer({"choices": reply}) if reply else (None, "", "")
    if not isinstance(reply, Mapping):
        return None, "", ""
    if isinstance(body := unpacked(reply.get("body")), Mapping):
        return _answer(body)
    model = _text(reply.get("model"))
    choices = reply.get("choices")
    if isinstance(choices, list) and choices:
        choice = choices[0]
        if not isinstance(choice, Mapping):
            return None, "", model
        message = choice.get("message")
        turn = message if isinstance(message, Mapping) else choice
        content = turn.get("content", choice.get("text"))
        return _assistant(turn, content), _text(choice.get("finish_reason")), model
    if isinstance(items := reply.get("output"), list):  # the Responses API
        said = [item for item in items if isinstance(item, Mapping)]
        if any(item.get("type") == "function_call" for item in said):
            return {"role": "assistant", "content": "", "tool_calls": said}, "", model
        parts = [
            part for item in said if item.get("type") == "message" for part in _listed(item.get("content"))
        ]
        ending = {"completed": "stop", "incomplete": "length"}.get(_text(reply.get("status")), "")
        return ({"role": "assistant", "content": _blocks(parts)} if parts else None), ending, model
    if (generations := reply.get("generations")) is not None:  # LangChain
        while isinstance(generations, list) and generations:
            generations = generations[0]
        if isinstance(generations, Mapping):
            return {"role": "assistant", "content": generations.get("text")}, "", model
    turns = reply.get("messages")
    if (
        isinstance(turns, list) and turns and isinstance(turns[-1], Mapping)
    ):  # what a graph made of the request
        last = _turn(turns[-1])
        return _assistant(last, last.get("content")), "", model
    for name in ("message", "output", "completion", "content", "text", "answer"):
        if (inner := unpacked(reply.get(name))) is None:
            continue
        if name == "content" or isinstance(inner, str):
            ending = {"end_turn": "stop", "max_tokens": "length"}.get(_text(reply.get("stop_reason")), "")
            return _assistant(reply, inner), ending, model
        answer, ending, named = _answer(inner)
        return answer, ending, named or model
    return None, "", model


def _assistant(turn: Mapping[str, Any], content: Any) -> Any:
    if isinstance(content, list):
        if any(isinstance(part, Mapping) and part.get("type") == "tool_use" for part in content):
            return {"role": "assistant", "content": "", "tool_calls": content}
        content = _blocks(content) or None
    calls = {name: turn[name] for name in ("tool_calls", "function_call") if turn.get(name)}
    if not content and not calls:
        return None
    return {"role": "assistant", "content": content or "", **calls}


def _streamed(chunks: Iterable[Any]) -> tuple[Any, str, str]:
    texts, ending, model = [], "", ""
    for chunk in chunks:
        if not isinstance(chunk, Mapping):
            continue
        model = model or _text(chunk.get("model"))
        for choice in _listed(chunk.get("choices")):
            delta = choice.get("delta") if isinstance(choice, Mapping) else None
            if not isinstance(delta, Mapping):
                continue
            if choice.get("index", 0) == 0:
                texts.append(_text(delta.get("content")))
                ending = _text(choice.get("finish_reason")) or ending
                if delta.get("tool_calls"):
                    return {"role": "assistant", "content": "", "tool_calls": delta["tool_calls"]}, "", model
    return _assistant({}, "".join(texts)), ending, model


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _told(record: Mapping[str, Any], name: str) -> Any:
    """What a sender wrote under a name; lists and objects are none."""
    request = unpacked(record.get("request", record.get("request_body")))
    places: list[Any] = [record, request if isinstance(request, Mapping) else {}]
    places += [unpacked(place.get(field)) for place in tuple(places) for field in KEPT_IN]
    for place in places:
        value = place.get(name) if isinstance(place, Mapping) else None
        if isinstance(value, str | int | float):
            return value
    return None
