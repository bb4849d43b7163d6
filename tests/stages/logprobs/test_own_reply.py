"""Rows whose own reply carries log-probabilities: joined by bytes, or rejected; nobody is asked."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.stages.logprobs.join import Mismatch
from synthgen.stages.logprobs.own_reply import ReplyJoiner, TokenBytes
from synthgen.store.failed import failed_folder
from synthgen.store.jsonl import read_rows
from synthgen.store.token_logprobs import LEAST, TokenLogprobs, Told
from synthgen.training.chat_tokenizer import open_tokenizer
from synthgen.training.encoding import IGNORED, Encoded
from synthgen.training.student_options import StudentOptions
from tests.evaluation.tiny_models import tiny_model
from tests.stages.chat_server import ChatServer
from tests.stages.logprobs.test_join import bytewise, spaced

__all__ = ["bytewise", "spaced"]  # fixtures

TEXT = "It is 5, 三 ö."
END = 2


def entry(text, logprob=-0.5, others=()):
    """A token of a reply as chat APIs have it, the token itself first among the likeliest."""
    listed = [(text, logprob), *others]
    top = [{"token": "?", "bytes": list(one), "logprob": value} for one, value in listed]
    return {"token": "?", "bytes": list(text), "logprob": logprob, "top_logprobs": top}


def pieces(tokenizer, ids):
    known = TokenBytes(tokenizer)
    return [known.of[number] for number in ids]


def sequence(tokenizer, text=TEXT, end=True):
    ids = [5, 6, *tokenizer(text, add_special_tokens=False)["input_ids"], *([END] if end else [])]
    return Encoded(ids, [IGNORED] * 2 + ids[2:], None, len(ids))


def join(tokenizer, content, top=2, **options):
    told = Told(max(tokenizer.get_vocab().values()) + 1, top)
    return ReplyJoiner(tokenizer, told, frozenset((END,)))(
        sequence(tokenizer, **options), {"content": content}
    )


def whole(tokenizer, **options):
    others = [(b"a", -1.5), (b"no such token", -1.0)]
    return [
        entry(one, others=others) for one in pieces(tokenizer, sequence(tokenizer, **options).input_ids[2:])
    ]


@pytest.mark.parametrize("name", ["bytewise", "spaced"])
def test_a_token_has_its_bytes(name, request):
    tokenizer = request.getfixturevalue(name)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert b"".join(pieces(tokenizer, ids)).decode().lstrip() == TEXT


def test_bytes_that_several_tokens_have_name_the_one_that_is_used(spaced):
    known = TokenBytes(spaced)
    assert known.number[b"1"] == spaced.convert_tokens_to_ids("1")  # and not <0x31>
    assert known.number[b"\xe4"] == spaced.convert_tokens_to_ids("<0xE4>")


def test_a_reply_is_joined_token_by_token(bytewise):
    found = join(bytewise, whole(bytewise))
    learned = sequence(bytewise).input_ids[2:]
    assert not isinstance(found, Mismatch), found
    assert found.ids[:, 0].tolist() == learned and found.said == pytest.approx(-0.5)
    letter = bytewise.convert_tokens_to_ids("a")
    assert found.ids[0].tolist() == [learned[0], letter]
    assert found.logprobs[0] == pytest.approx([-0.5, -1.5])
    left = 1 - np.exp(-0.5) - np.exp(-1.5)
    assert np.exp(found.rest[0]) == pytest.approx(left, abs=1e-6)  # with what is no token of the student


def test_an_end_that_is_not_told_of_counts_as_certain(bytewise):
    found = join(bytewise, whole(bytewise)[:-1])
    assert not isinstance(found, Mismatch), found
    assert (found.ids[-1][0], found.said[-1], found.logprobs[-1].tolist()) == (END, 0, [0, LEAST])


def test_bytes_that_come_with_the_last_token_of_a_character_are_joined(bytewise):
    content, begun = whole(bytewise), b""
    for one in content:
        begun += bytes(one["bytes"])
        try:
            begun.decode()
        except UnicodeDecodeError:
            one["bytes"] = []
        else:
            one["bytes"], begun = list(begun), b""
    assert any(not one["bytes"] for one in content)
    assert not isinstance(join(bytewise, content), Mismatch)


def merged(content):
    first, second, *rest = content
    return [entry(bytes(first["bytes"] + second["bytes"])), *rest]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (merged, "not this text, token by token"),
        (lambda content: content[1:], "not this text"),
        (lambda content: content[:-2], "not this text"),
        (lambda content: [*content, entry(b" more")], "goes on behind this text"),
        (lambda content: [{**content[0], "bytes": None, "token": "x"}, *content[1:]], "not this text"),
        (lambda content: [{**content[0], "bytes": [300]}, *content[1:]], "not this text"),
        (lambda content: [{**content[0], "logprob": None}, *content[1:]], "no log-probability"),
        (lambda content: [{**content[0], "top_logprobs": None}, *content[1:]], "0 log-probabilities where 2"),
        (lambda content: [None, *content[1:]], "not this text"),
        (lambda content: "x", "belongs to one answer"),
    ],
)
def test_another_text_is_never_joined(bytewise, change, words):
    found = join(bytewise, change(whole(bytewise)))
    assert isinstance(found, Mismatch) and words in found.why, found


PIPELINE = """
version: 1
name: p
teacher: {{provider: openai, model: m, base_url: "{url}", sampling: {{logprobs: true, top_logprobs: 2}}}}
stages:
- load: {{sources: [rows.jsonl]}}
- generate: {{task: respond}}
- logprobs: {{tokenizer: {{model: {model}}}, from_reply: true, top_logprobs: {top}}}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model", positions=512)


