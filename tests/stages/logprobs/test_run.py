"""The stage against a real HTTP server: what it writes, what it pays for, and how it ends where it cannot."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest

from synthgen.core.errors import BudgetReached, ConfigError, EmptyResult, StageFailed, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.operations.batch import prepare_batch
from synthgen.operations.estimate.estimate import estimate_pipeline
from synthgen.operations.estimate.preview import preview_pipeline
from synthgen.operations.estimate.preview_text import preview_text
from synthgen.operations.merge import merge
from synthgen.operations.shard import Shard, sharded
from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.jsonl import read_rows
from synthgen.store.token_logprobs import DISTRIBUTIONS, INDEX, TokenLogprobs
from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
from synthgen.training.encoding import learned_tokens
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import encoded_row
from synthgen.training.student_options import StudentOptions
from tests.evaluation.tiny_models import tiny_model
from tests.servers.scoring import ScoringServer

PIPELINE = """
version: 1
name: p
teacher: {{provider: vllm, model: m, base_url: "{url}", limits: {{concurrency: 4}}{more}}}
stages:
- load: {{sources: [rows.jsonl]}}
- logprobs: {{tokenizer: {{model: {model}}}, top_logprobs: {top}, max_length: 200{options}}}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def tokenizer(model):
    return open_tokenizer(StudentOptions(model=str(model)))[0]


@pytest.fixture
def server(tokenizer):
    with ScoringServer(tokenizer) as found:
        yield found


def good(number):
    return {"instruction": f"What is {number}?", "output": f"It is {number}, ö."}


def lay_out(server, model, rows=6, top=5, options="", more="", stages=""):
    listed = rows if isinstance(rows, list) else [good(number) for number in range(rows)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in listed))
    text = PIPELINE.format(url=server.url, model=model, top=top, options=options, more=more) + stages
    Path("p.yaml").write_text(text)
    return load_pipeline(Path("p.yaml"), (), ())


def run(pipeline, **options):
    return run_pipeline(pipeline, RunOptions(**options), Reporter("silent"))


def published(folder="data/runs/p/logprobs"):
    return {
        name: (Path(folder) / name).read_bytes()
        for name in ("rows.jsonl", "rejected.jsonl", INDEX, DISTRIBUTIONS)
    }


def test_rows_are_kept_as_they_were_with_what_the_teacher_says_of_them(server, model, tokenizer, in_tmp):
    pipeline = lay_out(server, model)
    done = run(pipeline).stages["logprobs"]
    assert done.counts["kept"] == 6 and done.requests["answered"] == 6
    kept = list(read_rows(Path("data/runs/p/logprobs/rows.jsonl")))
    assert kept == list(read_rows(Path("data/runs/p/load/rows.jsonl")))
    store = TokenLogprobs(Path("data/runs/p/logprobs"))
    assert done.extra["stored"] == {
        "texts": 6,
        "tokens": len(store._records),
        "bytes": 24 * len(store._records),
    }
    assert "24 a token" in done.extra["table"]
    ends = end_ids_of(StudentOptions(model=str(model)), tokenizer)
    for row in kept:
        (one,) = encoded_row(Supervised(SupervisedConfig()), row, tokenizer, ends, 200)
        assert one.input_ids in server.prompts
        found = store.find(one.input_ids, learned_tokens(one))
        logits = server.logits(one.input_ids)
        exact = (logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))[np.array(learned_tokens(one))]
        assert (found.ids == np.argsort(-exact, axis=-1, kind="stable")[:, :5]).all()
        assert found.said == pytest.approx(
            exact[np.arange(len(exact)), np.array(one.input_ids)[learned_tokens(one)]], rel=1e-3
        )
    body = server.bodies[0]
    assert {name: body[name] for name in ("max_tokens", "prompt_logprobs")} == {
        "max_tokens": 1,
        "prompt_logprobs": 5,
    }
    before = published()
    assert run(pipeline).done["logprobs"] == "skipped"
    assert run(pipeline, force=("logprobs",)).done["logprobs"] == "ran"
    assert len(server.prompts) == 6 and published() == before


