"""Colour: on a terminal alone, where nobody asked for none, and never by what a text holds."""

import io

import pytest

from synthgen.core.colour import painted
from synthgen.core.text import printable


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: no such run", 31),
        ("warning: the budget is small", 33),
        ("  rationale_student  DEPLOY: +5.1 points", 32),
        ("  answer_student  RETUNE: -79.1 points", 33),
        ("ESCALATE: the base is better", 31),
        ("filter    done    100", 32),
        ("filter    failed  100", 31),
        ("  next: synthgen run p.yaml", 2),
    ],
)
def test_words_that_people_look_for_are_coloured(text, code):
    shown = painted(text, Terminal())
    assert f"\x1b[{code}m" in shown
    assert shown.replace(f"\x1b[{code}m", "").replace("\x1b[0m", "") == text


@pytest.mark.parametrize("text", ["the filter failed", "an error: none", "nothing is done", "deploy", ""])
def test_other_words_are_not(text):
    assert painted(text, Terminal()) == text


def test_no_colour_without_a_terminal_or_where_nobody_wants_it(monkeypatch):
    assert painted("error: no", io.StringIO()) == "error: no"
    monkeypatch.setenv("TERM", "dumb")
    assert painted("error: no", Terminal()) == "error: no"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("error: no", Terminal()) == "error: no"


def test_what_a_text_holds_gives_no_colour():
    assert "\x1b" not in painted(printable("\x1b[31mred\x1b[0m and \u202etext"), Terminal())
