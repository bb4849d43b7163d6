"""Runs a pipeline by vLLM's own interpreter, with the packages of this one behind its own.

Arguments: the folder of those packages, the pipeline file, and where runs go.
"""

import functools
import sys
from pathlib import Path


def main(packages: str, file: str, runs: str) -> None:
    """Runs all stages."""
    sys.path.append(packages)
    import vllm

    # On a CPU, compiling takes minutes; TRL has no option for it.
    vllm.LLM = functools.partial(vllm.LLM, enforce_eager=True)
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
