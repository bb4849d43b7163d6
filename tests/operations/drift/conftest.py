"""One trained run for all tests of drift, which each work on a copy of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.operations.drift.world import TRUTH, World, base


@pytest.fixture(scope="package")
def trained(tmp_path_factory):
    """A world, and the folder in which its run was made."""
    folder, before = tmp_path_factory.mktemp("watched"), Path.cwd()
    base(folder / "base")
    os.chdir(folder)
    try:
        with World() as world:
            world.trained()
            yield world, folder, world.number
    finally:
        os.chdir(before)


@pytest.fixture
def watched(trained, tmp_path, monkeypatch):
    """The world as it was at training time, nothing counted; the working folder holds a copy of the run."""
    world, folder, number = trained
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, copy_function=shutil.copy2)
    monkeypatch.chdir(tmp_path)
    world.truth = dict(TRUTH)
    world.asked.clear()
    world.made.clear()
    world.number = number  # the next question is one that the student has not seen
    return world
