"""What the pages tell people to type is understood: every command, its options, and every pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from synthgen.cli import app
from synthgen.cli.reference import commands_page
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline
from tests import DOCS, ROOT
from tests.docs.pages import PAGES, commands, mentioned, shown, taken_apart

GROUP: Any = typer.main.get_command(app)


def understood(words: list[str]) -> str:
    """What is wrong with a command line; empty where it is understood. Nothing is run."""
    context = GROUP.make_context("synthgen", list(words))
    command: Any = GROUP
    rest = [*context._protected_args, *context.args]
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, list(rest), parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    wrong = []
    for place, words in commands(page):
        try:
            understood(words)
        except SystemExit:
            pass  # --help and --version
        except Exception as fault:
            wrong.append(f"{place}: synthgen {' '.join(words)}: {getattr(fault, 'message', '') or fault!r}")
    assert not wrong, "\n".join(wrong)


def option_names(words: list[str]) -> set[str]:
    """The options that the command which the first words name has."""
    context = GROUP.make_context("synthgen", [words[0]])
    _, command, _ = GROUP.resolve_command(context, [words[0]])
    if hasattr(command, "commands") and len(words) > 1:
        command = [command.commands[name] for name in words[1].split("|")][0]
    return {name for option in command.params for name in option.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_that_a_text_mentions_has_the_options_that_it_mentions(page: Path) -> None:
    wrong = []
    for place, words in mentioned(page):
        for name in words[0].split("|"):
            if name.startswith("-") or name == "COMMAND":
                continue
            try:
                known = option_names([name, *words[1:]])
            except Exception:
                wrong.append(f"{place}: synthgen {' '.join(words)}: no such command")
                continue
            given = [re.split(r"[=\[,…]", word)[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
            wrong += [f"{place}: synthgen {name} has no {flag}" for flag in given if flag not in known]
    assert not wrong, "\n".join(wrong)


def pipelines() -> list[tuple[str, str]]:
    """(place, text) of each whole pipeline file on a page."""
    return [
        (f"{shown(page)}:{block.line}", block.text)
        for page in PAGES
        for block in taken_apart(page.read_text("utf-8"))[0]
        if block.text.startswith("version: 1\n")
    ]


@pytest.mark.parametrize(("place", "text"), pipelines(), ids=[place for place, _ in pipelines()])
def test_a_pipeline_of_a_page_is_understood(
    place: str, text: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-here")
    (in_tmp / "data").symlink_to(shipped("data"))
    (in_tmp / "seeds").mkdir()
    (in_tmp / "seeds" / "rows.jsonl").write_text('{"instruction": "1 + 1?", "reference": "2"}\n')
    (in_tmp / "p.yaml").write_text(text, "utf-8")
    assert load_pipeline(in_tmp / "p.yaml").stages


def test_the_tutorial_shows_the_files_that_init_lays_out() -> None:
    page = (DOCS / "tutorial.md").read_text("utf-8")
    blocks = [block.text for block in taken_apart(page)[0]]
    pipeline = shipped("project/my_questions.yaml").read_text("utf-8")
    assert "version: 1" + pipeline.partition("version: 1")[2].rstrip() in blocks
    table = next(block for block in blocks if block.startswith("question,gold"))
    questions = shipped("project/my_questions.csv").read_text("utf-8")
    assert questions.startswith(table.removesuffix("…"))


def test_a_command_that_is_not_there_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.pages.ROOT", tmp_path)
    page = tmp_path / "p.md"
    page.write_text("Do `synthgen rum x`:\n\n    $ synthgen run p.yaml --untl dedup    # a part\n    done\n")
    ((place, words),) = commands(page)
    assert (place, words) == ("p.md:3", ["run", "p.yaml", "--untl", "dedup"])
    with pytest.raises(Exception, match="--untl"):
        understood(words)
    assert list(mentioned(page)) == [("p.md:1", ["rum", "x"])]
    with pytest.raises(Exception, match="rum"):
        option_names(["rum"])


def test_the_readme_names_every_page_that_a_newcomer_needs() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for page in ("tutorial.md", "howto/laptop.md", "howto/budget.md", "howto/cluster.md", "howto/curator.md"):
        assert f"(docs/{page})" in readme, page


def test_every_option_says_in_a_word_what_it_takes() -> None:
    assert not re.findall(r"`-[^`|]* <[^`]*`", commands_page())
