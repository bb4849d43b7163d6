"""accelerate's own config file, for FSDP and DeepSpeed: what is wrong with it, and what it sets."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, Fault, first_line

MAKE = "make one with `accelerate config --config_file FILE`"


@dataclass(frozen=True)
class AccelerateFile:
    """What a file asks for."""

    kind: str
    """Its `distributed_type`: FSDP, DEEPSPEED, MULTI_GPU …"""
    processes: int
    environment: dict[str, str]
    """Variables that ranks need beside the environment of this process."""


def file_faults(path: Path) -> list[Fault]:
    """What can be known to be wrong with a file before anything is trained."""
    try:
        read_file(path)
    except ConfigError as fault:
        return list(fault.faults)
    return []


def read_file(path: Path) -> AccelerateFile:
    """Reads a file by accelerate's own code.

    Raises:
        ConfigError: it is not there, accelerate does not know its keys, it is for several machines, or it
            needs a package that is not installed.
    """
    if not path.is_file():
        raise ConfigError("no such file: accelerate_config", str(path), MAKE)
    try:
        from accelerate.commands.config.config_args import load_config_from_file
    except ImportError:
        raise ConfigError(
            "accelerate is not installed", str(path), "pip install 'synthgen-pipeline[train]'"
        ) from None
    try:
        config = load_config_from_file(str(path))
    except Exception as fault:  # YAML's, or whatever a wrong value makes of it
        raise ConfigError(f"accelerate cannot read its file: {first_line(fault)}", str(path), MAKE) from fault
    kind = str(getattr(config.distributed_type, "value", config.distributed_type))
    if kind == "DEEPSPEED" and importlib.util.find_spec("deepspeed") is None:
        raise ConfigError(
            "the file asks for DeepSpeed, which is not installed",
            str(path),
            "pip install deepspeed, or take a file with distributed_type: FSDP",
        )
    if (getattr(config, "num_machines", 1) or 1) > 1:
        raise ConfigError(
            f"the file is for {config.num_machines} machines",
            str(path),
            "set num_machines: 1, and start synthgen on each machine with torchrun --nnodes",
        )
    return AccelerateFile(kind, max(1, int(config.num_processes or 1)), _environment(path))


def _environment(path: Path) -> dict[str, str]:
    """The variables that `accelerate launch` would set."""
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    # Port 0 is any free one; which does not matter, since ranks are told another.
    words = ["--config_file", str(path), "--main_process_port", "0", "synthgen"]
    arguments: Any = launch.launch_command_parser().parse_args(words)
    try:
        arguments, _, _ = launch._validate_launch_command(arguments)
        made = (
            prepare_deepspeed_cmd_env(arguments)[1]
            if arguments.use_deepspeed
            else prepare_multi_gpu_env(arguments)
        )
    except Exception as fault:
        raise ConfigError(
            f"accelerate does not accept its file: {first_line(fault)}", str(path), MAKE
        ) from fault
    return {
        name: value
        for name, value in made.items()
        if os.environ.get(name) != value and name not in ("PYTHONPATH", "OMP_NUM_THREADS")
    }
