"""What teacher and judges refuse is in rejected.jsonl with the server's own words."""

from synthgen.core.artefacts import Counts
from synthgen.evaluation.asking import Failure
from synthgen.stages.evaluate import run as evaluate
from synthgen.store.jsonl import RowWriter, read_rows


def test_the_first_failure_of_a_row_is_told_with_its_words(tmp_path):
    counts, rows = Counts(), [{"id": f"q{number}"} for number in range(3)]
    counts.in_ = 3
    late = Failure("timeout")
    with RowWriter(tmp_path / "rejected.jsonl") as rejects:
        failures = [{1: Failure("http_400", "this breaks our policy")}, {1: late, 2: late}]
        evaluate._count(rows, failures, "evaluate", counts, rejects)
    counts.check("evaluate")
    assert counts.failed == {"http_400": 1, "timeout": 1}
    first, second = (row["rejection"] for row in read_rows(tmp_path / "rejected.jsonl"))
    assert (first["rule"], first["value"]) == ("http_400", "this breaks our policy")
    assert second["rule"] == "timeout" and "value" not in second
