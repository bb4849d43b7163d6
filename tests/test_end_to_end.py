"""The laws on the whole pipeline: builtin teacher over HTTP, real ledger, real training of a tiny student."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import pytest

from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.report.page import html_report
from synthgen.reports.status import run_status, status_table
from synthgen.store.manifest import read_manifest
from tests.reports.report.agreement import check_figures

pytestmark = pytest.mark.slow

DATA_STAGES = """
version: 1
name: small
seed: 3
teacher: {provider: builtin, base_url: "URL", limits: {concurrency: 8}}
stages:
  - generate:
      {id: questions, task: self_instruct, kind: question, seeds: "SEEDS", num_rows: 240, novelty: 0.9}
  - split: {test: 40}
  - generate: {id: rationales, task: rationale}
  - filter: {rules: [refusal, truncated, run_on, answer_match]}
  - dedup: {methods: [exact, rouge_l: {field: instruction, threshold: 0.9}]}
"""
STUDENT = """
  - sft:
      id: student
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 320}}
      completion: rationale_then_answer
      epochs: 1
      batch_size: 8
      learning_rate: 2e-3
      max_length: 256
      threads: 1
      save_every: 4
  - evaluate: {models: [base, students, teacher], max_new_tokens: 8, threads: 1}
"""
DATA = ("questions", "split", "rationales", "filter", "dedup")


@pytest.fixture(scope="module")
def teacher():
    """A builtin teacher that counts what it serves, for as long as the module's tests run."""
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv=['synthgen','serve-builtin','--port','0']; from synthgen.cli import "
        "main; main()",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = json.loads(process.stdout.readline())
    yield next(value for value in said.values() if isinstance(value, str) and value.startswith("http"))
    process.terminate()
    process.wait(10)


def served(url: str) -> int:
    with urllib.request.urlopen(url.removesuffix("/v1").rstrip("/") + "/stats") as answer:
        return int(json.load(answer)["requests"])


def pipeline_file(folder: Path, url: str, text: str = DATA_STAGES, name: str = "small.yaml") -> Path:
    url = url if url.endswith("/v1") else url.rstrip("/") + "/v1"
    path = folder / name
    path.write_text(text.replace("URL", url).replace("SEEDS", str(shipped("data/seeds/arithmetic.jsonl"))))
    return path


def run(path: Path, sets: dict[str, object] | None = None, **options):
    return run_pipeline(load_pipeline(path, (), sets or {}), RunOptions(**options), Reporter("silent"))


