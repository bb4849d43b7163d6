"""Options are told apart by their values, not by whether they were given."""

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.defaults import changed


class Options(Component):
    size: int = 3
    names: dict[str, str] = Field(default_factory=dict)
    path: str | None = None


def test_an_option_given_its_default_is_not_changed():
    assert changed(Options(size=3, names={}, path=None), ("size", "names", "path")) == []


def test_changed_options_are_named_in_the_order_asked_for():
    options = Options(size=4, names={"a": "b"}, path="")
    assert changed(options, ("path", "size", "names")) == ["path", "size", "names"]
    assert changed(options, ("size",)) == ["size"]
