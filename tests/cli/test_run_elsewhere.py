"""A run's folder that was copied to another place, where its pipeline's files are not."""

import json
import re
from pathlib import Path

import pytest

PIPELINE = """\
version: 1
name: moved
teacher: {provider: builtin}
stages:
  - generate: {task: self_instruct, kind: question, seeds: seeds.jsonl, num_rows: 20, novelty: 0.9}
  - filter: {rules: [refusal]}
"""
SEEDS = Path(__file__).parents[2] / "data" / "seeds" / "arithmetic.jsonl"


@pytest.fixture
def moved(synthgen, tmp_path, monkeypatch):
    """A run that was made elsewhere, seen from another folder."""
    Path("p.yaml").write_text(PIPELINE)
    Path("seeds.jsonl").write_bytes(SEEDS.read_bytes())
    assert synthgen("run", "p.yaml")[0] == 0
    run = Path("data/runs/moved").absolute()
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    return str(run)


def test_status_tells_what_is_there_and_why_it_tells_no_more(synthgen, moved):
    code, out, err = synthgen("status", moved)
    assert code == 0, err
    assert (
        re.search(r"filter +done", out) and "what would run again is not known here" in out and "seeds" in out
    )
    code, out, _ = synthgen("status", moved, "--json")
    status = json.loads(out)
    assert code == 0 and "seeds.jsonl" in status["unchecked"]
    assert [(stage["stage"], stage["state"]) for stage in status["stages"]] == [
        ("generate", "done"),
        ("filter", "done"),
    ]
    assert synthgen("status", moved, "--set", "filter.rules=refusal")[0] == 2


def test_a_report_goes_where_it_is_wanted(synthgen, moved):
    code, out, _ = synthgen("report", moved, "-o", "sent/on.html")
    assert code == 0 and "sent/on.html" in out and "moved" in Path("sent/on.html").read_text()
    assert not (Path(moved) / "report.html").exists()
    assert synthgen("report", moved, "-o", "sent")[0] == 0 and Path("sent/report.html").is_file()
