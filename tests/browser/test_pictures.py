"""The pictures of the README can be taken again, of any run."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthgen.reports.report.page import write_html_report
from tests.browser.chromium import PROGRAM
from tests.browser.pictures import take_all
from tests.reports.made_runs import make_run


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
def test_report_and_viewer_are_taken(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_html_report(run)
    take_all(run, tmp_path)
    for name in ("report.png", "viewer.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG"), name
