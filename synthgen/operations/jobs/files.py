"""What every scheduler's files are made from, and how they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError
from synthgen.core.exit_codes import codes
from synthgen.core.text import path_word
from synthgen.operations.jobs.parts import Part
from synthgen.store.publish import write_whole

STAY = 30
"""Seconds beside `--grace` in which a run writes what came back and ends."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Work:
    """A pipeline as jobs see it."""

    pipeline: Path
    name: str
    parts: tuple[Part, ...]
    run_options: tuple[str, ...] = ()
    """Words that every `synthgen run` is given: `--set`, `--runs`, `--ledger` …"""
    merge_options: tuple[str, ...] = ()
    grace: int = 30
    setup: str = ""
    """A line of shell before the command, such as `source .venv/bin/activate`."""

    @property
    def slug(self) -> str:
        """The pipeline's name as a scheduler takes it: lower case letters, digits and dashes."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40].rstrip("-") or "synthgen"

    @property
    def keys(self) -> tuple[str, ...]:
        """The environment variables of all keys that are needed."""
        return tuple(dict.fromkeys(key for part in self.parts for key in part.keys))

    def run(self, part: Part, program: str = "synthgen", shard: str = "") -> str:
        """The command that does a part, as a line of shell.

        Args:
            part: the part.
            program: what stands for `synthgen`.
            shard: which shard, as shell text that becomes `i/n`; empty for a whole part.
        """
        line = f"{program} {shlex.join(self.run_words(part))}"
        return f'{line} --shard "{shard}"' if shard else line

    def run_words(self, part: Part, shard: int = 0) -> list[str]:
        """The words behind `synthgen` that do a part, or one shard of it, counted from 1."""
        divided = ["--shard", f"{shard}/{part.shards}"] if shard else []
        options = ["--grace", str(self.grace), *self.run_options, *divided]
        return ["run", self._file, *part.span, *options]

    def merge(self, part: Part) -> str:
        """The command that puts a part's shards together, as a line of shell."""
        return shlex.join(["synthgen", *self.merge_words(part)])

    def merge_words(self, part: Part) -> list[str]:
        """The words behind `synthgen` that put a part's shards together."""
        return ["merge", self._file, "--of", str(part.shards), *self.merge_options]

    def whole(self) -> str:
        """The command that does the whole pipeline, as a line of shell."""
        words = ["synthgen", "run", self._file, "--grace", str(self.grace), *self.run_options]
        return shlex.join(words)

    @property
    def _file(self) -> str:
        return path_word(self.pipeline)


class _Whole(str):
    """Text that may stand in a file as it is, with line breaks: a filter has quoted it, or it is shell."""


def render(template: str, **values: Any) -> str:
    """A file of `templates/` (without its `.j2`), filled in.

    A value stands in a line. One with a line break would begin another, which a shell would run: only what a
    filter has quoted may have some, and what is shell anyway.

    Raises:
        ConfigError: a value has a line break or another control character.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_in_a_line,
    )
    environment.globals["codes"] = codes
    for name, quote in {"sh": shlex.quote, "yaml": _json, "python": repr, "shell": str}.items():
        environment.filters[name] = lambda value, quote=quote: _Whole(quote(value))
    return environment.get_template(f"{template}.j2").render(**values)


def _in_a_line(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, _Whole) and (odd := _CONTROL.search(value)):
        raise ConfigError(
            f"a line of a job file cannot hold {odd[0]!r}",
            repr(value),
            "take names of files, folders and options without line breaks",
        )
    return value


def _json(text: str) -> str:
    """Text in double quotes, as JSON and YAML have it."""
    plain = json.dumps(text, ensure_ascii=False)
    return _CONTROL.sub(lambda odd: f"\\u{ord(odd[0]):04x}", plain)


def write_files(folder: Path, files: Mapping[str, str], overwrite: bool) -> list[Path]:
    """Writes files into a folder; those that begin with `#!` may be executed.

    Args:
        folder: where they go; made where it is not there.
        files: name -> text.
        overwrite: replaces those that are there with another content.

    Returns:
        Their paths.

    Raises:
        ConfigError: some are there, and are not the same; nothing is written.
    """
    paths = {folder / name: text.encode() for name, text in files.items()}
    changed = [path for path, text in paths.items() if path.exists() and path.read_bytes() != text]
    if changed and not overwrite:
        raise ConfigError(
            f"{', '.join(path.name for path in changed)}: already there, and not as it would be written",
            str(folder),
            "take another folder with -o, or replace them with --overwrite",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        write_whole(path, text)
        if text.startswith(b"#!"):
            os.chmod(path, 0o755)
    return list(paths)
