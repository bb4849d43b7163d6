"""evaluate measures how likely models find held-out texts, beside their scores."""

import pytest

from synthgen.stages.evaluate import run as evaluate
from synthgen.store.jsonl import read_rows, write_rows
from tests.stages.evaluate.bench import TEST, TRAIN, Bench, folder_artefact, said

pytestmark = pytest.mark.slow

HELD_OUT = [{"id": f"h{row['id']}", "instruction": row["instruction"], "output": said(row)} for row in TEST]


def held_out(run, rows):
    (run / "written").mkdir()
    write_rows(run / "written/rows.jsonl", rows)
    return folder_artefact(run, "written", "generate", "rows", "rows.jsonl", len(rows))


def test_beside_the_scores(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    rows = [*HELD_OUT, {"id": "lacks", "instruction": "Hm?"}]
    inputs = {**bench.inputs, "held_out": (held_out(tmp_path, rows),)}
    inputs["held_out_teacher"] = (bench.students[0],)
    options = {"rows": "written", "teacher": {"from": "good"}, "max_length": 100}
    outcome, metrics, _ = bench.run(
        "out", inputs=inputs, models=("base", "students"), likelihood=options, batch_size=6
    )
    figures = metrics["likelihood"]
    assert (figures["in"], figures["rows"], figures["teacher"]) == (7, 6, "good")
    assert figures["unfit"]["good"] == {"missing_fields": 1} and "trained_on" not in figures
    nll = {name: one["nll_per_token"]["value"] for name, one in figures["models"].items()}
    kl = {name: one["kl_per_token"]["value"] for name, one in figures["models"].items()}
    assert nll["good"] < 0.05 < nll["poor"] < nll["base"]
    assert abs(kl["good"]) < 1e-6 < kl["poor"] < kl["base"]
    pairs = [(pair["model"], pair["than"]) for pair in figures["differences"]]
    assert pairs == [("good", "base"), ("poor", "base"), ("good", "poor")]
    assert "KL to" in outcome.table and "lower is better" in " ".join(outcome.table.split())
    written = list(read_rows(tmp_path / "out/likelihood.jsonl"))
    assert outcome.files["likelihood.jsonl"] == len(written) == 7
    assert written[-1] == {"id": "lacks", "models": {name: {"unfit": "missing_fields"} for name in nll}}
    total = sum(entry["models"]["poor"]["nll"] for entry in written[:6])
    assert total / figures["models"]["poor"]["tokens"] == pytest.approx(nll["poor"], abs=1e-6)
    # No score among them: what is held to a verdict is untouched.
    assert "likelihood" not in metrics["models"]["good"] and metrics["metrics"] == ["exact_match"]
    again, _, _ = bench.run(
        "again", inputs=inputs, models=("base", "students"), likelihood=options, batch_size=6
    )
    assert (tmp_path / "again/metrics.json").read_bytes() == (tmp_path / "out/metrics.json").read_bytes()


def test_held_out_rows_that_were_trained_on_and_rows_without_texts(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    inputs = {**bench.inputs, "held_out": (held_out(tmp_path, [*HELD_OUT, *TRAIN]),)}
    outcome, metrics, _ = bench.run(
        "out", inputs=inputs, models=("students",), likelihood={"rows": "written", "completion": "output"}
    )
    assert metrics["likelihood"]["trained_on"] == 2
    assert "WARNING: 2 held-out rows were trained on" in outcome.table
    outcome, metrics, _ = bench.run("none", models=("students",), likelihood={})
    assert metrics["likelihood"]["rows"] == 0 and "exact_match" in metrics["models"]["good"]
    assert "WARNING: no likelihood was measured" in outcome.table
    assert "likelihood: {rows: <stage>} names other rows" in outcome.table


def test_what_it_reads():
    read = {"rows": "held.validation", "teacher": {"from": "big"}}
    needed = evaluate.needs(evaluate.STAGE.config.model_validate({"likelihood": read}))
    assert (needed["held_out"].choose, needed["held_out_teacher"].choose) == (("held.validation",), ("big",))
    told = evaluate.STAGE.config.model_validate({"likelihood": {"teacher": {"logprobs": "asked"}}})
    assert evaluate.needs(told)["held_out_logprobs"].made_by == "logprobs"
    assert "held_out" not in evaluate.needs(told)
    with pytest.raises(ValueError, match="likelihood is about students and bases"):
        evaluate.STAGE.config.model_validate({"models": ["teacher"], "likelihood": {}})
    assert evaluate.STAGE.rehearsed(told).likelihood is None
