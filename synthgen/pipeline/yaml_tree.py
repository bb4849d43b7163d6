"""YAML as a tree that knows its line numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.config import Location, Misfit
from synthgen.core.errors import ConfigError, InputError
from synthgen.core.yaml_bounds import TooMany, bounded, refuse_depth

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError


class Sources:
    """Where each value of the tree came from: a line of the file, or an override."""

    def __init__(self, path: Path, tree: Any) -> None:
        self.path, self.tree = path, tree
        self.overrides: dict[Location, str] = {}

    def locate(self, path: Location) -> str:
        """`file:line` of a path in the tree, as near to it as the file tells."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        node, line = self.tree, 1
        for step in path:
            try:
                line = line_of(node, step)
                node = node[step]
            except (KeyError, IndexError, TypeError, AttributeError):
                break
        return f"{self.path}:{line}"


_GLUED = re.compile(r"(?<![\w:])([A-Za-z_]+):[\[{]")
_NO_COLON = re.compile(r"\s*(?:- +)?([A-Za-z_]+) +\{")


def line_of(node: Any, step: Any) -> int:
    """The line, from 1, of one key or entry of a tree."""
    marks = node.lc
    if isinstance(node, Mapping):
        return int(marks.key(step)[0]) + 1
    return int(marks.item(step)[0]) + 1


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 file as a tree that knows its line numbers; duplicate keys are errors.

    Raises:
        InputError: the file is not there or cannot be read.
        ConfigError: it is no YAML, with the line, or holds what cannot be read (an integer of thousands of
            digits, say).
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", str(path)) from None
    except (UnicodeDecodeError, OSError) as fault:
        raise InputError(
            f"cannot be read: {getattr(fault, 'strerror', None) or type(fault).__name__}",
            str(path),
            "a pipeline and its values are YAML files in UTF-8",
        ) from None
    try:
        refuse_depth(text)
        return with_plain_numbers(bounded(YAML(typ="rt").load(io.StringIO(text))))
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(
            f"not valid YAML: {(fault.problem or 'cannot be parsed').strip().splitlines()[0]}",
            where,
            _likely_slip(fault, text),
        ) from None
    except YAMLError as fault:
        raise ConfigError(f"not valid YAML: {str(fault).splitlines()[0]}", str(path)) from None
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"cannot be read: {refusal(fault)}", str(path)) from None


def with_plain_numbers(tree: Any) -> Any:
    """The tree with numbers in place of those that know how they were written.

    Where an option takes any value (`trainer`), these could neither be hashed nor be written again.
    """
    if type(tree) not in (int, float) and isinstance(tree, int | float) and not isinstance(tree, bool):
        return float(tree) if isinstance(tree, float) else int(tree)
    waiting, seen = [tree], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, dict | list):
            continue
        seen.add(id(node))
        for step, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(value, dict | list):
                waiting.append(value)
            elif (plain := with_plain_numbers(value)) is not value:
                node[step] = plain
    return tree


def refusal(fault: ValueError | RecursionError) -> str:
    """Why a YAML text cannot be used; its values are left out, for they may be keys or very long."""
    if isinstance(fault, RecursionError):
        return "lists or mappings stand too deep inside each other"
    if isinstance(fault, TooMany):
        return "its aliases make too many values of it, or one of them holds itself"
    return "a number or a date in it is none, or too long"


def unfit(node: Any, path: Location = ()) -> Iterator[Misfit]:
    """What of a tree no hash and no file can hold: integers beyond 64 bits and texts that are not Unicode."""
    if isinstance(node, int) and not -(1 << 63) <= node < 1 << 63:
        yield Misfit(
            path, "an integer beyond 64 bits", "write a smaller one, or quote it where a text is meant"
        )
    elif isinstance(node, str) and not encodable(node):
        yield Misfit(
            path,
            "a text that is not Unicode (a file name in another encoding?)",
            "rename the file, or save the text as UTF-8",
        )
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from unfit(key, (*path, key))
            yield from unfit(value, (*path, key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from unfit(value, (*path, index))


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8; file names in other encodings cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def entry_id(entry: Any) -> str:
    """The id of a stage entry: its `id`, else its kind; of `module:NAME` the name."""
    if isinstance(entry, str):
        return entry.rpartition(":")[2]
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((kind, options),) = entry.items()
        return (
            str(options["id"])
            if isinstance(options, Mapping) and options.get("id")
            else str(kind).rpartition(":")[2]
        )
    return ""


def _likely_slip(fault: MarkedYAMLError, text: str) -> str:
    """What people most likely did where YAML cannot be parsed; empty where that cannot be told."""
    mark, opened = fault.problem_mark, fault.context_mark
    lines = text.split("\n")
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if glued := _GLUED.search(line):
        return f"put a space after the colon of `{glued[1]}:`"
    if bare := _NO_COLON.match(line):
        return f"put a colon after `{bare[1]}`"
    if opened is not None and "flow" in (fault.context or ""):
        if mark is not None and mark.line > opened.line:
            return f"a bracket that line {opened.line + 1} opens may not be closed"
        return "put quotes around a text that holds a colon, a comma or a bracket"
    if "block" in (fault.context or ""):
        return "stages begin with `- `, and the lines of one list or mapping are indented alike"
    return ""
