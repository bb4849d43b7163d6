"""The report shows pairs that a judge compared, and how many replies held no answer."""

from __future__ import annotations

from pathlib import Path

import orjson

from synthgen.evaluation.asking import Account
from synthgen.evaluation.pairwise import Comparison, Pair
from synthgen.evaluation.pairwise_report import pairwise_report
from synthgen.reports.report.page import html_report
from tests.evaluation.test_pairwise import model, orders
from tests.reports.made_runs import make_run
from tests.reports.report.seen import Seen


def test_pairs_and_replies_without_an_answer(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    file = run / "evaluate" / "metrics.json"
    report = orjson.loads(file.read_bytes())
    texts = ["a" * 11, "a" * 12, "a", "aa"]
    pair = Pair(model("<b>student</b>", "student", *texts), model("base", "base", *["b" * 7] * 4))
    found = [orders("A", "B")] * 3 + [orders("A", None)]
    comparison = Comparison([(pair, found)], {}, Account({}, {}))
    report["pairwise"] = pairwise_report(comparison, "judge-1", [{}] * 4)
    outcomes = {"right": 1, "wrong": 1, "no_answer": 7, "no_answer_cut": 1, "no_reply": 0}
    report["models"]["student"]["exact_match"]["outcomes"] = outcomes
    file.write_bytes(orjson.dumps(report))
    page = html_report(run)
    text = " ".join(" ".join(Seen(page).text).split())
    assert "judged by judge-1 in both orders" in text
    assert "<b>student</b> base 100.0%" in text and "&lt;b&gt;student&lt;/b&gt;" in page
    assert "right wrong no answer of these cut no reply student 1 1 7 1 0" in text
