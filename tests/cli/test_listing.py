"""What `synthgen --help`, `--version` and `list` print, and how several faults are listed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from synthgen import __version__
from synthgen.cli import app, main
from synthgen.cli.sections import SECTIONS, sections


@pytest.fixture
def synthgen(in_tmp, monkeypatch, capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synthgen", *arguments])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as end:
            main()
            sys.exit(0)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return call


def test_no_line_of_help_is_cut_at_80_columns(synthgen):
    code, out, _ = synthgen("--help")
    assert code == 0 and "  ablate " in out
    assert [line for line in out.splitlines()[1:] if line.endswith("...") or len(line) > 80] == []


def test_every_command_stands_in_one_section_of_help(synthgen):
    group: Any = typer.main.get_command(app)
    names = re.findall(r"^  (\w\S+)  +[A-Z]", synthgen("--help")[1], re.MULTILINE)
    assert sorted(names) == sorted(group.commands)
    assert names[0] == "init" and names.index("status") > names.index("measure")
    assert sections(["new", "run", "gc"]) == {
        **{title: [] for title in SECTIONS},
        "Begin": ["run"],
        "Look up and tidy": ["gc", "new"],
    }


def test_the_version(synthgen):
    assert synthgen("--version") == (0, f"synthgen {__version__}\n", "")


def test_the_options_of_one_component(synthgen):
    code, out, _ = synthgen("list", "stages", "sft")
    assert code == 0 and out.startswith("sft: Train a student on the rows")
    assert "one of cosine, linear, constant" in out and "student.init: {…}" in out
    assert all(len(line) <= 80 for line in out.splitlines()[2:])
    code, out, _ = synthgen("list", "filters", "length", "--json")
    options = {entry["option"]: entry for entry in json.loads(out)["options"]}
    assert code == 0 and options["min_chars"]["default"] == "1"


def test_the_options_of_a_component_of_ones_own(synthgen):
    Path("shades.py").write_text(
        '''"""Tasks about colours."""
from pydantic import BaseModel, Field

class Config(BaseModel):
    shade: str = Field("dark", description="how light it is")

class Colour:
    """Asks for a colour."""
    Config, VERSION = Config, 1
'''
    )
    code, out, err = synthgen("list", "tasks", "shades:Colour")
    assert code == 0, err
    assert "shades:Colour: Asks for a colour." in out and "shade  how light it is" in out
    code, out, _ = synthgen("list", "tasks", "shades:Colour", "--json")
    assert code == 0 and json.loads(out)["options"][0]["option"] == "shade"
    code, _, err = synthgen("list", "filters", "shades:Colour")
    assert code == 2 and "is no filter" in err
    code, _, err = synthgen("list", "tasks", "shades:Color")
    assert code == 2 and "cannot load task" in err
    code, out, _ = synthgen("list", "stages", "tests.toy.toystages:NUMBERS")
    assert code == 2 or "options" in out


def test_a_name_that_is_not_there(synthgen):
    code, _, err = synthgen("list", "stages", "sfft")
    assert code == 2 and "unknown stage 'sfft'" in err and "did you mean 'sft'?" in err


def test_names_are_not_said_twice_and_the_internal_stage_is_not_shown(synthgen):
    code, out, _ = synthgen("list", "--json")
    listed = json.loads(out)
    assert code == 0 and "block" not in listed["stages"] and "judge" in listed["tasks"]
    assert [
        name
        for entries in listed.values()
        for name, purpose in entries.items()
        if purpose.lower().startswith(f"{name}:")
    ] == []


def test_every_fault_is_marked_as_one(synthgen):
    Path("p.yaml").write_text(
        "version: 1\nname: p\nstages:\n  - filter: {ruls: [refusal]}\n  - dedup: {methods: [exct]}\n"
    )
    code, _, err = synthgen("validate", "p.yaml")
    assert code == 2 and "ruls" in err and "exct" in err
    assert (
        all(line.startswith(("error: ", "  ")) for line in err.splitlines()) and err.count("error: ") >= 2
    ), err
