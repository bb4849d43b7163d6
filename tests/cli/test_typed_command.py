"""What was typed is recorded in manifests, without keys, and what is made of rows does not depend on it."""

import json
import subprocess
import sys

import pytest

from synthgen.cli.options import typed_command

PIPELINE = "version: 1\nname: typed\nstages:\n  - load: {sources: [rows.jsonl]}\n"


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/x/bin/synthgen", "run", "my file.yaml"], "synthgen run 'my file.yaml'"),
        (["/x/synthgen/__main__.py", "run", "a.yaml"], "synthgen run a.yaml"),
        (["/x/pytest/__main__.py", "tests"], ""),
        (["-c"], ""),
        (["synthgen", "run", "a", "--set", "t.headers={X: sk-proj-Abcdefgh12345678}"], None),
    ],
)
def test_the_command_of_this_process(monkeypatch, argv, command):
    monkeypatch.setattr(sys, "argv", argv)
    if command is None:
        assert "Abcdefgh" not in typed_command() and "[KEY]" in typed_command()
    else:
        assert typed_command() == command


def test_a_manifest_has_it_and_the_rows_do_not(tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "rows.jsonl").write_text('{"instruction": "Name a bird.", "output": "A robin."}\n')
    made = {}
    for more in ([], ["--workers", "1"]):
        command = ["run", "p.yaml", "--force", "load", *more]
        subprocess.run([sys.executable, "-m", "synthgen", *command], cwd=tmp_path, check=True)
        folder = tmp_path / "data" / "runs" / "typed" / "load"
        made[json.loads((folder / "manifest.json").read_bytes())["command"]] = (
            folder / "rows.jsonl"
        ).read_bytes()
    assert list(made) == [
        "synthgen run p.yaml --force load",
        "synthgen run p.yaml --force load --workers 1",
    ]
    assert len(set(made.values())) == 1
