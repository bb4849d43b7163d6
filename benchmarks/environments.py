"""Environments of the tools that the benchmarks compare with: one for each, made on request, outside the project."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

PACKAGES = {
    "distilabel": ("distilabel[openai,minhash]==1.5.3", "requests"),
    "curator": ("bespokelabs-curator==0.1.31",),
    "data-designer": ("data-designer==0.9.5",),
    "text-dedup": ("text-dedup==0.4.0",),
    "datatrove": ("datatrove[io,processing]==0.10.1", "orjson"),
    "datasketch": ("datasketch==2.0.0",),
}
# No tool calls home or looks for a hub; each works on what pip installed.
QUIET = {
    "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TELEMETRY_ENABLED": "false",
    "NEMO_TELEMETRY_ENABLED": "false", "CURATOR_VIEWER": "0", "CURATOR_DISABLE_RICH_DISPLAY": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OTEL_SDK_DISABLED": "true", "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore", "OPENAI_API_KEY": "none",
}  # fmt: skip


def python_of(tool: str, folder: Path, install: bool) -> str | None:
    """The interpreter that a peer runs in; None where it is not installed.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    python = folder / tool / "bin" / "python"
    if install and not (folder / tool / "complete").exists():
        venv.create(folder / tool, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES[tool]], check=True)
        (folder / tool / "complete").write_text("\n".join(PACKAGES[tool]))
    return str(python) if python.exists() else None
