import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.text import (
    percent,
    points,
    printable,
    printable_json,
    shortened,
    table,
    terminal_columns,
    width,
    wrapped,
)


def test_columns_stand_under_each_other():
    assert (
        table(("model", "score"), [("base", "1.0"), ("a longer name", "100.0")])
        == "model          score\nbase             1.0\na longer name  100.0"
    )


def test_wide_characters_count_as_two():
    lines = table(("词", "n"), [("北京市", "1"), ("ab", "22")]).splitlines()
    assert len({width(line) for line in lines}) == 1


def test_numbers_as_people_read_them():
    assert (percent(0.1234), percent(None), points(0.05), points(-0.05), points(None)) == (
        "12.3%",
        "n/a",
        "+5.0",
        "-5.0",
        "n/a",
    )


@given(st.text(), st.integers(2, 50))
def test_a_shortened_text_fits_on_its_line(text, limit):
    short = shortened(text, limit)
    assert len(short) <= limit and "\n" not in short and "\x1b" not in short


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=5))
def test_any_text_may_stand_in_a_table(rows):
    assert len(table(("a", "b"), rows).split("\n")) == len(rows) + 1


@given(text=st.text())
def test_a_terminal_obeys_nothing_of_a_printable_text_and_json_means_the_same(text):
    written = printable_json(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    for sign in printable(text) + written:
        assert sign in "\n\t\u200c\u200d" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert len(printable(text)) == len(text) and json.loads(written) == {text: [text]}


def test_what_a_printable_text_keeps():
    kept = "a\tb\nc é 漢字 👩\u200d🔬 [bold]x[/bold]"
    assert printable(kept) == kept
    assert printable("a\x1b[31mb\r\x9b\u202ec\ud800") == "a [31mb   c "
    assert printable_json('"\x7f\U000e0001\u202e\\u001b"') == '"\\u007f\\udb40\\udc01\\u202e\\u001b"'


HEADER = ("model", *(f"figure {number}" for number in range(9)))
CELLS = [("base", *["12,345"] * 9), ("student", *["97.0–98.0"] * 9)]


def test_a_table_that_is_too_wide_wraps_its_header_first():
    assert table(("model", "right of them", "x"), [("base", "100.0%", "2")], columns=18) == (
        "       right of\nmodel      them  x\nbase     100.0%  2"
    )


def test_figures_with_a_space_are_wrapped_last():
    assert table(("x", "calls"), [("a b", "6,400 (6,410)")], columns=12) == (
        "x      calls\na b    6,400\n     (6,410)"
    )


def test_a_table_with_too_many_columns_becomes_several_and_loses_no_cell():
    shown = table(HEADER, CELLS, columns=60)
    parts = [part.splitlines() for part in shown.split("\n\n")]
    assert max(map(width, shown.splitlines())) <= 60
    assert len(parts) > 1 and {part[-1].split()[0] for part in parts} == {"student"}
    assert shown.count("12,345") == 9 == shown.count("97.0–98.0")
    assert [number in shown for number in map(str, range(9))] == [True] * 9


def test_a_table_is_divided_where_it_may_be():
    shown = table(HEADER, CELLS, columns=75, breaks=[4, 7])
    assert [part.splitlines()[-1].count("–") for part in shown.split("\n\n")] == [6, 3]
    assert [part.splitlines()[-1].count("–") for part in table(HEADER, CELLS, columns=60).split("\n\n")] == [
        4,
        4,
        1,
    ]


def test_the_text_of_a_last_column_is_wrapped_and_stands_flush_left():
    shown = table(
        ("stage", "n", "why"), [("filter", "1,200", "its rules have changed")], columns=32, prose=True
    )
    assert shown == "stage       n  why\nfilter  1,200  its rules have\n               changed"


WORDS = st.text(st.characters(categories=("L", "N", "Zs")), max_size=30)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=4), st.integers(40, 100))
def test_only_a_long_word_makes_a_line_too_wide_and_no_word_is_lost(rows, columns):
    shown = table(("a", "b c", "d", "e"), rows, columns=columns)
    words = [word for row in rows for cell in row for word in cell.split()]
    if max(map(width, words), default=0) <= columns // 2 - 2:
        assert max(map(width, shown.split("\n"))) <= columns
    if "\n\n" not in shown:  # else the first column stands there several times
        assert sorted(shown.split()) == sorted([*words, *"abcde"])


LINE = "student: the teacher is not above its base, so `synthgen run p.yaml --force a` asks them all again"


def test_lines_are_wrapped_at_words_and_commands_stay_whole():
    assert wrapped(LINE, 60).split("\n") == [
        "student: the teacher is not above its base, so",
        "  `synthgen run p.yaml --force a` asks them all again",
    ]
    assert wrapped("  name   what it is for, in words", 24) == "  name   what it is for,\n         in words"
    assert wrapped("a short line\n" + "x" * 90, 80) == "a short line\n" + "x" * 90


@given(st.text(st.characters(exclude_categories=("Cc", "Zl", "Zp"))), st.integers(20, 100))
def test_wrapping_loses_no_word(text, columns):
    assert wrapped(text, columns).split() == text.split()


def test_how_wide_a_terminal_is(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_columns() == 80
    for said, columns in (("120", 120), ("0", 80), ("wide", 80), ("-5", 80), ("3", 40)):
        monkeypatch.setenv("COLUMNS", said)
        assert terminal_columns() == columns