def served(model, change=lambda content: content, logprobs=True):
    """A chat server that replies in the student's tokens and tells how likely they were."""
    tokenizer, _ = open_tokenizer(StudentOptions(model=str(model)))
    server = ChatServer(lambda text, draw: f"It is {text[-2]}, 三.")
    plain = server.answer

    def answer(body):
        reply = plain(body)
        for choice in reply["choices"] if logprobs else ():
            text = choice["message"]["content"]
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            content = [entry(one, others=[(b"a", -1.5)]) for one in pieces(tokenizer, ids)]
            choice["logprobs"] = {"content": change(content)}
        return reply

    setattr(server, "answer", answer)  # noqa: B010
    return server


def run(server, model, top=2, extra=()):
    rows = [{"instruction": f"What is {number}?"} for number in range(5)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    Path("p.yaml").write_text(PIPELINE.format(url=server.url, model=model, top=top))
    pipeline = load_pipeline(Path("p.yaml"), (), extra)
    return run_pipeline(pipeline, RunOptions(), Reporter("silent")).stages["logprobs"]


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")


def test_rows_that_generate_made_keep_what_their_replies_carry(model, in_tmp):
    with served(model) as server:
        done = run(server, model)
        assert server.requests == 5
    assert done.counts["kept"] == 5 and done.requests["planned"] == 0
    store = TokenLogprobs(Path("data/runs/p/logprobs"))
    assert len(store) == 5 and (store.told.top, done.extra["stored"]["texts"]) == (2, 5)


def test_replies_that_carry_nothing_are_told_of(model, in_tmp):
    with served(model, logprobs=False) as server, pytest.raises(EmptyResult, match="no_logprobs 5"):
        run(server, model)
    (row, *_) = read_rows(failed_folder(Path("data/runs/p"), "logprobs") / "rejected.jsonl")
    assert "generate has to ask for them" in row["rejection"]["value"]


def test_rows_that_are_no_replies_are_told_of(model, in_tmp):
    with served(model) as server, pytest.raises(EmptyResult, match="no_logprobs 5"):
        rows = [{"instruction": f"{at}?", "output": "x", "meta": {"request": "odd"}} for at in range(5)]
        Path("own.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        extra = ["load.sources=[own.jsonl]", "logprobs.input=load"]
        run(server, model, extra=extra)


def test_replies_of_another_text_are_misaligned(model, in_tmp):
    with served(model, merged) as server, pytest.raises(EmptyResult, match="misaligned 5"):
        run(server, model)


@pytest.mark.parametrize("top", [-1, 21])
def test_more_than_replies_carry_is_refused(model, in_tmp, top):
    with served(model) as server, pytest.raises(ConfigError, match="at most 20"):
        run(server, model, top)
