"""Prompt files: one YAML file a prompt; `FIELD_MEANINGS` says what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from synthgen.core.errors import ConfigError, Fault, UnknownName
from synthgen.core.prompts import Prompt
from synthgen.core.resources import shipped
from synthgen.core.yaml_bounds import refuse_depth

FIELD_MEANINGS = {
    "purpose": "one line for people",
    "source": "the paper or document whose recipe it follows",
    "system": "template of the system message (optional)",
    "user": "template of the user message",
    "assistant": "template of a demonstration's answer (only with examples)",
    "examples": "list of mappings; each becomes a user and an assistant turn before the question",
}
"""Field -> what it holds."""

FIELDS = tuple(FIELD_MEANINGS)


def load_prompt(name: str) -> Prompt:
    """The prompt of a name (`rationale/few_shot`), or in a .yaml file.

    A prompt in ./prompts replaces the shipped one of the same name.

    Raises:
        UnknownName: there is no such prompt; the nearest one is named.
        ConfigError: the file is no prompt; every fault with file and line.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not _is_file(path):
            raise ConfigError(f"no prompt file {name!r}", next="paths are relative to where the command runs")
        return read_prompt(path, path.stem)
    for folder in _folders():
        path = folder / f"{name}.yaml"
        if _is_file(path) and path.resolve().is_relative_to(folder.resolve()):
            return read_prompt(path, name)
    raise UnknownName("prompt", name, list_prompts())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long for a file
        return False


def list_prompts() -> dict[str, Path]:
    """Every prompt's name and file: those in ./prompts, and the shipped ones that they do not replace."""
    files: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted(folder.rglob("*.yaml")):
            files.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return dict(sorted(files.items()))


def _folders() -> list[Path]:
    return [Path("prompts"), shipped("prompts")]


def read_prompt(path: Path, name: str) -> Prompt:
    """The prompt in a file.

    Raises:
        ConfigError: the file is no prompt; every fault with file and line.
    """
    shown = _shown(path)
    try:
        text = path.read_text(encoding="utf-8")
        refuse_depth(text)
        node = YAML(typ="safe", pure=True).compose(text)
        values = YAML(typ="safe", pure=True).load(text)
    except UnicodeDecodeError as fault:
        raise ConfigError(
            f"prompt {name!r} is not UTF-8 (byte {fault.start + 1})", shown, "save the file as UTF-8"
        ) from fault
    except (OSError, RecursionError) as fault:
        raise ConfigError(
            f"prompt {name!r} cannot be read: "
            f"{getattr(fault, 'strerror', None) or 'lists or mappings are nested too deep'}",
            shown,
        ) from fault
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        raise ConfigError(
            f"prompt {name!r} is no YAML: {fault.problem}", f"{shown}:{mark.line + 1}" if mark else shown
        ) from fault
    except YAMLError as fault:  # of a character that YAML may not hold
        raise ConfigError(f"prompt {name!r} is no YAML: {str(fault).splitlines()[0]}", shown) from fault
    except ValueError as fault:  # of a number or a date, for which ruamel raises no error of its own
        raise ConfigError(
            f"prompt {name!r} cannot be read: it holds a number or a date that is malformed or too long",
            shown,
        ) from fault
    if not isinstance(values, dict) or not isinstance(node, MappingNode):
        raise ConfigError(f"prompt {name!r} is no mapping", shown, f"write the fields {', '.join(FIELDS)}")
    keys = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    faults = _field_faults(name, values, keys, shown)
    if faults:
        raise ConfigError.of(faults)
    prompt = Prompt(
        name=name,
        path=shown,
        purpose=values.get("purpose") or "",
        source=values.get("source") or "",
        system=values.get("system") or "",
        user=values["user"],
        assistant=values.get("assistant") or "",
        examples=tuple(values.get("examples") or ()),
        lines={key.value: _first_line(value) for key, value in node.value},
    )
    prompt.check_templates()
    return prompt


def _field_faults(name: str, values: Mapping[str, Any], keys: Mapping[str, int], shown: str) -> list[Fault]:
    faults = []
    for key, value in values.items():
        where = f"{shown}:{keys.get(key, 1)}"
        if key not in FIELDS:
            faults.append(
                Fault(f"prompt {name!r}: unknown field {key!r}", where, f"known: {', '.join(FIELDS)}")
            )
        elif key == "examples":
            if value is not None and not (
                isinstance(value, list) and all(isinstance(example, dict) for example in value)
            ):
                faults.append(
                    Fault(
                        f"prompt {name!r}: examples is a list of mappings",
                        where,
                        "write one `- question: …` for each example",
                    )
                )
        elif value is not None and not isinstance(value, str):
            faults.append(Fault(f"prompt {name!r}: {key} is a text", where, "write it as a block after `|`"))
    if not values.get("user"):
        faults.append(
            Fault(f"prompt {name!r} has no user text", shown, "add `user: |` and the question's template")
        )
    return faults


def _first_line(node: Any) -> int:
    block = isinstance(node, ScalarNode) and node.style in ("|", ">")
    return int(node.start_mark.line) + (2 if block else 1)


def _shown(path: Path) -> str:
    """A path as messages show it: relative where it lies below the working directory."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
