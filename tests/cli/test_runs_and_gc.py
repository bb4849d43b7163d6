"""`runs` and `gc` as commands: results on stdout, nothing deleted without --yes, refusals in three lines."""

from pathlib import Path

import orjson
import pytest

PIPELINE = "name: p\nstages:\n  - load: {sources: [rows.jsonl]}\n  - filter: {id: ID, rules: [RULE]}\n"


@pytest.fixture
def two_filters(synthgen):
    Path("rows.jsonl").write_text('{"instruction": "Name a bird.", "output": "Wren."}\n')
    for name, rule in (("old", "length: {max_words: 9}"), ("new", "refusal")):
        Path("p.yaml").write_text(PIPELINE.replace("ID", name).replace("RULE", rule))
        assert synthgen("run", "p.yaml")[0] == 0
    return synthgen


def test_only_yes_deletes(two_filters):
    code, out, err = two_filters("gc")
    assert (code, err) == (0, "") and "would free" in out and "--yes" in out and "no pipeline names it" in out
    assert Path("data/runs/p/old").is_dir()
    code, out, err = two_filters("gc", "--json")
    assert (code, err) == (0, "")
    listed = orjson.loads(out)
    assert not listed["deleted"] and [piece["path"] for piece in listed["pieces"]] == ["old"]
    code, out, _ = two_filters("gc", "data/runs/p", "--yes")
    assert code == 0 and "freed" in out and not Path("data/runs/p/old").exists()
    code, out, _ = two_filters("gc", "--yes")
    assert code == 0 and out == "nothing to free in data/runs\n"


def test_a_line_a_run_and_json(two_filters):
    assert two_filters("run", "p.yaml", "--limit", "1")[0] == 0
    code, out, err = two_filters("runs")
    assert (code, err) == (0, "") and out.splitlines()[0].split()[:4] == ["run", "state", "age", "rows"]
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["p.limit-1", "done"], ["p", "done"]]
    code, out, _ = two_filters("runs", "data/runs", "--json")
    listed = orjson.loads(out)
    assert [run["run"] for run in listed["runs"]] == ["p.limit-1", "p"]
    version = listed["runs"][1]["dataset"]["version"]
    _, out, _ = two_filters("inspect", "p")
    assert version in out and version in two_filters("inspect", "data/runs/p/new/rows.jsonl")[1]
    assert f"dataset: new, 1 row, version {version}" in two_filters("status", "p")[1]
    export = two_filters("export", "p", "--format", "messages", "-o", "exported")
    assert f"dataset version {version}" in export[1] and version in Path("exported/README.md").read_text()
    assert version in two_filters("inspect", "exported")[1]


@pytest.mark.parametrize("command", ["runs", "gc"])
@pytest.mark.parametrize("place", ["nowhere", "rows.jsonl", "\udcff"])
def test_what_is_no_folder_is_refused(two_filters, command, place):
    code, out, err = two_filters(command, place)
    assert code == 2 and not out and len(err.splitlines()) <= 3


def test_a_run_in_use_ends_with_its_exit_code(two_filters):
    from synthgen.store.lock import RunLock

    with RunLock(Path("data/runs/p")):
        assert two_filters("gc", "data/runs/p", "--yes")[0] == 5
        code, out, _ = two_filters("gc", "--yes")
        assert code == 0 and "in use, not looked at: p" in out
    assert Path("data/runs/p/old").is_dir()
