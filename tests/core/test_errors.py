"""What a foreign error is told by."""

import pytest

from synthgen.core.errors import first_line


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \n"), "one"),
        (ValueError(""), "ValueError"),
        (KeyError(" "), "' '"),
        (OSError("x" * 400), "x" * 300),
    ],
)
def test_its_first_line_or_its_kind(fault, told):
    assert first_line(fault) == told
