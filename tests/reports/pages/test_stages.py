"""The docs' page on stages says what the code says, and its examples are pipelines that are understood."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, Field

from synthgen.core.config import build
from synthgen.reports.pages.options import option_table, parts
from synthgen.reports.pages.stages import stage_page
from synthgen.stages import STAGES
from synthgen.stages.contract import find_stage
from tests import DOCS

PAGE = DOCS / "stages.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text("utf-8") == stage_page(), "refresh it: make generate"


@pytest.mark.parametrize("name", STAGES)
def test_an_example_is_understood(name):
    ((kind, options),) = yaml.safe_load(find_stage(name).example)[0].items()
    misfits: list = []
    build(find_stage(kind).config, options, (), misfits)
    assert kind == name and not misfits, misfits


class Inner(BaseModel):
    depth: int = 3


class Toy(BaseModel):
    must: int
    mode: Literal["a|b", "c"] = Field("c", description="for <what>, `<x>`")
    maybe: Literal["yes", "no"] | None = None
    lot: tuple[Literal["red", "blue"], ...] = ()
    inner: Annotated[Inner | None, "a marker"] = None


def test_a_table_says_what_is_allowed():
    assert option_table(Toy, leave_out=("inner",), mark=("mode",))[2:] == [
        "| `must` | must be given |  |",
        '| `mode` T | `"c"` | one of a\\|b, c; for \\<what>, `<x>` |',
        "| `maybe` |  | one of yes, no |",
        "| `lot` |  | any of red, blue |",
    ]
    assert list(parts(Toy)) == [("inner", Inner)]


def test_indented_blocks_of_a_docstring_stay_as_they_are():
    lines = stage_page().splitlines()
    at = lines.index("    268 rows held out   start     end  95% interval")
    assert lines[at + 1].startswith("    chosen logprob     -6.348") and lines[at - 1] == ""


def test_items_of_a_docstring_are_lines_of_a_list():
    lines = stage_page().splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("- response: how likely"))
    assert [line.split(":")[0] for line in lines[at - 1 : at + 4]] == [
        "",
        "- response",
        "- feature",
        "- relation",
        "",
    ]
