import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "toy"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """A test that runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
