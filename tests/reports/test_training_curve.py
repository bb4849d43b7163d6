"""A student's folder shows its training; a run's rows are those that it came to, not those held out."""

import orjson

from synthgen.reports.inspect import inspect_path
from synthgen.reports.inspect_text import inspect_text
from synthgen.reports.training_curve import POINTS, curve_lines, training_curve
from tests.reports.made_runs import make_run


def write(folder, entries):
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in entries))


def test_a_long_training_is_told_in_a_few_parts(tmp_path):
    steps: list[dict[str, object]] = [
        {"step": step, "epoch": step / 50, "loss": 100 / step} for step in range(1, 101)
    ]
    steps.insert(50, {"step": 50, "epoch": 1.0, "validation_loss": 0.5, "validation_note": "none"})
    write(tmp_path, steps)
    curve = training_curve(tmp_path)
    assert len(curve) == POINTS and curve[-1]["step"] == 100 and curve[0]["loss"] > curve[-1]["loss"]
    assert [part.get("validation_loss") for part in curve].count(0.5) == 1
    lines = curve_lines(curve)
    assert len(lines) == POINTS + 1 and "validation loss" in lines[0] and "validation note" not in lines[0]
    assert lines[1].count("█") == 20 and lines[-1].count("█") == 1 and " 100  " in lines[-1]


def test_without_a_loss_or_without_a_training_there_is_nothing_to_show(tmp_path):
    assert training_curve(tmp_path) == [] == curve_lines([])
    write(tmp_path, [{"step": 1, "epoch": None}, {"other": 3}])
    assert training_curve(tmp_path) == [{"step": 1, "epoch": None, "loss": None}]
    assert curve_lines(training_curve(tmp_path))[1].split() == ["1"]


def test_a_stages_folder_shows_its_scores_or_its_curve(tmp_path):
    run = make_run(tmp_path / "run")
    write(run / "student", [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}])
    shown = inspect_text(inspect_path(run / "student"))
    assert "to step" in shown and "█" in shown
    assert "student  <50%>" in inspect_text(inspect_path(run / "evaluate"))
    assert "to step" not in inspect_text(inspect_path(run)) and "<50%>" not in inspect_text(inspect_path(run))


def test_the_short_form_has_one_example_of_each_rule_and_no_meta(tmp_path):
    figures = inspect_path(make_run(tmp_path / "run"), samples=3)
    short, full = inspect_text(figures), inspect_text(figures, full=True)
    assert len(full.splitlines()) > len(short.splitlines()) and "  meta " in full and "  meta " not in short
    assert short.count("  output ") == 3 == full.count("  output ")
