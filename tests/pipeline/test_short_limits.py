"""evaluate's max_new_tokens is held against the training completions, if it can be before the start."""

from __future__ import annotations

import json

import pytest

from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests.evaluation.tiny_models import tiny_model
from tests.stages.sft_bench import Listener

PIPELINE = """version: 1
name: p
teacher: {{provider: openai, model: m, base_url: "http://127.0.0.1:9/v1", api_key_env: NO_KEY}}
stages:
  - load: {{sources: [rows.jsonl]}}
  - load: {{id: test, sources: [test.jsonl]}}
  - {between}: {options}
  - sft: {{id: small, input: {rows}, student: {{model: m}}, trainer: {{max_steps: 1}}, threads: 1}}
  - evaluate: {{input: test, models: [students], max_new_tokens: {limit}, on_leak: warn}}
"""


def written(folder, limit, between="filter", options="{input: load, rules: [refusal]}", rows="filter"):
    tiny_model(folder / "m")
    answers = ["Oak."] * 95 + ["It is an oak and not an elm, I would say."] * 5
    with (folder / "rows.jsonl").open("w") as file:
        for number, answer in enumerate(answers):
            file.write(json.dumps({"instruction": f"Tree {number}?", "output": answer}) + "\n")
    (folder / "test.jsonl").write_text('{"instruction": "Hm?", "reference": "Oak"}\n')
    text = PIPELINE.format(limit=limit, between=between, options=options, rows=rows)
    (folder / "p.yaml").write_text(text)
    return load_pipeline(folder / "p.yaml")


def warned(pipeline):
    return [
        item.fault.what
        for item in findings(pipeline, offline=True)
        if item.level == "warning" and "max_new_tokens" in item.fault.what
    ]


def test_rows_from_files_are_known_before_the_start(in_tmp):
    (said,) = warned(written(in_tmp, 20))
    assert said.startswith("small: 5.0% of the completions (5 of 100) have more tokens than max_new_tokens")
    fits = int(said.partition("max_new_tokens: ")[2].partition(" ")[0])
    assert 20 < fits < 64
    assert warned(written(in_tmp, fits)) == [] and warned(written(in_tmp, fits - 1))


def test_rows_that_a_teacher_has_still_to_make_are_not_guessed_at(in_tmp):
    asking = {"between": "generate", "options": "{input: load, task: respond}", "rows": "generate"}
    pipeline = written(in_tmp, 20, **asking)
    assert warned(pipeline) == []
    made = in_tmp / "data" / "runs" / "p" / "generate"
    made.mkdir(parents=True)
    (made / "rows.jsonl").write_bytes((in_tmp / "rows.jsonl").read_bytes())
    assert len(warned(pipeline)) == 1


@pytest.mark.slow
def test_the_training_and_the_evaluation_say_it(in_tmp):
    heard = Listener()
    run_pipeline(written(in_tmp, 20), RunOptions(), heard)
    said = [line for line in heard.lines if line.startswith("warning: small: ")]
    assert "5.0% of the completions (5 of 100)" in said[0]
    assert "more than 1% of the completions that it was trained on" in said[1]
    answers = in_tmp / "data" / "runs" / "p" / "evaluate" / "answers.jsonl"
    reply = json.loads(answers.read_text().splitlines()[0])["answers"]["small"]
    assert reply["ending"] == "length" and reply["parsed"] is None

    heard = Listener()
    run_pipeline(written(in_tmp, 64), RunOptions(), heard)
    assert not [line for line in heard.lines if "max_new_tokens" in line]
