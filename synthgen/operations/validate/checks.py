"""What can be checked before money or hours are spent: files, prompts, keys, servers, extras, disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from synthgen.core.config import InputFile, PromptName, unnamed_prompts
from synthgen.core.config_tree import configs_in
from synthgen.core.errors import Fault, SynthgenError
from synthgen.core.hashing import input_files
from synthgen.operations.validate.caps import cap_faults
from synthgen.operations.validate.hub import hub_faults
from synthgen.operations.validate.split_sizes import split_faults
from synthgen.pipeline.foresight import foreseen
from synthgen.pipeline.other_runs import other_run_faults
from synthgen.pipeline.references import unreadable_references
from synthgen.pipeline.short_limits import short_limits
from synthgen.pipeline.spec import Pipeline
from synthgen.similarity.embedding_options import EmbeddingsConfig
from synthgen.teachers.contract import Provider
from synthgen.teachers.make import make_provider

REACH_SECONDS = 5.0
FEW = 0.95
"""The share of references with a readable answer below which there is a warning instead of a note."""
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding of validate: an error stops a run, a warning does not, a note is good to know."""

    level: Level
    fault: Fault


def findings(pipeline: Pipeline, offline: bool = False, runs: Path = Path("data/runs")) -> list[Finding]:
    """All that is wrong or worth knowing, errors first.

    Args:
        pipeline: the pipeline.
        offline: reach for no server.
        runs: the folder of all runs, where `run:NAME:…` points to.

    Returns:
        The findings.
    """
    listed = [
        *_files_and_prompts(pipeline),
        *(Finding("error", fault) for fault in split_faults(pipeline)),
        *(Finding("error", fault) for fault in other_run_faults(pipeline.stages, runs, str(pipeline.path))),
        *_references(pipeline),
        *(
            Finding("warning", fault)
            for fault in short_limits(pipeline, pipeline.stages, runs / pipeline.name)
        ),
        *_teachers(pipeline, offline),
        *_embedders(pipeline, offline),
        *_students(pipeline, offline),
        *_unread(pipeline),
        *_extras(pipeline),
        *_disk(),
    ]
    return sorted(dict.fromkeys(listed), key=lambda item: ("error", "warning", "note").index(item.level))


def _files_and_prompts(pipeline: Pipeline) -> Iterator[Finding]:
    from synthgen.core.prompt_files import load_prompt

    for spec in pipeline.stages:
        faults = spec.stage.faults(spec.config)
        yield from (
            Finding(
                "error",
                Fault(f"{spec.written_id}: {fault.what}", fault.where or str(pipeline.path), fault.next),
            )
            for fault in faults
        )
        if not faults:
            yield from (
                Finding("error", Fault(fault.what, fault.where or str(pipeline.path), fault.next))
                for fault in foreseen(pipeline, spec)
            )
            yield from (
                Finding("warning", Fault(f"{spec.written_id}: {fault.what}", fault.where, fault.next))
                for fault in spec.stage.warnings(spec.config)
            )
        reported = {fault.where for fault in faults}
        for path in _marked(spec.config, InputFile):
            if (
                str(path) not in reported
                and not input_files(str(path))
                and not (str(path) and Path(path).exists())
            ):
                yield Finding(
                    "error",
                    Fault(
                        f"{spec.id}: no such file: {path}",
                        str(pipeline.path),
                        "file paths are relative to where the command runs",
                    ),
                )
        for name in _marked(spec.config, PromptName):
            try:
                load_prompt(str(name))
            except SynthgenError as fault:
                yield Finding("error", fault.faults[0])


def _marked(value: Any, marker: type) -> Iterator[Any]:
    """The values of all options that carry a marker, in nested configs and components too."""
    for config in configs_in(value):
        for name, info in type(config).model_fields.items():
            if any(isinstance(one, marker) for one in info.metadata):
                part = getattr(config, name)
                yield from [part] if isinstance(part, str | Path) else part or ()
        if marker is PromptName:
            yield from unnamed_prompts(config) or ()


def _references(pipeline: Pipeline) -> Iterator[Finding]:
    for found, fault in unreadable_references(pipeline, pipeline.stages):
        few = found.share < FEW or found.share == 1  # where all can be read, some are missing
        level: Level = "error" if found.unreadable else "warning" if few else "note"
        yield Finding(level, fault)


