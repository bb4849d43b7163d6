"""Options of components: how they are declared, built from a pipeline file's values, and hashed.

Each component owns its `Config` (a `Component`); stages that hold other components mark the field with
`OneOf` or `ManyOf`, and `build` composes them through the registry. `fingerprint` is what a stage key is
made of: every option that can change the stage's output, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from synthgen.core import registry
from synthgen.core.errors import ConfigError, Fault, nearest
from synthgen.core.finite import NOT_FINITE, not_finite
from synthgen.core.hashing import file_sha256, folder_fingerprint, input_files
from synthgen.core.registry import Choice
from synthgen.core.secrets import shown


class Component(BaseModel):
    """Base of every Config: unknown options are errors, values are frozen and never echoed in messages."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
    )


@dataclass(frozen=True)
class Unhashed:
    """Marks an option that cannot change a stage's output (limits, prices, timeouts, workers, names)."""


@dataclass(frozen=True)
class InputFile:
    """Marks a path or paths (files, folders, globs) whose content is hashed; with `named`, also the names."""

    named: bool = False


@dataclass(frozen=True)
class ModelName:
    """Marks a model: a hub id, or a folder whose content is hashed (of files over 64 MB, size and time)."""


@dataclass(frozen=True)
class PromptName:
    """Marks the name or path of a prompt file, of which the text is hashed and not the name."""


@dataclass(frozen=True)
class OneOf:
    """Marks a `Choice`; with `inline`, the component's options stand beside the field itself."""

    kind: str
    inline: bool = False


@dataclass(frozen=True)
class ManyOf:
    """Marks a tuple of `Choice`s, each a bare name or `{name: {options}}`."""

    kind: str


@runtime_checkable
class UsesPrompts(Protocol):
    """A Config that uses prompts which no option names, such as a task's default prompt."""

    def prompts(self) -> tuple[str, ...]:
        """Their names."""
        ...


Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Misfit:
    """A fault in a value, by its path in the file; the pipeline file turns the path into file:line."""

    path: Location
    what: str
    next: str = ""


M = TypeVar("M", bound=BaseModel)
K = TypeVar("K")


def build(model: type[M], raw: Any, path: Location, misfits: list[Misfit]) -> M | None:
    """A validated `model` from plain values, with its marked components.

    Values never appear in a message: a pasted key must not be printed.

    Args:
        model: the Config.
        raw: the values, as a pipeline file has them.
        path: where they are in the file.
        misfits: faults are added to it.

    Returns:
        The options, or None where there was any fault.
    """
    before = len(misfits)
    if raw is None:
        raw = {}
    if not isinstance(raw, Mapping):
        misfits.append(Misfit(path, f"expected options (key: value), found {_kind(raw)}"))
        return None
    values: dict[str, Any] = dict(raw)
    # Fields whose components have faults already, which the model would only repeat.
    noted: set[str] = set()
    for name, info in model.model_fields.items():
        count = len(misfits)
        marker = _marker(info, OneOf) or _marker(info, ManyOf)
        if marker is None or name not in values:
            continue
        if isinstance(marker, ManyOf):
            entries = values[name] if isinstance(values[name], list) else [values[name]]
            built = [
                build_choice(marker.kind, entry, (*path, name, index), misfits)
                for index, entry in enumerate(entries)
            ]
            values[name] = tuple(choice for choice in built if choice is not None)
        elif marker.inline:
            options = {key: values.pop(key) for key in list(values) if key not in model.model_fields}
            values[name] = _choice(marker.kind, values[name], options, (*path, name), path, misfits)
        else:
            values[name] = build_choice(marker.kind, values[name], (*path, name), misfits)
        if values[name] is None or len(misfits) > before:
            values[name] = values[name] or _placeholder(marker)
        if len(misfits) > count:
            noted.add(name)
    try:
        made = model.model_validate(values)
    except ValidationError as fault:
        for error in fault.errors(include_url=False, include_input=False, include_context=False):
            if error["loc"][:1] not in {(name,) for name in noted}:
                misfits.append(_misfit(model, path, error))
        return None
    misfits += [Misfit((*path, *at), NOT_FINITE) for at in not_finite(model, values)]
    return made if len(misfits) == before else None


def build_choice(kind: str, entry: Any, path: Location, misfits: list[Misfit]) -> Choice | None:
    """A component from `name` or `{name: options}`.

    Args:
        kind: the kind of component.
        entry: what the pipeline file has.
        path: where it is in the file.
        misfits: faults are added to it.

    Returns:
        The choice, or None where there was any fault.
    """
    if isinstance(entry, str):
        return _choice(kind, entry, {}, path, path, misfits)
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, options),) = entry.items()
        return _choice(kind, name, options, (*path, name), (*path, name), misfits)
    misfits.append(
        Misfit(
            path,
            f"expected a {kind}'s name, or one name with its options",
            "write `- name` or `- name: {option: value}`",
        )
    )
    return None


def _choice(
    kind: str, name: Any, options: Any, name_path: Location, path: Location, misfits: list[Misfit]
) -> Choice | None:
    if not isinstance(name, str):
        misfits.append(Misfit(name_path, f"expected a {kind}'s name, found {_kind(name)}"))
        return None
    try:
        component = registry.find(kind, name)
    except ConfigError as fault:
        misfits.append(Misfit(name_path, fault.faults[0].what, fault.faults[0].next))
        return None
    config = build(component.Config, options, path, misfits)
    return None if config is None else Choice(kind, name, config, int(component.VERSION))


