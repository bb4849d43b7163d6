"""The reference in docs/ is what the code makes, says something about everything, and is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest

from synthgen.core import errors
from synthgen.core.errors import SynthgenError
from synthgen.core.exit_codes import EXIT_CODES
from synthgen.core.prompt_files import read_prompt
from synthgen.core.rows import FIELD_MEANINGS, Provenance, Rejection
from synthgen.reports.pages.__main__ import FILES, generated
from synthgen.stages import STAGES
from tests import DOCS, ROOT
from tests.docs.pages import taken_apart


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return generated()


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_up_to_date(file: str, made: dict[Path, str]) -> None:
    assert (ROOT / file).read_text("utf-8") == made[Path(file)], "refresh it: make generate"


def table(page: str, header: str) -> list[list[str]]:
    """The cells of the table below a header line, without code marks."""
    lines = (DOCS / "reference" / page).read_text("utf-8").partition(f"{header}\n")[2].split("\n")[1:]
    rows = lines[: next(at for at, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip(" `") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in rows]


def test_every_error_ends_in_a_code_that_is_explained() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SynthgenError) and kind is not errors.Interrupted
    ]
    codes = {str(kind.exit_code) for kind in kinds}
    assert len(kinds) >= 10 and codes <= {f"{one.code}" for one in EXIT_CODES} | {"130, 143"}
    assert {str(errors.Interrupted(number).exit_code) for number in (2, 15)} == {"130", "143"}
    shown = {row[0].replace("&nbsp;", "").strip("`") for row in table("exit-codes.md", "| error | code | |")}
    assert {kind.__name__ for kind in kinds} | {"Interrupted"} == shown


def test_the_readme_explains_every_exit_code_of_a_run() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert all(f"\n| {code} | " in readme for code in (*range(6), "130, 143"))


def test_every_command_and_option_has_a_help_text() -> None:
    page = (DOCS / "reference" / "commands.md").read_text("utf-8")
    assert set(STAGES) | {"run", "view", "ledger"} <= {
        name for name, _ in re.findall(r"^\| \[([\w-]+)\]\(#synthgen-([\w-]+)\) \| [A-Z]", page, re.MULTILINE)
    }
    assert "### synthgen ledger export" in page and "| `--rule NAME[:key=value,…]` | for files" in page
    assert not re.findall(r"^\| `-[^|]*\| +\|$", page, re.MULTILINE)


def test_every_field_of_a_row_has_a_meaning() -> None:
    for header, fields in (
        ("| field | |", ["id", *FIELD_MEANINGS, "meta"]),
        ("`manifest.json`.\n\n| field | |", list(get_type_hints(Provenance))),
        ("`rejection`, an object:\n\n| field | |", list(get_type_hints(Rejection))),
    ):
        rows = table("rows.md", header)
        assert [name for name, _ in rows] == fields and all(meaning for _, meaning in rows)


def test_the_prompt_file_that_is_shown_is_one(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "prompt-files.md").read_text("utf-8")
    (tmp_path / "p.yaml").write_text(taken_apart(page)[0][0].text)
    prompt = read_prompt(tmp_path / "p.yaml", "p")
    turns = prompt.render(instruction="It rained.")
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[2]["content"].strip() == "Bridge opens" and "It rained." in turns[3]["content"]
