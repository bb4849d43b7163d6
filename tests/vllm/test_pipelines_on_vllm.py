"""Every shipped pipeline that asks a teacher, against one real vLLM server with a model of synthgen's.

What the tiny teacher was not taught it answers with noise. Then rows are rejected, with their reasons, and
a stage may come to nothing; but the server takes every request, every reply is in the ledger and accounted
for, and none is asked for twice.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from synthgen.core.errors import SynthgenError
from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.failed import read_failure
from synthgen.store.jsonl import read_rows
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.manifest import read_manifest
from synthgen.teachers.providers.vllm import VLLM, VLLMConfig
from tests.vllm.tiny_teacher import SYSTEM, lay_out_questions, questions

pytestmark = pytest.mark.timeout(600)
KEY = "SYNTHGEN_TEST_VLLM_KEY"
NOWHERE = "http://127.0.0.1:9/v1"  # the same identity, since the port is no part of it; and nobody answers
TINY = "{init: {hidden_size: 64, layers: 2, heads: 2, vocab_size: 400}}"


@dataclass(frozen=True)
class Served:
    """Where the server is, and what it serves."""

    model: str
    url: str

    def teacher(self, max_tokens=64, temperature=1.0):
        return (
            f"{{provider: vllm, model: '{self.model}', base_url: '{self.url}', api_key_env: {KEY}, "
            f"sampling: {{max_tokens: {max_tokens}, temperature: {temperature}}}, limits: "
            f"{{max_attempts: 2}}}}"
        )


@pytest.fixture(scope="module")
def served(taught_model, vllm_python, server_env):
    # a weak model would fill a JSON reply with line ends
    compact = '{"backend": "xgrammar", "disable_any_whitespace": true}'
    arguments = {
        "max-model-len": 8192,
        "dtype": "float32",
        "enforce-eager": True,
        "max-num-seqs": 32,
        "structured-outputs-config": compact,
    }
    provider = VLLM(
        VLLMConfig.model_validate(
            {
                "model": str(taught_model),
                "python": vllm_python,
                "env": server_env,
                "args": arguments,
                "start_timeout": 600,
            }
        )
    )
    url = provider.start(Reporter("silent"), lambda: 0)
    os.environ[KEY] = provider.server_key
    yield Served(str(taught_model), url)
    del os.environ[KEY]
    provider.stop()


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    """A folder as `synthgen init` lays it out, with questions of one's own."""
    folder = tmp_path_factory.mktemp("desk")
    for part in ("prompts", "pipelines", "data/seeds"):
        shutil.copytree(shipped(part), folder / part)
    lay_out_questions(folder)
    return folder


@pytest.fixture
def desk(laid_out, monkeypatch):
    monkeypatch.chdir(laid_out)


@dataclass
class Came:
    """What a run came to: its folder, its exit code and why, and the account of each stage."""

    folder: Path
    exit_code: int
    why: str
    counts: dict = field(default_factory=dict)
    failed: list = field(default_factory=list)

    def rows(self, stage, name="rows.jsonl"):
        return list(read_rows(self.folder / stage / name))

    def files(self):
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*.jsonl")
            if path.name in ("rows.jsonl", "rejected.jsonl", "data.jsonl", "answers.jsonl")
        }


def run(name, sets, place, ledger, until=None, limit=None):
    """Runs a shipped pipeline, and holds every stage that began to its account."""
    pipeline = load_pipeline(Path("pipelines") / f"{name}.yaml", (), sets)
    options = RunOptions(run_dir=place / "run", ledger=ledger, until=until, limit=limit, workers=1)
    came = Came(place / "run", 0, "")
    try:
        run_pipeline(pipeline, options, Reporter("silent"))
    except SynthgenError as fault:
        came.exit_code, came.why = fault.exit_code, fault.faults[0].what
    for spec in pipeline.stages:
        manifest, failure = read_manifest(came.folder / spec.id), read_failure(came.folder, spec.id)
        if manifest is None and failure is None:
            continue
        folder = came.folder / (spec.id if manifest else f"{spec.id}.failed")
        counts = manifest.counts if manifest else failure.counts
        came.counts[spec.id] = counts
        came.failed += [] if manifest else [spec.id]
        lost = sum(counts["rejected"].values()) + sum(counts["failed"].values())
        assert counts["in"] == counts["kept"] + lost and not counts["failed"], (spec.id, counts)
        if spec.kind in ("generate", "score", "filter", "dedup"):
            rejected = list(read_rows(folder / "rejected.jsonl"))
            assert len(rejected) == lost and all(
                row["rejection"]["rule"] in counts["rejected"] for row in rejected
            ), spec.id
        if manifest and manifest.requests:
            assert manifest.requests["planned"] == manifest.requests["answered"] > 0, (
                spec.id,
                manifest.requests,
            )
    return came


