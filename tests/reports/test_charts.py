"""The charts of a report: from the files of a curve and of an improvement; broken files have none."""

import orjson
import pytest

from synthgen.reports.charts import charts
from synthgen.reports.report.page import html_report
from tests.reports.made_runs import make_run
from tests.reports.report.seen import Seen

POINT = {"share": 50.0, "run": "r", "rows": 40, "seeds": 1, "value": 0.5, "interval": [0.4, 0.6]}
CURVE = {
    "pipeline": "p",
    "metric": "exact_match",
    "test_rows": 100,
    "test_rows_left_out": 0,
    "teacher": 0.9,
    "points": [
        {**POINT, "curve": "<b>student", "vs_answers": {"value": 0.2, "interval": [0.1, 0.3]}},
        {**POINT, "curve": "<b>student", "share": 100.0, "rows": 80, "value": 0.7, "answers": "bare"},
        {**POINT, "curve": "bare", "share": 100.0, "rows": 80},
    ],
}


def test_a_curve_is_in_the_report_of_its_run(tmp_path):
    run = make_run(tmp_path / "run")
    assert charts(run) == [] and "Score by training rows" not in html_report(run)
    (run / "curve.json").write_bytes(orjson.dumps(CURVE))
    page = html_report(run)
    seen = Seen(page)
    assert not seen.open and not seen.addresses and "b" not in seen.tags and "svg" in seen.tags
    assert "Score by training rows" in page and "vs answers alone" in page
    assert "50% of the rows (40) give 50.0%, as much as all 80 without rationales (50.0%)" in page


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"points": 3}', b'{"rounds": []}', b'{"points": [], "teacher": null}']
)
def test_a_file_that_is_no_figures_has_no_chart(tmp_path, content):
    run = make_run(tmp_path / "run")
    for name in ("curve.json", "improve.json"):
        (run / name).write_bytes(content)
    assert charts(run) == []
