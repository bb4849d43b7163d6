"""`synthgen chat` with words that are piped in."""

import io

import pytest

from tests.operations.serve.conftest import made_run

pytestmark = pytest.mark.slow
__all__ = ["made_run"]


def test_piped_words_are_answered_and_the_end_of_them_ends_it(synthgen, made_run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("What is 1 and 2?\nWhat is 3 and 4?"))
    code, out, told = synthgen("chat", str(made_run), "--model", "tutor", "--threads", "1")
    assert (code, told) == (0, "")
    assert "The answer is 3.\n" in out and out.count("tutor\n") == 2
    assert max(map(len, out.splitlines())) <= 80