def asked(ledger, came):
    """The bodies of all requests; every reply that a row names is in the ledger, and none was refused."""
    book = open_ledger(ledger)
    stats = book.stats()
    assert stats["samples"] > 0 and (stats["refusals"], stats["failures"], stats["unsettled"]) == (0, 0, 0)
    named = {
        row.get("meta", {}).get("request")
        for path in came.folder.rglob("*.jsonl")
        if path.name in ("rows.jsonl", "rejected.jsonl")
        for row in read_rows(path)
    } - {None}
    entries = {key: book.get(key) for key in named}
    assert all(entries.values())
    copy = ledger.with_name("asked.jsonl")
    copy.unlink(missing_ok=True)
    assert book.export(copy) == stats["samples"]
    book.close()
    return [
        row["request"]["body"] | {"reply": row["reply"]["choices"][row["choice"]]} for row in read_rows(copy)
    ]


def turns(body):
    return [message["role"] for message in body.get("messages", ())]


LOGPROBS = (
    "{logprobs: true, top_logprobs: 2, seed: 3, stop: ['###'], presence_penalty: 0.5, "
    "frequency_penalty: 0.1, top_p: 0.9}"
)
ASKED = "load.sources=[{path: questions.csv, columns: {instruction: question, reference: gold}}]"
CASES = {
    "alpaca_openai": (
        ["generate.num_rows=3", "generate.num_tasks=2"],
        "dedup",
        None,
        lambda bodies: all("response_format" not in body for body in bodies),
    ),
    "attributes": (
        ["generate.num_rows=3", "generate.num_tasks=2"],
        None,
        None,
        lambda bodies: len(bodies) >= 6,
    ),
    "conversation": (
        [ASKED, "generate.prompt=question.yaml"],
        None,
        3,
        lambda bodies: any(turns(body)[-3:] == ["user", "assistant", "user"] for body in bodies),
    ),
    "documents": ([], None, None, lambda bodies: len(bodies) >= 3),
    "evolve": ([ASKED], None, 4, lambda bodies: len(bodies) > 4),  # a rewrite that ended is looked at
    "judge": (
        ["score.teacher=judge"],
        None,
        3,
        lambda bodies: len(bodies) == 3 and all(body["temperature"] == 0 for body in bodies),
    ),
    "magpie": (
        ["generate.num_rows=3", "generate.sampling={temperature: 1.0, logprobs: true, top_logprobs: 1}"],
        None,
        None,
        lambda bodies: any(
            "prompt" in body and body["stop"] and body["logprobs"] == 1 and body["reply"]["logprobs"]
            for body in bodies
        ),
    ),
    "preferences": ([], None, 2, lambda bodies: len(bodies) == 2 * (3 + 3)),
    "rationale_vote": (["generate.prompt=question.yaml"], None, 6, lambda bodies: len(bodies) == 6 * 8),
    "respond": (
        [f"generate.sampling={LOGPROBS}"],
        None,
        3,
        lambda bodies: all(
            len(body["reply"]["logprobs"]["content"][0]["top_logprobs"]) == 2 for body in bodies
        ),
    ),
    "self_instruct": (["generate.num_rows=3"], None, None, lambda bodies: len(bodies) >= 20),
}
"""Pipeline -> what makes it small or points it elsewhere, the last stage, the limit, and what its requests
show.
"""
WHOLE = {
    "quickstart",
    "rationale_vllm",
}  # from seed to scorecard, below; other pipelines with the builtin teacher ask as the quickstart does


def test_every_shipped_pipeline_is_run_here():
    shipped_ones = {path.stem: load_pipeline(path) for path in shipped("pipelines").glob("*.yaml")}
    builtin = {
        name
        for name, pipeline in shipped_ones.items()
        if {teacher.provider for teacher in pipeline.teachers.values()} == {"builtin"}
    }
    assert set(shipped_ones) - builtin == set(CASES) | WHOLE - builtin


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_a_pipeline_asks_is_taken_and_every_reply_is_accounted_for_and_paid_once(
    name, served, desk, tmp_path
):
    sets, until, limit, shown = CASES[name]
    sets = [
        f"teacher={served.teacher()}",
        f"teachers={{judge: {served.teacher(32)}}}" if "judge" in name else "seed=1",
        *sets,
    ]
    first = run(name, sets, tmp_path / "first", tmp_path / "ledger", until, limit)
    assert first.exit_code in (0, 1) and first.counts, first.why
    assert bool(first.failed) == (first.exit_code == 1), first.why
    bodies = asked(tmp_path / "ledger", first)
    assert shown(bodies), (name, len(bodies), bodies[:2])
    again = run(
        name,
        [value.replace(served.url, NOWHERE) for value in sets],
        tmp_path / "again",
        tmp_path / "ledger",
        until,
        limit,
    )
    assert (again.exit_code, again.why, again.counts) == (first.exit_code, first.why, first.counts)
    assert again.files() == first.files()
    assert len(asked(tmp_path / "ledger", again)) == len(bodies)