def _placeholder(marker: OneOf | ManyOf) -> Any:
    """A stand-in for a field with a fault, so that the other fields are still checked."""
    return () if isinstance(marker, ManyOf) else Choice(marker.kind, "", Component(), 0)


def _misfit(model: type[BaseModel], path: Location, error: Any) -> Misfit:
    where = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, where[:-1])
        near = nearest(str(where[-1]), known)
        return Misfit(
            (*path, *where),
            f"unknown option {shown(where[-1])!r}",
            f"did you mean {near!r}?" if near else f"known: {', '.join(sorted(known))}",
        )
    if error["type"] == "missing":
        return Misfit(
            (*path, *where[:-1]),
            f"missing option {where[-1]!r}",
            _example(model, where) if len(where) == 1 else "",
        )
    message = str(error["msg"]).removeprefix("Value error, ")
    named = f"{shown(where[-1])}: " if where and isinstance(where[-1], str) else ""
    return Misfit((*path, *where), f"{named}{message[:1].lower()}{message[1:]}")


def _example(model: type[BaseModel], where: tuple[str | int, ...]) -> str:
    """What to write for an option that is missing, where its field has an example."""
    info = model.model_fields.get(str(where[0]))
    return f"for example {where[0]}: {info.examples[0]}" if info is not None and info.examples else ""


def _fields_at(model: Any, where: Location) -> list[str]:
    """The option names at a place inside a model, as far as its annotations show."""
    for step in where:
        info = getattr(model, "model_fields", {}).get(step)
        candidates = _models_in(info.annotation) if info is not None else _models_in(model)
        if candidates:
            model = candidates[0]
    return list(getattr(model, "model_fields", {}))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _kind(value: Any) -> str:
    return {
        dict: "options",
        list: "a list",
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "yes or no",
        type(None): "nothing",
    }.get(type(value), "something else")


def _marker(info: FieldInfo, kind: type[K]) -> K | None:
    return next((marker for marker in info.metadata if isinstance(marker, kind)), None)


def fingerprint(value: Any) -> Any:
    """The part of a value that can change an output, as JSON; files and prompts count by their content.

    The prompts of a Config that is `UsesPrompts` count too.
    """
    if isinstance(value, Choice):
        return {"name": value.name, "version": value.version, "options": fingerprint(value.options)}
    if isinstance(value, BaseModel):
        fields = {
            name: _fingerprint_field(info, getattr(value, name))
            for name, info in type(value).model_fields.items()
            if _marker(info, Unhashed) is None
        }
        if (names := unnamed_prompts(value)) is not None:
            fields["(prompts)"] = {name: _prompt_hash(name) for name in names}
        return fields
    if isinstance(value, Mapping):
        return {str(key): fingerprint(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [fingerprint(part) for part in value]
    if isinstance(value, Path):
        return str(value)
    return value


def unnamed_prompts(config: BaseModel) -> tuple[str, ...] | None:
    """The prompts that a Config uses beside those that its options name; None if it is not `UsesPrompts`."""
    # An option called `prompts` is another thing.
    if "prompts" in type(config).model_fields or not isinstance(config, UsesPrompts):
        return None
    return config.prompts()


def _fingerprint_field(info: FieldInfo, value: Any) -> Any:
    if value is None:
        return None
    marker = _marker(info, InputFile)
    if marker is not None:
        paths = value if isinstance(value, list | tuple) else [value]
        return [_content(str(path), marker.named) for path in paths]
    if _marker(info, PromptName) is not None:
        return _prompt_hash(str(value))
    if _marker(info, ModelName) is not None and Path(value).is_dir():
        return folder_fingerprint(Path(value))
    return fingerprint(value)


def _content(path: str, named: bool) -> Any:
    """Hash of a file, or of each file that a folder or a glob holds; the path itself where there is none."""
    files = input_files(path)
    if not files:
        return path
    if files == [Path(path)] and not named:
        return file_sha256(files[0])
    return [[file.as_posix(), file_sha256(file)] for file in files]


def _prompt_hash(name: str) -> str:
    from synthgen.core.prompt_files import load_prompt

    return load_prompt(name).hash


def resolved(value: Any) -> Any:
    """A value as plain YAML/JSON with every default filled in, in the form a pipeline file uses."""
    if isinstance(value, Choice):
        options = resolved(value.options)
        return {value.name: options} if options else value.name
    if isinstance(value, BaseModel):
        plain: dict[str, Any] = {}
        for name, info in type(value).model_fields.items():
            inline = _marker(info, OneOf)
            part = getattr(value, name)
            if inline is not None and inline.inline and isinstance(part, Choice):
                plain[name] = part.name
                plain.update(resolved(part.options))
            elif part is not None or info.default is not None:  # a null that is no default says something
                plain[name] = resolved(part)
        return plain
    if isinstance(value, Mapping):
        return {str(key): resolved(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def faults_of(misfits: list[Misfit], locate: Callable[[Location], str]) -> list[Fault]:
    """Misfits as faults, each once, with the `file:line` that `locate(path)` gives."""
    # A stage with `seeds` is read once for each.
    return list(dict.fromkeys(Fault(one.what, locate(one.path), one.next) for one in misfits))