def _teachers(pipeline: Pipeline, offline: bool) -> Iterator[Finding]:
    asked = {name for spec in pipeline.stages for name in spec.stage.asks(spec.config)}
    for name, config in pipeline.teachers.items():
        label = f"teacher {name!r}" if name else "the teacher"
        where = str(pipeline.path)
        if name not in asked:
            yield Finding("warning", Fault(f"{label} is never asked", where))
            continue
        provider = make_provider(config)
        variable = provider.key_variable
        if variable and not os.environ.get(variable, "").strip():
            yield Finding(
                "error",
                Fault(
                    f"{label} needs a key in the environment variable {variable}",
                    where,
                    f"export {variable}=… or give --env-file FILE",
                ),
            )
        for fault in provider.faults():
            yield Finding("error", Fault(f"{label}: {fault.what}", fault.where, fault.next))
        yield from (Finding("error", fault) for fault in cap_faults(pipeline, name, config, provider))
        if not offline:
            yield from _reach(provider.addresses(), label, where)
        yield from _remarks(provider, label, where)


def _embedders(pipeline: Pipeline, offline: bool) -> Iterator[Finding]:
    for spec in pipeline.stages:
        for config in configs_in(spec.config):
            if not isinstance(config, EmbeddingsConfig):
                continue
            if not config.base_url:
                if not Path(config.model).is_dir():
                    what = f"{spec.id}: no embedding model in {config.model}"
                    advice = "name a sentence-transformers or model2vec folder, or give base_url"
                    yield Finding("error", Fault(what, str(pipeline.path), advice))
                continue
            label, where, variable = (
                f"{spec.id}: the embeddings server",
                str(pipeline.path),
                config.api_key_env,
            )
            if variable and not os.environ.get(variable, "").strip():
                yield Finding(
                    "error",
                    Fault(
                        f"{label} needs a key in the environment variable {variable}",
                        where,
                        f"export {variable}=… or give --env-file FILE",
                    ),
                )
            if not offline:
                yield from _reach((config.base_url,), label, where)


def _students(pipeline: Pipeline, offline: bool) -> Iterator[Finding]:
    for spec in () if offline else pipeline.stages:
        student = getattr(spec.config, "student", None)
        model = getattr(student, "model", None)
        if spec.stage.writes == "model" and model and not spec.stage.faults(spec.config):
            for certain, fault in hub_faults(
                spec.written_id, model, getattr(student, "revision", None), str(pipeline.path)
            ):
                yield Finding("error" if certain else "warning", fault)


def _unread(pipeline: Pipeline) -> Iterator[Finding]:
    """Rows that are loaded for nobody; those of the last stage may be for another run."""
    read = {
        reference.partition(".")[0]
        for spec in pipeline.stages
        for references in spec.reads.values()
        for reference in references
    }
    for spec in pipeline.stages[:-1]:
        if not spec.reads and spec.id not in read:
            yield Finding(
                "warning",
                Fault(
                    f"nothing reads {spec.id}",
                    str(pipeline.path),
                    f"say `input: {spec.id}` in the stage that it is for, or leave it out",
                ),
            )


def _reach(addresses: tuple[str, ...], label: str, where: str) -> Iterator[Finding]:
    for address in addresses:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        proxied = any(
            os.environ.get(name)
            for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
        )
        if proxied:
            continue  # the proxy does the reaching; its answer to a request will tell
        try:
            socket.create_connection((parts.hostname or "", port), timeout=REACH_SECONDS).close()
        except OSError as fault:
            yield Finding(
                "error",
                Fault(
                    f"{label} cannot be reached at {parts.hostname}:{port}: {fault.strerror or fault}",
                    where,
                    "check base_url, and that the server is up",
                ),
            )


def _remarks(provider: Provider, label: str, where: str) -> Iterator[Finding]:
    """What a provider will ignore, and what its terms say about training on its output."""
    for remark in provider.remarks():
        yield Finding("note", Fault(f"{label}: {remark}", where))


def _extras(pipeline: Pipeline) -> Iterator[Finding]:
    if any(spec.stage.writes == "model" for spec in pipeline.stages):
        missing = [
            name
            for name in ("torch", "transformers", "trl", "datasets", "peft", "accelerate")
            if importlib.util.find_spec(name) is None
        ]
        if missing:
            yield Finding(
                "error",
                Fault(
                    f"training needs {', '.join(missing)}",
                    str(pipeline.path),
                    "pip install 'synthgen-pipeline[train]'",
                ),
            )


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path()).free
    if free < 1 << 30:
        yield Finding(
            "warning",
            Fault(
                f"only {free / 1e9:.2f} GB of disk are free here",
                next="replies, rows and checkpoints are written under data/",
            ),
        )
