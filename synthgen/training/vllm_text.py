"""A student's own text by vLLM, in the process that trains it, with the weights that it has at each step.

TRL's `VLLMGeneration` (mode `colocate`) holds the engine, and knows how weights are read that are sharded or
changed by adapters. What is drawn is ours: each text has a seed of its own and its own room.

Imports vllm and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

import gc
import hashlib
import os
from typing import TYPE_CHECKING, Any

import torch

from synthgen.core.errors import ConfigError, first_line
from synthgen.training.architecture import Source, read_config

if TYPE_CHECKING:
    from synthgen.training.own_text_options import OwnText

LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What TRL puts into the environment for vLLM."""


class Writer:
    """vLLM with a student's weights.

    Args:
        trainer: TRL's trainer; it has the student.
        own: how the student writes.

    Raises:
        ConfigError: vLLM cannot hold the student.
    """

    def __init__(self, trainer: Any, own: OwnText) -> None:
        from trl.generation.vllm_generation import VLLMGeneration

        _require_same_tokens(trainer.model)
        self._alone = not torch.distributed.is_initialized()
        before = {name: os.environ.get(name) for name in LAUNCHED}
        try:
            self._engine: Any = VLLMGeneration(
                trainer.model,
                trainer.accelerator,
                trainer.processing_class,
                mode="colocate",
                gpu_memory_utilization=own.options.gpu_memory_utilization,
                max_model_length=own.room,
                max_completion_length=own.options.max_new_tokens,
                logprobs=None,
            )
        except (ValueError, RuntimeError, OSError) as fault:
            raise ConfigError(
                f"vLLM cannot hold the student: {first_line(fault)}",
                "own_text: {engine: vllm}",
                "less or more own_text: {gpu_memory_utilization: …}, or engine: transformers",
            ) from fault
        finally:  # a training behind this one would take itself for one of torchrun's processes
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        worker = self._engine.llm.llm_engine.model_executor.driver_worker
        if not all(weight.numel() for weight in worker.model_runner.model.parameters()):
            raise ConfigError(
                "vLLM packs a student's weights on this processor, and takes no others afterwards",
                "own_text: {engine: vllm}",
                "engine: transformers, or a GPU",
            )

    def texts(
        self, prompts: list[list[int]], rooms: list[int], own: OwnText, step: int, rank: int
    ) -> list[list[int]]:
        """What the student, with the weights that it has now, says to prompts.

        Args:
            prompts: token ids.
            rooms: tokens that may follow each of them.
            own: how it writes.
            step: of the training, counted from 0.
            rank: of this process; a text depends on seed, step, rank and its place alone.

        Returns:
            Token ids of each, with the end token; empty where there is no room.
        """
        from vllm import SamplingParams

        self._engine.sync_weights()
        options = own.options
        asked = [place for place, room in enumerate(rooms) if room]
        settings = [
            SamplingParams(
                temperature=options.temperature,
                top_p=options.top_p,
                max_tokens=min(options.max_new_tokens, rooms[place]),
                seed=text_seed(own.seed, step, rank, place),
                stop_token_ids=sorted(own.end_ids),
                ignore_eos=True,  # the student's end tokens are those above
                detokenize=False,
            )
            for place in asked
        ]
        given: Any = [{"prompt_token_ids": prompts[place]} for place in asked]
        said = self._engine.llm.generate(given, sampling_params=settings, use_tqdm=False) if asked else []
        found = {place: list(reply.outputs[0].token_ids) for place, reply in zip(asked, said, strict=True)}
        return [found.get(place, []) for place in range(len(prompts))]

    def close(self) -> None:
        """Ends vLLM and gives its memory back; the group of processes too, where it was vLLM that made it."""
        from vllm.distributed import cleanup_dist_env_and_memory, destroy_model_parallel

        self._engine = None
        if self._alone:
            cleanup_dist_env_and_memory()
        else:
            destroy_model_parallel()
            gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def text_seed(seed: int, step: int, rank: int, place: int) -> int:
    """The seed of one text: of 63 bits, which vLLM takes."""
    drawn = hashlib.blake2b(f"{seed}/{step}/{rank}/{place}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) >> 1


def _require_same_tokens(model: Any) -> None:
    """Refuses a student whose vocabulary is no longer that of its folder, which vLLM reads for its shapes."""
    name = str(model.name_or_path)
    stored = read_config(Source(name)).get_text_config().vocab_size
    held = model.get_input_embeddings().weight.shape[0]
    if held != stored:
        raise ConfigError(
            f"the student has {held:,} tokens, and {stored:,} in {name}: vLLM reads its shapes there",
            "own_text: {engine: vllm}",
            "train it once by sft, which saves it with all its tokens; or engine: transformers",
        )
