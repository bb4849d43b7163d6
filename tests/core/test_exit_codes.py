"""The exit codes that wrappers are told are those that errors have."""

import orjson
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core import errors
from synthgen.core.exit_codes import EXIT_CODES, codes


def every(kind):
    """The exit codes of an error and of all that derive from it."""
    return {kind.exit_code}.union(*map(every, kind.__subclasses__()))


def test_each_error_has_its_line():
    interrupted = {errors.Interrupted(2).exit_code, errors.Interrupted(15).exit_code}
    assert every(errors.SynthgenError) | interrupted | {0, 141} == {one.code for one in EXIT_CODES}


def test_a_wrapper_is_told_what_to_do():
    said = orjson.loads(CliRunner().invoke(app, ["run", "--retry-policy"]).stdout)
    assert {one["code"]: one["again"] for one in said} == {
        **dict.fromkeys((130, 143), "at once"),
        **dict.fromkeys((1, 5), "later"),
        **dict.fromkeys((2, 3, 4), "changed"),
        **dict.fromkeys((0, 141), "never"),
    }
    assert codes("at once") == [130, 143]
