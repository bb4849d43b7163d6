"""Loads a run's model and serves it on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import StageFailed
from synthgen.operations.serve.loopback import serve
from synthgen.operations.serve.models import find_model, last_evaluation, pipeline_of, vllm_line

MOST_TOKENS = 512
"""Of a reply, where no evaluation says."""


@dataclass(frozen=True)
class Ready:
    """A server that answers: its address, the model's name and size, and vLLM's command for the same."""

    base_url: str
    model: str
    parameters: int
    vllm: str


def serve_model(
    run_dir: Path,
    name: str,
    port: int,
    ready: Callable[[Ready], None],
    *,
    batch_size: int = 16,
    max_tokens: int | None = None,
    threads: int | None = None,
) -> None:
    """Serves one model of a run until SIGTERM or SIGINT.

    Args:
        run_dir: the run's folder.
        name: the model's, see `models.models_of`; the best student where left out.
        port: 0 for any free one.
        ready: called when the server answers.
        batch_size: requests that are answered together.
        max_tokens: of a reply, where a request does not say; as many as evaluate lets it have where left out.
        threads: of the CPU; as evaluate decides where left out.

    Raises:
        ConfigError: torch or transformers is not installed.
        InputError: there is no such model.
        StageFailed: it cannot be loaded, or the port cannot be had.
    """
    local = find_model(run_dir, name)
    evaluation = last_evaluation(pipeline_of(run_dir))
    most = max_tokens or int(getattr(evaluation, "max_new_tokens", MOST_TOKENS))
    from synthgen.evaluation.generation import LocalModel
    from synthgen.operations.serve.answering import Answering
    from synthgen.operations.serve.server import Served, StudentServer

    model = LocalModel(
        local.path,
        tokenizer=local.tokenizer,
        revision=local.revision,
        trained=local.role == "student",
        trust_remote_code=local.trusted,
    )
    answering = Answering(model, batch_size)
    served = Served(local.name, local.completion, most, threads)
    server = StudentServer(served, model, answering)
    try:
        asyncio.run(
            serve(
                server.application(),
                port,
                lambda url: ready(Ready(f"{url}/v1", local.name, model.parameters, vllm_line(local))),
            )
        )
    except OSError as fault:
        raise StageFailed(
            f"cannot serve on port {port}: {fault.strerror or fault}",
            next="choose another with --port, or --port 0 for any free one",
        ) from fault
    finally:
        answering.close()