def test_a_schema_is_held_to_by_the_server_whatever_the_model(served, desk, tmp_path):
    """The tiny teacher knows no JSON of this form: it is vLLM's guided decoding that makes it."""
    sets = [
        f"teacher={served.teacher(300)}",
        "generate.form=json",
        "generate.num_tasks=2",
        "generate.num_rows=3",
    ]
    came = run("alpaca_openai", sets, tmp_path, tmp_path / "ledger", "generate")
    bodies = asked(tmp_path / "ledger", came)
    assert all(body["response_format"]["type"] == "json_schema" for body in bodies)
    whole = [
        orjson.loads(body["reply"]["message"]["content"])
        for body in bodies
        if body["reply"]["finish_reason"] == "stop"
    ]
    assert all(
        list(reply) == ["tasks"]
        and all(set(task) == {"instruction", "input", "output"} for task in reply["tasks"])
        for reply in whole
    )
    cut = [
        body["reply"]["message"]["content"] for body in bodies if body["reply"]["finish_reason"] == "length"
    ]
    assert len(whole) + len(cut) == len(bodies) >= 3 and all(text.startswith('{"tasks"') for text in cut)


def accuracy(came, model):
    report = orjson.loads((came.folder / "evaluate" / "metrics.json").read_bytes())
    return report["models"][model]["exact_match"]["value"]


def test_the_rationale_pipeline_goes_from_questions_to_a_scorecard(served, desk, tmp_path):
    sets = [
        f"teacher={served.teacher(32, 0.7)}",
        "generate.prompt=question.yaml",
        "generate.samples=2",
        f"student.student={TINY}",
        "student.method=full",
        "student.epochs=2",
        "student.learning_rate=2e-3",
        "student.max_length=256",
        "evaluate.max_new_tokens=16",
    ]
    came = run("rationale_vllm", sets, tmp_path, tmp_path / "ledger")
    assert (came.exit_code, came.why, came.failed) == (0, "", [])
    assert came.counts["filter"]["kept"] > 0.5 * came.counts["generate"]["kept"]
    assert all(
        row["output"].startswith(row["rationale"]) and row["final_answer"] == row["reference"]
        for row in came.rows("dedup")
    )
    assert accuracy(came, "teacher") > 0.7 and accuracy(came, "base") == 0
    assert all(row["system"] == SYSTEM for row in came.rows("dedup"))
    assert all(
        turns(body) == ["system", "user"] and body["messages"][0]["content"] == SYSTEM
        for body in asked(tmp_path / "ledger", came)
    )


def test_the_quickstart_goes_from_seeds_to_a_scorecard_with_questions_as_json(served, desk, tmp_path):
    tiny = [
        word
        for student in ("rationale_student", "answer_student")
        for word in (f"{student}.student={TINY}", f"{student}.epochs=1")
    ]
    sets = [
        f"teacher={served.teacher(160, 0.9)}",
        "questions.seeds=sums.jsonl",
        "questions.prompt=list.yaml",
        "questions.form=json",
        "questions.num_tasks=3",
        "questions.novelty=null",
        "questions.num_rows=60",
        "rationales.prompt=question.yaml",
        "split.test=12",
        *tiny,
        "evaluate.max_new_tokens=16",
        f"evaluate.system='{SYSTEM}'",
    ]
    came = run("quickstart", sets, tmp_path, tmp_path / "ledger")
    assert (came.exit_code, came.why, came.failed) == (0, "", [])
    assert (
        came.counts["questions"]["kept"] == 60
        and sum(row["reference"].isdigit() for row in came.rows("questions")) > 40
    )
    assert came.counts["dedup"]["kept"] > 0 and accuracy(came, "teacher") > 0
    assert sum("response_format" in body for body in asked(tmp_path / "ledger", came)) >= 20


@pytest.mark.parametrize(("policy", "room"), [("continue", 5), ("escalate", 4)])
def test_a_reply_that_was_cut_is_made_whole(policy, room, served, desk, tmp_path):
    """The tiny teacher's replies have twelve tokens; what it says in parts is what it says in one go."""
    words = {question: reply for question, reply, _ in questions()}
    sets = [
        f"teacher={served.teacher(room, 0)}",
        "generate.prompt=question.yaml",
        "generate.samples=1",
        f"generate.on_length={policy}",
    ]
    came = run("rationale_vllm", sets, tmp_path, tmp_path / "ledger", "generate", limit=30)
    rows = came.rows("generate")
    assert len(rows) == 30 and sum(row["output"] == words[row["instruction"]] for row in rows) >= 27, [
        row["output"] for row in rows[:3]
    ]
    assert {row["meta"]["finish_reason"] for row in rows} == {"stop"}
    bodies = asked(tmp_path / "ledger", came)
    if policy == "continue":
        later = [body for body in bodies if body.get("continue_final_message")]
        assert len(later) >= 30 and all(
            turns(body) == ["system", "user", "assistant"] and body["add_generation_prompt"] is False
            for body in later
        )
    else:
        assert sorted({body["max_tokens"] for body in bodies}) == [room, 4 * room]


def test_several_samples_at_temperature_0_are_taken_too(served, desk, tmp_path):
    """vLLM refuses n > 1 there, so they are asked for one by one."""
    sets = [f"teacher={served.teacher(24, 0)}", "generate.prompt=question.yaml", "generate.samples=3"]
    came = run("rationale_vllm", sets, tmp_path, tmp_path / "ledger", "generate", limit=5)
    assert (
        came.counts["generate"]["kept"] == 15
        and len({row["instruction"] + row["output"] for row in came.rows("generate")}) == 5
    )
