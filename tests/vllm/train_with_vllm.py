"""Runs a pipeline by vLLM's own interpreter, with the packages of this one behind its own.

Arguments: the folder of those packages, the pipeline file, and where runs go.
"""

import functools
import sys
from pathlib import Path


def plain_linear(layer, remove_weight):
    """Weights as they are, for torch's own product."""
    import torch

    layer.cpu_linear = torch.nn.functional.linear


def main(packages: str, file: str, runs: str) -> None:
    """Runs all stages."""
    sys.path.append(packages)
    import vllm
    from vllm.model_executor.layers import utils as layers

    # On a CPU, compiling takes minutes; TRL has no option for it.
    vllm.LLM = functools.partial(vllm.LLM, enforce_eager=True)
    # With AVX-512, vLLM packs weights for its kernels, and a step's new ones could not be handed over.
    layers.dispatch_cpu_unquantized_gemm = plain_linear
    from synthgen.core.progress import Reporter
    from synthgen.pipeline.file import load_pipeline
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.run import run_pipeline

    run_pipeline(
        load_pipeline(Path(file)),
        RunOptions(runs=Path(runs), ledger=Path(runs) / "ledger"),
        Reporter("silent"),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