def row_files(run_dir: Path) -> dict[str, str]:
    return {
        str(path.relative_to(run_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run_dir.glob("*/*.jsonl"))
        if path.parent.name in DATA
    }


@pytest.fixture(scope="module")
def calm(teacher, tmp_path_factory):
    """A run that nothing disturbed: what every other run must equal."""
    folder = tmp_path_factory.mktemp("calm")
    before = os.getcwd()
    os.chdir(folder)
    try:
        result = run(pipeline_file(folder, teacher))
        return folder, result, row_files(folder / "data/runs/small")
    finally:
        os.chdir(before)


def test_every_stage_accounts_for_every_row(calm):
    folder, result, _ = calm
    for stage, manifest in result.stages.items():
        counts = manifest.counts
        assert counts["in"] == counts["kept"] + sum(counts["rejected"].values()) + sum(
            counts["failed"].values()
        ), stage
        rejected = folder / "data/runs/small" / stage / "rejected.jsonl"
        written = len(rejected.read_bytes().splitlines()) if rejected.exists() else 0
        assert written == sum(counts["rejected"].values()) + sum(counts["failed"].values()), stage
    for stage in ("questions", "rationales"):
        requests = result.stages[stage].requests
        assert (
            requests["planned"]
            == requests["answered"] + sum(requests["failed"].values()) + requests["unsent"]
        )


def test_a_second_run_asks_nobody(calm, teacher, monkeypatch):
    folder, _, files = calm
    monkeypatch.chdir(folder)
    before = served(teacher)
    result = run(folder / "small.yaml")
    assert set(result.done.values()) == {"skipped"} and served(teacher) == before
    assert row_files(result.run_dir) == files


def test_a_run_elsewhere_over_the_same_ledger_pays_for_nothing_and_writes_the_same_bytes(
    calm, teacher, monkeypatch
):
    folder, _, files = calm
    monkeypatch.chdir(folder)
    before = served(teacher)
    result = run(folder / "small.yaml", {"name": "again"}, runs=folder / "elsewhere")
    assert set(result.done.values()) == {"ran"} and served(teacher) == before
    assert row_files(result.run_dir) == files


@pytest.mark.parametrize("concurrency", [1, 64])
def test_the_same_bytes_whatever_the_concurrency(calm, teacher, in_tmp, concurrency):
    result = run(pipeline_file(in_tmp, teacher), {"teacher.limits.concurrency": concurrency})
    assert row_files(result.run_dir) == calm[2]


def test_a_changed_filter_reruns_from_filter_without_a_call(calm, teacher, monkeypatch):
    folder, _, _ = calm
    monkeypatch.chdir(folder)
    before = served(teacher)
    result = run(folder / "small.yaml", {"name": "filtered", "filter.rules": ["refusal", "answer_match"]})
    assert result.done == {
        "questions": "linked",
        "split": "linked",
        "rationales": "linked",
        "filter": "ran",
        "dedup": "ran",
    }
    assert served(teacher) == before


def test_a_changed_prompt_reruns_from_its_generate_stage(teacher, in_tmp):
    path = pipeline_file(in_tmp, teacher)
    prompts = in_tmp / "prompts" / "rationale"
    prompts.mkdir(parents=True)
    source = shipped("prompts/rationale/few_shot.yaml").read_text()
    (prompts / "few_shot.yaml").write_text(source)
    run(path)
    before = served(teacher)
    changed = (
        source.replace("system: ", "system: Take care. ", 1)
        if "system: " in source and "system: |" not in source
        else source.replace("system: |\n  ", "system: |\n  Take care. ", 1)
    )
    assert changed != source
    (prompts / "few_shot.yaml").write_text(changed)
    result = run(path)
    assert [stage for stage, done in result.done.items() if done == "ran"][0] == "rationales"
    assert result.done["questions"] == result.done["split"] == "skipped"
    assert served(teacher) - before == 200


def start(path: Path, *extra: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-c",
        "import sys; from synthgen.cli import main; main()",
        "run",
        str(path),
        *extra,
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=path.parent)


def kill_when(
    process: subprocess.Popen[bytes], ready, number: int = signal.SIGKILL, seconds: float = 120
) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and not ready():
        assert time.monotonic() < end, "the moment to kill at never came"
        time.sleep(0.002)
    process.send_signal(number)
    process.wait(60)


def started(folder: Path, stage: str) -> bool:
    try:
        return (
            f'"event":"start","stage":"{stage}"'.encode()
            in (folder / "data/runs/small/run.log.jsonl").read_bytes()
        )
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_while_generating_the_same_command_goes_on(calm, teacher, in_tmp, number):
    path = pipeline_file(in_tmp, teacher)
    before = served(teacher)
    first = start(path)
    kill_when(first, lambda: served(teacher) - before > 60, number)
    assert first.returncode == (-9 if number == signal.SIGKILL else 143), first.stderr.read()
    killed_at = served(teacher)
    second = start(path)
    assert second.wait(120) == 0, second.stderr.read()
    assert row_files(in_tmp / "data/runs/small") == calm[2]
    needed = sum(
        read_manifest(in_tmp / "data/runs/small" / stage).requests["planned"]
        for stage in ("questions", "rationales")
    )
    surplus = 12  # calls for questions that were under way, or beyond the last one kept
    in_flight = 8 if number == signal.SIGKILL else 0
    assert needed <= served(teacher) - before <= needed + in_flight + surplus
    assert killed_at - before < needed


def test_killed_while_deduplicating_the_same_command_goes_on(calm, teacher, in_tmp):
    path = pipeline_file(in_tmp, teacher)
    first = start(path)
    kill_when(first, lambda: started(in_tmp, "dedup"))
    before = served(teacher)
    assert start(path).wait(120) == 0
    assert served(teacher) == before
    assert row_files(in_tmp / "data/runs/small") == calm[2]


@pytest.fixture(scope="module")
def calm_student(calm, teacher):
    folder, _, _ = calm
    before = os.getcwd()
    os.chdir(folder)
    try:
        return run(
            pipeline_file(folder, teacher, DATA_STAGES + STUDENT, "student.yaml"), runs=folder / "data/runs"
        )
    finally:
        os.chdir(before)


def model_files(run_dir: Path) -> dict[str, str]:
    return {
        name: record.sha256
        for name, record in read_manifest(run_dir / "student").outputs.items()
        if name.endswith((".safetensors", "metrics.jsonl", "tokenizer.json"))
    }


def test_a_student_is_trained_and_measured(calm_student):
    metrics = orjson.loads((calm_student.run_dir / "evaluate" / "metrics.json").read_bytes())
    assert metrics
    table = calm_student.table("evaluate")
    assert "teacher" in table and "base" in table and "student" in table
    answers = (calm_student.run_dir / "evaluate" / "answers.jsonl").read_bytes().splitlines()
    assert len(answers) == 40
    shown = status_table(
        run_status(calm_student.run_dir, load_pipeline(calm_student.run_dir / "pipeline.resolved.yaml"))
    )
    assert "students and what they learned to say: student (rationale_then_answer)" in shown


def test_every_figure_of_the_report_is_what_status_and_metrics_say(calm_student):
    run_dir = calm_student.run_dir
    page = html_report(run_dir)
    status = run_status(run_dir, load_pipeline(run_dir / "pipeline.resolved.yaml"))
    assert check_figures(page, run_dir, json.loads(orjson.dumps(status))) > 100
    assert page == html_report(run_dir) and len(page.encode()) < 2_000_000


def test_killed_while_training_the_same_command_goes_on_to_the_same_weights(calm_student, teacher, in_tmp):
    path = pipeline_file(in_tmp, teacher, DATA_STAGES + STUDENT)
    first = start(path)
    kill_when(first, lambda: any((in_tmp / "data/runs/small/.work/student").rglob("COMPLETE")))
    assert first.returncode == -9, first.stderr.read()
    assert not (in_tmp / "data/runs/small/student").exists()
    before = served(teacher)
    second = start(path)
    assert second.wait(300) == 0, second.stderr.read()
    assert served(teacher) == before
    assert model_files(in_tmp / "data/runs/small") == model_files(calm_student.run_dir)
    assert (in_tmp / "data/runs/small/evaluate/metrics.json").read_bytes() == (
        calm_student.run_dir / "evaluate/metrics.json"
    ).read_bytes()


def test_the_python_api_works_inside_a_running_loop(calm, teacher, monkeypatch):
    import asyncio

    import synthgen

    folder, _, files = calm
    monkeypatch.chdir(folder)

    async def notebook():
        result = synthgen.run(
            "small.yaml",
            set={"name": "notebook"},
            runs="from-a-notebook",
            ledger="ledger-of-a-notebook",
            until="rationales",
        )
        return [row["id"] for row in result.rows("rationales")], synthgen.preview("small.yaml", 1)

    ids, shown = asyncio.run(notebook())
    assert len(ids) == 200 and shown["previews"][0]["rows"]
    assert next(synthgen.load("from-a-notebook/notebook/questions/rows.jsonl"))["instruction"]
