"""Arguments of `vllm serve`: which the run sets, which change answers, and how a command line has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgen.teachers.model_files import content_hash

Argument = str | int | float | bool | tuple[str | int | float, ...]

SET_BY_THE_RUN = (
    "host",
    "port",
    "api-key",
    "model",
    "served-model-name",
    "uds",
    "ssl-keyfile",
    "ssl-certfile",
    "config",
)
"""Arguments that the run sets itself, or that would put the server where the run does not look."""

CHANGE_NO_ANSWER = frozenset(
    (
        # how the work is spread
        "tensor-parallel-size pipeline-parallel-size data-parallel-size data-parallel-size-local "
        "data-parallel-backend distributed-executor-backend "
        # memory
        "gpu-memory-utilization cpu-offload-gb swap-space kv-cache-memory-bytes block-size max-num-seqs "
        "max-num-batched-tokens max-num-partial-prefills "
        # speed, and how weights are loaded
        "enable-prefix-caching enable-chunked-prefill async-scheduling enforce-eager load-format "
        "download-dir safetensors-load-strategy trust-remote-code "
        # what may be asked for: more than that is refused
        "max-logprobs "
        # logs and the server itself
        "uvicorn-log-level disable-log-stats enable-log-requests disable-uvicorn-access-log "
        "enable-log-outputs api-server-count middleware"
    ).split()
)
"""Arguments that change speed, memory or logs but no answer.

All others are part of the model's revision, so of the ledger key.
"""

FILE_ARGUMENTS = (
    "chat-template",
    "lora-modules",
    "tokenizer",
    "generation-config",
    "hf-config-path",
    "speculative-config",
)
"""Arguments that may name local files, whose content counts."""


def command_words(arguments: Mapping[str, Argument]) -> list[str]:
    """Arguments as a command line has them: `true` a flag, `false` its `--no-` form, a list several words."""
    words: list[str] = []
    for name, value in arguments.items():
        if value is True or value is False:
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            words += [f"--{name}", *(str(part) for part in (value if isinstance(value, tuple) else (value,)))]
    return words


def answer_arguments(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """The arguments that can change an answer, as they are hashed: sorted, local files by their content."""
    return {
        name: _hashable(name, value)
        for name, value in sorted(arguments.items())
        if name not in CHANGE_NO_ANSWER
    }


def _hashable(name: str, value: Argument) -> Any:
    if name not in FILE_ARGUMENTS:
        return value
    parts = []
    for part in value if isinstance(value, tuple) else (value,):
        label, _, place = str(part).rpartition("=")
        path = Path(place or str(part))
        parts.append([label, content_hash(path)] if path.exists() else str(part))
    return parts