def test_the_same_text_is_asked_about_once_and_sampling_pays_nothing_again(server, model, in_tmp):
    done = run(lay_out(server, model, [good(1), good(2), good(1), good(1)]))
    assert done.stages["logprobs"].counts["kept"] == 4 and len(server.prompts) == 2
    again = lay_out(
        server, model, [good(1), good(2), good(1), good(1)], more=", sampling: {top_p: 0.9, seed: 4}"
    )
    run(again, force=("logprobs",))
    assert len(server.prompts) == 2


def test_rows_that_cannot_be_trained_on_are_rejected_and_not_asked_about(server, model, in_tmp):
    rows = [
        good(1),
        {"instruction": "No answer?"},
        {"instruction": "Empty?", "output": ""},
        {"instruction": "Long?", "output": "word " * 300},
        {"instruction": "Ends?", "output": "It <|im_end|> ends."},
    ]
    done = run(lay_out(server, model, rows)).stages["logprobs"]
    assert done.counts["rejected"] == {"answer_changed": 1, "missing_fields": 2, "truncated": 1}
    assert len(server.prompts) == 1
    rejected = [row["rejection"] for row in read_rows(Path("data/runs/p/logprobs/rejected.jsonl"))]
    assert rejected[2]["threshold"] == 200 and rejected[2]["value"] > 200
    kept = run(lay_out(server, model, rows, options=", unfit: keep")).stages["logprobs"]
    assert kept.counts["kept"] == 2 and len(server.prompts) == 2


def test_a_conversation_is_asked_about_as_it_is_learned(server, model, in_tmp):
    turns = [("user", "One?"), ("assistant", "Two."), ("user", "Three?"), ("assistant", "Four.")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    run(lay_out(server, model, [row], options=", learn: all"))
    store = TokenLogprobs(Path("data/runs/p/logprobs"))
    assert len(server.prompts) == 1 and len(store) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("has another tokenizer", "another text to the server"),
        ("adds a token", "the server adds tokens"),
        ("shifts", "no such token there"),
        ("tells few", "where 5 were asked for"),
    ],
)
def test_a_teacher_with_other_tokens_is_told_of_after_the_first_replies(
    tokenizer, model, in_tmp, fault, words
):
    with ScoringServer(tokenizer, fault=fault) as server:
        with pytest.raises(StageFailed, match="the first 8 replies do not fit") as raised:
            run(lay_out(server, model, 400))
        assert words in raised.value.faults[0].what
        assert len(server.prompts) < 40
        with pytest.raises(EmptyResult, match="misaligned 7"):
            run(lay_out(server, model, 7))
    assert not Path("data/runs/p/logprobs").exists()


def test_one_row_that_does_not_fit_is_rejected_with_place_and_tokens(tokenizer, model, in_tmp, monkeypatch):
    with ScoringServer(tokenizer) as server:
        plain = server.places

        def places(ids, top):
            found = plain(ids, top)
            if "4" in tokenizer.decode(ids):
                found[-2] = {name: {**one, "decoded_token": "other"} for name, one in found[-2].items()}
            return found

        monkeypatch.setattr(server, "places", places)
        done = run(lay_out(server, model)).stages["logprobs"]
    assert done.counts["rejected"] == {"misaligned": 1} and done.counts["kept"] == 5
    (row,) = read_rows(Path("data/runs/p/logprobs/rejected.jsonl"))
    value = row["rejection"]["value"]
    assert row["instruction"] == "What is 4?" and value["server"] == "other" and value["position"] > 20


