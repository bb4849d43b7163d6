"""distill from what a remote teacher told: a pipeline over HTTP, without the teacher's weights."""

from pathlib import Path

import orjson
import pytest

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import stage_state
from synthgen.pipeline.run import run_pipeline
from synthgen.stages.distill.options import Config
from synthgen.store.jsonl import read_log, read_rows
from synthgen.training.chat_tokenizer import open_tokenizer
from synthgen.training.student_options import StudentOptions
from tests.evaluation.tiny_models import tiny_model
from tests.servers.scoring import ScoringServer

pytestmark = pytest.mark.slow

PIPELINE = """
version: 1
name: p
teacher: {{provider: vllm, model: m, base_url: "{url}"}}
stages:
- load: {{sources: [rows.jsonl]}}
{before}
- logprobs: {{tokenizer: {{model: {model}}}, max_length: 100{logprobs}}}
{between}
- distill: {{student: {{model: {model}}}, teacher: {{logprobs: logprobs}}, epochs: 1, batch_size: 4,
    max_length: 100, threads: 1{distill}}}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def server(model):
    with ScoringServer(open_tokenizer(StudentOptions(model=str(model)))[0]) as found:
        yield found


def pipeline(server, model, rows=12, before="", between="", **options):
    listed = [{"instruction": f"What is {at}?", "output": f"It is {at}."} for at in range(rows)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in listed))
    added = {name: f", {options[name]}" if options.get(name) else "" for name in ("logprobs", "distill")}
    Path("p.yaml").write_text(
        PIPELINE.format(url=server.url, model=model, before=before, between=between, **added)
    )
    return load_pipeline(Path("p.yaml"), (), ())


def run(made, **options):
    return run_pipeline(made, RunOptions(**options), Reporter("silent"))


def test_losses_and_account(server, model, in_tmp):
    made = pipeline(server, model, between="- filter: {rules: [length: {field: output, max_words: 50}]}")
    done = run(made).stages["distill"]
    assert done.counts["kept"] == 12
    entries = list(read_log(Path("data/runs/p/distill/metrics.jsonl")))
    assert len(entries) == 3
    for entry in entries:
        assert entry["loss"] == pytest.approx(
            0.5 * entry["cross_entropy"] + 0.5 * entry["divergence"], abs=1e-5
        )
        assert entry["divergence"] > 0.1
    assert done.extra["student"]["teacher"] == "the teacher that logprobs asked"
    card = Path("data/runs/p/distill/model/README.md").read_text()
    assert "soft targets of a remote teacher" in card


def test_packed_rows_are_the_steps_of_plain_ones(server, model, in_tmp):
    run(pipeline(server, model, distill="packing: true"))
    (packed, *_) = read_log(Path("data/runs/p/distill/metrics.jsonl"))
    assert packed["divergence"] > 0.1 and packed["tokens"] > 0


def test_rows_that_nobody_was_asked_about_are_told_of_before_the_training(server, model, in_tmp):
    # `learn` and `completion` are compared beforehand; what a template makes of rows shows here.
    other = "input: load"
    short = pipeline(server, model, rows=12, distill=other, logprobs="input: few", before=few())
    with pytest.raises(
        StageFailed, match="of 12 rows, 2 no logprobs: the student cannot be trained on them"
    ) as told:
        run(short)
    assert "row " in told.value.faults[0].where and "have logprobs ask about" in told.value.faults[0].next
    for unfit in ("drop", "keep"):
        made = pipeline(
            server, model, rows=12, distill=f"{other}, unfit: {unfit}", logprobs="input: few", before=few()
        )
        done = run(made).stages["distill"]
        assert (done.counts["kept"], done.counts["rejected"]) == (10, {"no_logprobs": 2})
        rejected = list(read_rows(Path("data/runs/p/distill/rejected.jsonl")))
        assert {row["rejection"]["rule"] for row in rejected} == {"no_logprobs"}


def few():
    """Ten of the rows, those of one digit."""
    return "- filter: {id: few, rules: [length: {field: instruction, max_chars: 10}]}"


def test_validation_rows_are_measured_by_their_text(server, model, in_tmp):
    asked = len(server.prompts)
    made = pipeline(server, model, rows=16, before="- split: {validation: 4}", distill="measure_every: 1")
    run(made)
    assert len(server.prompts) - asked <= 12
    measured = [
        entry for entry in read_log(Path("data/runs/p/distill/metrics.jsonl")) if "validation_loss" in entry
    ]
    assert measured and "validation_divergence" not in measured[0]


def test_another_word_of_the_teacher_is_another_training(server, model, in_tmp):
    made = pipeline(server, model)
    run(made)
    spec = made.stage("distill")
    graph = Graph(made, Path("data/runs/p"))
    assert stage_state(spec, made, graph, limit=None).state == "done"
    more = pipeline(server, model, logprobs="top_logprobs: 4")
    assert run(more).done == {"load": "skipped", "logprobs": "ran", "distill": "ran"}


def test_a_tokenizer_of_another_student_is_refused_before_the_training(server, model, in_tmp):
    made = pipeline(server, model)
    text = Path("p.yaml").read_text().replace("student: {model:", "student: {add_tokens: [<new>], model:")
    Path("p.yaml").write_text(text)
    with pytest.raises(ConfigError, match="not those that the teacher was asked about"):
        run(load_pipeline(Path("p.yaml"), (), ()))
    del made


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("{logprobs: load}", "load is a load stage"),
        ("{logprobs: nothing}", "no earlier stage 'nothing'"),
        ("{logprobs: logprobs, dtype: float16}", "dtype: for a teacher that is loaded"),
        ("{logprobs: logprobs, from: logprobs}", "give one of model"),
    ],
)
def test_teachers_that_cannot_be_meant(server, model, in_tmp, teacher, words):
    pipeline(server, model)
    text = Path("p.yaml").read_text().replace("teacher: {logprobs: logprobs}", f"teacher: {teacher}")
    Path("p.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        run(load_pipeline(Path("p.yaml"), (), ()))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"knowledge": "feature"}, "goes with knowledge: response, not with feature"),
        ({"policy": "on_policy"}, "policy: on_policy needs a teacher that is loaded"),
        ({"policy": "mixed"}, "policy: mixed needs a teacher that is loaded"),
    ],
)
def test_what_was_told_of_rows_is_no_teacher_of_other_things(options, reason):
    with pytest.raises(ValueError, match=reason):
        Config.model_validate({"student": {"init": {}}, "teacher": {"logprobs": "told"}, **options})
