"""A Python function of the user's as a rule."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import orjson
from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError
from synthgen.core.registry import look_here
from synthgen.core.rows import Row
from synthgen.filters.contract import KEEP, Decision


class CustomConfig(Component):
    """Which function, and its options."""

    function: str = Field(
        pattern=r"^[\w.]+:[\w.]+$",
        description=(
            "package.module:function, importable from where the command runs; it takes a row and returns "
            "why to drop it"
        ),
    )
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments for the function")
    version: int = Field(
        1,
        description="raise it when the function changes: a change of its code alone reruns nothing",
    )


class Custom:
    """Drops rows for which a function of yours returns a reason; the value is that reason.

    The function is called as `function(row, **options)`. None, False or an empty text keeps the row, and
    anything else drops it. The result must depend on the row alone, and the function must not change the
    row.
    """

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = CustomConfig

    def __init__(self, config: CustomConfig) -> None:
        self.config = config
        self._function = load_function(config.function)

    def check(self, rows: Sequence[Row]) -> list[Decision]:
        """A decision for each row."""
        return [
            KEEP
            if (reason := self._function(row, **self.config.options)) in (None, False, "")
            else Decision(True, _as_json(reason))
            for row in rows
        ]


def _as_json(reason: Any) -> Any:
    """A reason, or words for it if JSON cannot hold it."""
    try:
        orjson.dumps(reason, default=str)
    except TypeError:
        # An integer beyond 64 bits, half a surrogate pair, or lists nested too deep.
        if isinstance(reason, str):
            return ascii(reason)[:200]
        return f"a {type(reason).__name__} that JSON cannot hold"
    return reason


def load_function(target: str) -> Callable[..., Any]:
    """The function that `package.module:function` names, looked for from where the command runs, too.

    Raises:
        ConfigError: it cannot be imported, or is no function.
    """
    module, _, name = target.partition(":")
    try:
        look_here()
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cannot load the function {target!r}: {error}",
            next="write it as package.module:function, importable from here",
        ) from error
    if not callable(function):
        raise ConfigError(f"{target!r} is not a function", next="name a function that takes a row")
    return function  # type: ignore[no-any-return]
