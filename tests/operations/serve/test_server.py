"""The server over a student that knows three answers, asked by the real openai client."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from aiohttp import web
from openai import APIError, AsyncOpenAI, BadRequestError, NotFoundError

from synthgen.core.errors import StageFailed
from synthgen.evaluation.generation import LocalModel
from synthgen.operations.serve.answering import Answering
from synthgen.operations.serve.loopback import HOST
from synthgen.operations.serve.server import Served, StudentServer, _until_stop
from tests.operations.serve.conftest import QUESTIONS

pytestmark = pytest.mark.slow
ASKED = "What is 1 and 2?"


@pytest.fixture(scope="module")
def model(made_run):
    return LocalModel(made_run / "tutor" / "model", trained=True)


class Running:
    """A server on a free port, and a client of it."""

    def __init__(self, model, completion="output", batch_size=4):
        self.model, self.completion, self.batch_size = model, completion, batch_size

    async def __aenter__(self):
        self.answering = Answering(self.model, self.batch_size)
        server = StudentServer(Served("tutor", self.completion, 40, 1), self.model, self.answering)
        self.runner = web.AppRunner(server.application(), access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self.runner.addresses[0][1]}/v1"
        self.client = AsyncOpenAI(base_url=self.url, api_key="none", max_retries=0)
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        await self.runner.cleanup()
        self.answering.close()

    async def chat(self, question=ASKED, **options):
        turns: Any = [{"role": "user", "content": question}]
        return await self.client.chat.completions.create(model="tutor", messages=turns, **options)

    async def raw(self, path="/chat/completions", body=None, **headers):
        """(status, JSON) of a request as bare bytes."""

        def send():
            request = urllib.request.Request(f"{self.url}{path}", body, headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status, json.loads(answer.read())
            except urllib.error.HTTPError as fault:
                return fault.code, json.loads(fault.read())

        return await asyncio.to_thread(send)


async def test_a_chat_is_answered_as_the_student_was_trained(model):
    async with Running(model) as at:
        assert [one.id async for one in at.client.models.list()] == ["tutor"]
        for question, said in QUESTIONS.items():
            reply = await at.chat(question)
            (choice,) = reply.choices
            assert (choice.message.content, choice.finish_reason) == (said, "stop")
            prompt = len(model.encode([{"role": "user", "content": question}]))
            tokens = len(model.tokenizer.encode(said, add_special_tokens=False)) + 1
            assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (prompt, tokens)
            assert reply.usage.total_tokens == prompt + tokens and reply.model == "tutor"


async def test_a_stream_brings_the_same_text_in_pieces(model):
    async with Running(model) as at:
        for question, said in QUESTIONS.items():
            stream = await at.chat(question, stream=True, stream_options={"include_usage": True})
            chunks = [chunk async for chunk in stream]
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
            assert "".join(pieces) == said and len([piece for piece in pieces if piece]) > 3
            assert not any("\ufffd" in piece for piece in pieces)
            assert chunks[0].choices[0].delta.role == "assistant"
            assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
            assert chunks[-1].usage.completion_tokens == (await at.chat(question)).usage.completion_tokens
        quiet = [chunk async for chunk in await at.chat(stream=True)]
        assert all(chunk.usage is None for chunk in quiet)


async def test_a_reply_that_is_cut_says_so(model):
    async with Running(model) as at:
        cut = await at.chat(max_tokens=3)
        assert cut.choices[0].finish_reason == "length" and cut.usage.completion_tokens == 3
        assert QUESTIONS[ASKED].startswith(cut.choices[0].message.content)
        streamed = [chunk async for chunk in await at.chat(max_completion_tokens=3, stream=True)]
        assert streamed[-1].choices[0].finish_reason == "length"


@pytest.mark.parametrize("stop", ["answer", ["zzz", " is"], "3."])
async def test_stop_texts_end_a_reply_and_are_not_part_of_it(model, stop):
    async with Running(model) as at:
        wanted, _ = _until_stop(QUESTIONS[ASKED], [stop] if isinstance(stop, str) else stop)
        assert (await at.chat(stop=stop)).choices[0].message.content == wanted
        chunks = [chunk async for chunk in await at.chat(stop=stop, stream=True)]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == wanted
        assert chunks[-1].choices[0].finish_reason == "stop"


async def test_texts_are_gone_on_with(model):
    prompt = model.tokenizer.decode(model.encode([{"role": "user", "content": ASKED}]))
    async with Running(model) as at:
        one = await at.client.completions.create(model="tutor", prompt=prompt)
        assert one.choices[0].text == QUESTIONS[ASKED]
        both = await at.client.completions.create(model="tutor", prompt=[prompt, prompt], max_tokens=2)
        assert [choice.index for choice in both.choices] == [0, 1]
        assert {choice.finish_reason for choice in both.choices} == {"length"}
        stream = await at.client.completions.create(model="tutor", prompt=prompt, stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == QUESTIONS[ASKED]


async def test_requests_at_one_time_are_answered_together_and_rightly(model, monkeypatch):
    batches = []
    answer = model.answer

    def counted(prompts, decoding):
        batches.append(len(prompts))
        return answer(prompts, decoding)

    monkeypatch.setattr(model, "answer", counted)
    async with Running(model) as at:
        # Every other one may have two tokens: these cannot be in a batch with those that have more.
        asked = [(question, limit) for question in QUESTIONS for limit in (40, 2) * 3]
        replies = await asyncio.gather(*(at.chat(question, max_tokens=limit) for question, limit in asked))
        for (question, limit), reply in zip(asked, replies, strict=True):
            said, wanted = reply.choices[0].message.content, QUESTIONS[question]
            assert said == wanted if limit == 40 else wanted.startswith(said) and len(said) < len(wanted)
    assert sum(batches) == 18 and max(batches) <= 4 and len(batches) < 18


async def test_draws_differ_by_seed_and_are_the_same_by_the_same(model):
    async with Running(model) as at:
        hot = {"temperature": 2.0, "max_tokens": 12}
        one, again, other = [
            (await at.chat(seed=seed, **hot)).choices[0].message.content for seed in (1, 1, 2)
        ]
        assert one == again != other
        several = await at.chat(n=3, **hot)
        assert len({choice.message.content for choice in several.choices}) == 3


async def test_a_student_of_two_tasks_is_asked_as_it_was_trained(model, monkeypatch):
    asked = []
    encode = model.encode

    def kept(turns):
        asked.append(turns)
        return encode(turns)

    monkeypatch.setattr(model, "encode", kept)
    async with Running(model, completion="multi_task") as at:
        await at.chat()
    assert asked[-1] == [{"role": "user", "content": f"predict: {ASKED}"}]


BAD: list[tuple[dict[str, Any], str, int]] = [
    ({"model": "gpt-9"}, "model_not_found", 404),
    ({"messages": []}, "invalid_value", 400),
    ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_value", 400),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "unsupported_content", 400),
    ({"messages": [{"role": "user"}]}, "unsupported_content", 400),
    ({"tools": [{"type": "function"}]}, "unsupported_parameter", 400),
    ({"response_format": {"type": "json_object"}}, "unsupported_parameter", 400),
    ({"logprobs": True}, "unsupported_parameter", 400),
    ({"temperature": 3}, "invalid_value", 400),
    ({"temperature": "hot"}, "invalid_value", 400),
    ({"temperature": True}, "invalid_value", 400),
    ({"max_tokens": 0}, "invalid_value", 400),
    ({"max_tokens": 1.5}, "invalid_value", 400),
    ({"max_tokens": 5000}, "context_length_exceeded", 400),
    ({"n": 99}, "invalid_value", 400),
    ({"n": 2, "stream": True}, "unsupported_parameter", 400),
    ({"stop": ["a", 1]}, "invalid_value", 400),
    ({"stop": [""]}, "invalid_value", 400),
    ({"messages": [{"role": "user", "content": "x" * 400}]}, "context_length_exceeded", 400),
]


async def test_what_cannot_be_answered_is_refused_by_name(model):
    async with Running(model) as at:
        for change, code, status in BAD:
            body = {"messages": [{"role": "user", "content": ASKED}], **change}
            found = await at.raw(body=json.dumps(body).encode())
            assert (found[0], found[1]["error"]["code"]) == (status, code), change
        for bad in (b"", b"{", b"[]", b'"x"'):
            assert (await at.raw(body=bad))[0] == 400
        wrong: list[Any] = [{}, {"prompt": ""}, {"prompt": [1, 2]}, {"prompt": "x", "echo": True}]
        for prompt in wrong:
            assert (await at.raw("/completions", json.dumps(prompt).encode()))[0] == 400
        assert (await at.raw("/embeddings", b"{}"))[0] == 404
        with pytest.raises(NotFoundError, match="there is no model 'x' here, only 'tutor'"):
            await at.client.chat.completions.create(model="x", messages=[{"role": "user", "content": "?"}])
        with pytest.raises(BadRequestError, match="tools is not supported here"):
            await at.chat(tools=[{"type": "function", "function": {"name": "f"}}])
        assert (await at.chat()).choices[0].message.content == QUESTIONS[ASKED], "it still answers"


async def test_parts_of_text_and_options_that_are_off_are_taken(model):
    async with Running(model) as at:
        parts = [{"type": "text", "text": "What is 1 "}, {"type": "text", "text": "and 2?"}]
        body = {"messages": [{"role": "user", "content": parts}], "tools": [], "logprobs": False, "n": None}
        status, reply = await at.raw(body=json.dumps(body).encode())
        assert status == 200 and reply["choices"][0]["message"]["content"] == QUESTIONS[ASKED]


async def test_only_clients_of_this_machine_are_answered(model):
    async with Running(model) as at:
        assert at.url.startswith("http://127.0.0.1:")
        for headers in (
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:80"},
            {"Host": ""},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            status, told = await at.raw("/models", **headers)
            assert (status, told["error"]["code"]) == (403, "forbidden"), headers
        for headers in ({"Host": "localhost:9"}, {"Host": "[::1]:80"}, {"Origin": "http://localhost:3000"}):
            assert (await at.raw("/models", **headers))[0] == 200, headers


async def test_a_client_that_goes_away_frees_the_model(model):
    async with Running(model) as at:
        stream = await at.chat(stream=True, max_tokens=100, temperature=2.0)
        await anext(aiter(stream))
        await stream.close()
        assert (await at.chat()).choices[0].message.content == QUESTIONS[ASKED]
        waiting = [asyncio.create_task(at.chat(temperature=1.0, seed=seed)) for seed in range(6)]
        await asyncio.sleep(0.01)
        for task in waiting:
            task.cancel()
        assert (await at.chat()).choices[0].message.content == QUESTIONS[ASKED]


async def test_a_failing_model_is_an_error_and_the_server_goes_on(model, monkeypatch):
    def fails(*_, **__):
        raise StageFailed("the GPU's memory does not hold a batch of 4")

    async with Running(model) as at:
        with monkeypatch.context() as patch:
            patch.setattr(model, "answer", fails)
            patch.setattr(model, "answer_one", fails)
            body = {"messages": [{"role": "user", "content": ASKED}]}
            status, told = await at.raw(body=json.dumps(body).encode())
            assert status == 500 and "does not hold a batch" in told["error"]["message"]
            with pytest.raises(Exception, match="does not hold a batch"):
                [chunk async for chunk in await at.chat(stream=True)]
        assert (await at.chat()).choices[0].message.content == QUESTIONS[ASKED]


async def test_a_body_that_is_not_packed_as_it_says_is_refused(model):
    async with Running(model) as at:
        status, said = await at.raw(body=b"\x1f\x8bxx", **{"Content-Encoding": "gzip"})
    assert status == 400 and said["error"]["code"] == "invalid_body"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_model_raises_is_told_as_json_and_to_the_operator(model, monkeypatch, caplog, stream):
    def broken(*_, **__):
        raise ValueError("probability tensor contains inf\nmore")

    async with Running(model) as at:
        monkeypatch.setattr(type(model), "answer", broken)
        monkeypatch.setattr(type(model), "answer_one", broken)
        with pytest.raises(APIError, match="the model failed: probability tensor contains inf$") as told:
            reply = await at.chat(stream=stream)
            if stream:
                assert [one async for one in reply] == []
        assert told.value.code == "server_error"
    assert "a request failed" in caplog.text and "ValueError" in caplog.text