@pytest.mark.parametrize(
    ("fault", "words"),
    [("says nothing", "answers without prompt_logprobs"), ("refuses", "greater than max allowed: 3")],
)
def test_a_server_that_does_not_tell_ends_the_stage_at_once(tokenizer, model, in_tmp, fault, words):
    with ScoringServer(tokenizer, fault=fault) as server:
        with pytest.raises(TeacherFailed, match=words):
            run(lay_out(server, model, 400))
        assert len(server.prompts) < 40


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("provider: anthropic, model: m", "anthropic does not tell"),
        ("provider: openai, model: m", "openai does not tell"),
        ("provider: openrouter, model: m", "openrouter does not tell"),
        (
            'provider: azure, model: m, base_url: "https://x.openai.azure.com/openai/v1"',
            "azure does not tell",
        ),
        ("provider: builtin", "no token probabilities"),
        ("provider: vllm, model: m", "64 are wanted, but the server that is started gives 20"),
        ("provider: vllm, model: m, args: {max-logprobs: 32}", "gives 32"),
    ],
)
def test_a_teacher_that_cannot_tell_is_known_before_anything_is_paid(server, model, in_tmp, teacher, words):
    lay_out(server, model, top=64)
    text = Path("p.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("teacher:"))
    Path("p.yaml").write_text(text.replace(line, f"teacher: {{{teacher}}}"))
    pipeline = load_pipeline(Path("p.yaml"), (), ())
    told = [one.fault.what for one in findings(pipeline, offline=True) if one.level == "error"]
    assert any(words in what for what in told), told
    with pytest.raises(ConfigError, match=words):
        run(pipeline)


@pytest.mark.parametrize("teacher", ["provider: openai, model: m", "provider: vllm, model: m"])
def test_a_server_of_ones_own_may_tell_as_many_as_it_is_asked_for(server, model, in_tmp, teacher):
    lay_out(server, model, top=64)
    text = Path("p.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("teacher:"))
    Path("p.yaml").write_text(text.replace(line, f'teacher: {{{teacher}, base_url: "{server.url}"}}'))
    assert run(load_pipeline(Path("p.yaml"), (), ())).stages["logprobs"].counts["kept"] == 6


def test_a_budget_counts_the_tokens_that_are_sent(server, model, in_tmp):
    more = ", price: {input_per_mtok: 1.0, output_per_mtok: 1.0}"
    run(lay_out(server, model, 20, more=more))
    tokens = sum(map(len, server.prompts)) + 20
    usage = orjson.loads(Path("data/runs/p/logprobs/manifest.json").read_bytes())["usage"]
    assert usage["prompt_tokens"] + usage["completion_tokens"] == tokens
    assert usage["cost_usd"] == pytest.approx(tokens / 1e6)
    server.prompts.clear()
    capped = lay_out(server, model, [good(100 + at) for at in range(20)], more=more)
    enough = load_pipeline(Path("p.yaml"), (), [f"budget.tokens={2 * tokens + 500}"])
    assert not [one for one in findings(enough, offline=True) if one.level == "error"]
    few = load_pipeline(Path("p.yaml"), (), ["budget.tokens=250"])
    with pytest.raises(BudgetReached):
        run(few, run_dir=Path("few"))
    sent = sum(map(len, server.prompts)) + len(server.prompts)
    assert 50 < sent <= 250  # a token of the prompt is one, however many bytes its id has
    assert run(enough, run_dir=Path("enough")).stages["logprobs"].counts["kept"] == 20
    assert len(server.prompts) == 20
    del capped


def test_preview_and_estimate_tell_what_it_takes(server, model, in_tmp):
    pipeline = lay_out(server, model, 30, more=", price: {input_per_mtok: 1.0}")
    shown = preview_pipeline(pipeline, 2, reporter=Reporter("silent"))
    text = preview_text(shown)
    assert (
        "token ids" in text
        and "learned; how likely, and the likeliest" in text
        and "'It'" in text
        or "' is'" in text
    )
    assert "--- reply" not in text and len(server.prompts) == 2
    figures = estimate_pipeline(pipeline, 5, reporter=Reporter("silent"))["total"]
    assert figures["calls"]["p50"] == 30 and len(server.prompts) == 5
    assert figures["prompt_tokens"]["p50"] == pytest.approx(30 * len(server.prompts[0]), rel=0.1)
    run(pipeline)
    assert len(server.prompts) == 30


def test_shards_make_the_bytes_of_the_whole(server, model, in_tmp):
    rows = [good(number % 7) for number in range(12)] + [{"instruction": "x"}]
    pipeline = lay_out(server, model, rows)
    run(pipeline)
    whole, account = published(), run(pipeline).stages["logprobs"].extra["stored"]
    asked = len(server.prompts)
    aside = RunOptions(run_dir=Path("sharded"))
    run_pipeline(pipeline, RunOptions(run_dir=Path("sharded"), until="load"), Reporter("silent"))
    for number in range(1, 5):
        part = RunOptions(run_dir=Path("sharded"), only=("logprobs",))
        run_pipeline(*sharded(pipeline, part, Shard(number, 4)), Reporter("silent"))
    merged = merge(pipeline, aside, reporter=Reporter("silent")).stages["logprobs"]
    assert published("sharded/logprobs") == whole and merged.extra["stored"] == account
    assert len(server.prompts) == asked


def test_kill_9_in_the_middle_pays_nothing_twice(tokenizer, model, in_tmp):
    with ScoringServer(tokenizer, seconds=0.02) as server:
        lay_out(server, model, 150)
        command = [sys.executable, "-m", "synthgen", "run", "p.yaml"]
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(server.prompts) < 50:
            assert killed.poll() is None
            time.sleep(0.005)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        time.sleep(0.1)
        assert 50 <= len(server.prompts) < 140
        assert not Path("data/runs/p/logprobs").exists()
        done = run(load_pipeline(Path("p.yaml"), (), ()))
        times = Counter(tuple(ids) for ids in server.prompts)
        assert len(times) == 150 and sum(times.values()) <= 150 + 4  # at most what was in flight
        assert done.stages["logprobs"].counts["kept"] == 150
        broken = published()
        run(load_pipeline(Path("p.yaml"), (), ()), run_dir=Path("whole"))
    assert published("whole/logprobs") == broken


def test_batch_files_cannot_ask_about_tokens(server, model, in_tmp):
    pipeline = lay_out(server, model)
    with pytest.raises(ConfigError, match="no batch file can ask how likely"):
        prepare_batch(pipeline, RunOptions(), Reporter("silent"))
    assert not server.prompts
    run(pipeline)
    assert prepare_batch(pipeline, RunOptions(), Reporter("silent")).waiting == {}


def test_what_a_reader_wants_that_is_not_told_is_foreseen(server, model, in_tmp):
    student = f"\n- distill: {{student: {{model: {model}}}, teacher: {{logprobs: logprobs}}, "
    for options, words in (
        ("temperature: 2}", "temperature 2 needs the whole vocabulary"),
        ("top_k: 20}", "top_k is 20, but the teacher has told its 5"),
        ("completion: answer_only}", "asked about completion: output, but a student learns"),
    ):
        pipeline = lay_out(server, model, stages=student + options)
        with pytest.raises(ConfigError, match=words):
            run(pipeline)
    assert not server.prompts
    assert lay_out(server, model, top=-1, stages=student + "temperature: 2}")


def test_options_that_cannot_be_meant(server, model, in_tmp):
    for options, words in ((", completion: multi_task", "belongs to sft"), (", unfit: fail", "drop")):
        with pytest.raises(ConfigError, match=words):
            lay_out(server, model, options=options)
    with pytest.raises(ConfigError, match="top_logprobs: 0"):
        lay_out(server, model, top=0)
    with pytest.raises(ConfigError, match="one of model"):
        lay_out(server, f"{model}, from: load")
    with pytest.raises(ConfigError, match="the tokenizer's folder does not exist"):
        run(lay_out(server, "/no/such/folder"))
