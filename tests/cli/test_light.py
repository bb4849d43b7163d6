"""Law 8: light to start."""

import subprocess
import sys

HEAVY = (
    "torch",
    "datasets",
    "trl",
    "vllm",
    "openai",
    "transformers",
    "aiohttp",
    "pyarrow",
    "numpy",
    "rapidfuzz",
    "ray",
)


def imported_by(code: str) -> list[str]:
    script = f"import sys\n{code}\nprint(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    return (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        .stdout.split("\n")[-2]
        .split()
    )


def test_help_imports_nothing_heavy():
    code = (
        "sys.argv = ['synthgen', '--help']\nfrom synthgen.cli import main\ntry:\n    main()\nexcept "
        "SystemExit:\n    pass"
    )
    assert imported_by(code) == []


def test_importing_synthgen_imports_nothing_heavy():
    assert (
        imported_by("import synthgen, synthgen.pipeline.run, synthgen.pipeline.file, synthgen.stages") == []
    )


def test_checking_a_pipeline_imports_neither_torch_nor_openai():
    loaded = imported_by(
        "from pathlib import Path\nfrom synthgen.pipeline.file import "
        "load_pipeline\nload_pipeline(Path('pipelines/quickstart.yaml'))"
    )
    assert not {"torch", "openai", "datasets", "trl", "transformers", "vllm"} & set(loaded)
