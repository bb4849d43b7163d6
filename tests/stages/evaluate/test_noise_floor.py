"""evaluate asks the same model again: by how much its score moves."""

import orjson
import pytest

from synthgen.reports.verdict import run_verdict
from synthgen.stages.evaluate import run as evaluate
from tests.stages.evaluate.bench import TEST, Bench, scripted
from tests.stages.scripted_session import OneSession

pytestmark = pytest.mark.slow


def test_greedy_answers_one_by_one(tmp_path, checkpoints):
    """In single precision, what a taught model says does not depend on who else is in its batch."""
    bench = Bench(tmp_path, checkpoints)
    outcome, metrics, _ = bench.run("out", OneSession(scripted()), noise_floor=4)
    floor = metrics["noise_floor"]
    assert list(floor) == ["base", "good", "poor"]
    assert floor["good"] == {
        "rows": 4,
        "how": "one by one",
        "texts": 0,
        "answers": 0,
        "exact_match": {"rows": 4, "changed": 0, "change": 0.0, "below": 0.0},
    }
    assert "good asked again one by one, 4 rows: 0 texts and 0 answers changed, its score by +0.0" in (
        outcome.table
    )
    assert metrics["verdict"]["students"]["good"]["noise"] == (
        "asked again one by one, 0 of 4 scores changed"
    )
    assert "asked again one by one, 0 of 4 scores changed" in outcome.table
    work = list((tmp_path / ".work").rglob("*.again1.jsonl"))
    assert len(work) == 3


def test_sampled_answers_with_other_seeds(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("poor",))
    options = {"decoding": "sampled", "samples": 2, "temperature": 1.5, "models": ("students",)}
    _, metrics, answers = bench.run("out", noise_floor=6, **options)
    floor = metrics["noise_floor"]["poor"]
    assert floor["how"] == "with other seeds" and floor["rows"] == len(TEST) and "texts" not in floor
    assert floor["exact_match"]["changed"] > 0 and floor["exact_match"]["below"] > 0
    drawn = sorted(path.name.split(".")[1] for path in (tmp_path / ".work").rglob("*.jsonl"))
    assert drawn == ["0", "1", "again2", "again3"]
    _, without, _ = bench.run("without", **options)
    assert "noise_floor" not in without and without["models"] == metrics["models"]


def test_a_batch_of_one_is_asked_again_together(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    _, metrics, _ = bench.run("out", models=("students",), batch_size=1, noise_floor=3)
    assert metrics["noise_floor"]["good"]["how"] == "16 at a time"


def test_the_verdict_of_a_finished_run_says_it_too(tmp_path, checkpoints):
    from synthgen.core.config import resolved
    from synthgen.store.manifest import Manifest, record_outputs, write_manifest

    bench = Bench(tmp_path, checkpoints, students=("poor",))
    outcome, metrics, _ = bench.run("evaluate", OneSession(scripted()), noise_floor=6)
    config = resolved(evaluate.STAGE.config(noise_floor=6, max_new_tokens=24))
    metrics["noise_floor"]["poor"]["exact_match"] |= {"changed": 2, "below": 0.25}
    (tmp_path / "evaluate/metrics.json").write_bytes(orjson.dumps(metrics))
    write_manifest(
        tmp_path / "evaluate",
        Manifest(
            stage="evaluate",
            kind="evaluate",
            writes="metrics",
            key="k",
            key_parts={},
            config=config,
            outputs=record_outputs(tmp_path / "evaluate", outcome.files),
        ),
    )
    found = run_verdict(tmp_path)["verdict"]["students"]["poor"]["noise"]
    assert found == (
        "asked again one by one, 2 of 6 scores changed: differences below 25.0 points may be noise of the "
        "same model"
    )
