"""The estimate against what a run then came to, and what it costs to make one."""

import json
from pathlib import Path

from test_end_to_end import DATA_STAGES, pipeline_file, run, served, teacher  # noqa: F401

from synthgen.estimate import estimate_pipeline
from synthgen.pipeline_file import load_pipeline
from synthgen.progress import Reporter
from synthgen.reports.status import run_status, status_table

EVALUATE = "  - evaluate: {models: [teacher], max_new_tokens: 64}\n"


def test_an_estimate_is_near_what_it_comes_to_and_its_probe_is_not_paid_twice(teacher, in_tmp):  # noqa: F811
    path = pipeline_file(in_tmp, teacher, DATA_STAGES.replace('"URL"', '"URL", price: {input_per_mtok: 1.0, output_per_mtok: 2.0}') + EVALUATE)
    made = load_pipeline(path)
    before = served(teacher)
    found = estimate_pipeline(made, 10, reporter=Reporter("silent"))
    probed = served(teacher) - before
    assert 1 + 10 + 10 <= probed <= 30
    again = estimate_pipeline(made, 10, reporter=Reporter("silent"))
    assert served(teacher) - before == probed and again["total"]["usd"] == found["total"]["usd"]
    result = run(path)
    came = run_status(result.run_dir, made)["spent"]
    assert served(teacher) - before <= came["requests"] + probed
    for name, value in (("usd", came["cost_usd"]), ("prompt_tokens", came["prompt_tokens"]), ("completion_tokens", came["completion_tokens"])):
        assert 0.7 * found["total"][name]["p50"] <= value <= 1.3 * found["total"][name]["p95"], (name, value, found["total"][name])
    assert [stage["stage"] for stage in found["stages"]] == ["questions", "rationales", "evaluate"]
    assert "estimated" in status_table(run_status(result.run_dir, made))
    assert json.loads(Path("data/runs/small/estimate.json").read_bytes())["total"] == found["total"]


def test_preview_shows_the_rows_that_a_run_would_use(teacher, in_tmp):  # noqa: F811
    from synthgen.previewing import preview_pipeline

    Path("q.csv").write_text("question\nSven has 3 marbles. He gets 8 extra from Amy. How many marbles are there in the end?\n")
    stages = "stages:\n  - load: {sources: [{path: q.csv, columns: {instruction: question}}]}\n  - generate: {task: rationale}\n"
    path = pipeline_file(in_tmp, teacher, 'name: p\nteacher: {provider: builtin, base_url: "URL"}\n' + stages)
    run(path)
    Path("q.csv").write_text(Path("q.csv").read_text().replace("8 extra", "5 extra"))
    shown = preview_pipeline(load_pipeline(path), 1, reporter=Reporter("silent"))
    assert "5 extra" in shown["previews"][0]["messages"][0][-1]["content"]
