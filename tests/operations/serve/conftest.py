import shutil

import pytest

from synthgen.store.manifest import Manifest, record_outputs, write_manifest
from tests.evaluation.tiny_models import tiny_model

QUESTIONS = {
    "What is 1 and 2?": "The answer is 3.",
    "What is 3 and 4?": "The answer is 7.",
    "Say it with a snowman.": "A snowman: ☃ and 雪 too.",
}


def published(run, stage, kind="sft", config=None, finished="2026-01-01T00:00:00", writes="model"):
    """Gives a stage's folder its manifest."""
    outputs = record_outputs(run / stage, {})
    made = Manifest(
        stage=stage,
        kind=kind,
        writes=writes,
        key=stage,
        key_parts={},
        config=config or {"student": {"init": {}}},
        outputs=outputs,
        finished_at=finished,
    )
    write_manifest(run / stage, made)
    return made


@pytest.fixture(scope="package")
def made_run(tmp_path_factory):
    """A run with a base and two students, of which the later one knows three answers.

    Made once, whichever folders of tests use it.
    """
    run = tmp_path_factory.getbasetemp() / "served" / "sums"
    if run.exists():
        return run
    for stage in ("first", "tutor"):
        tiny_model(run / stage / "base")
    tiny_model(run / "first" / "model", seed=3)
    tiny_model(run / "tutor" / "model", QUESTIONS, steps=200)
    published(run, "first")
    published(run, "tutor", finished="2026-01-02T00:00:00")
    return run


@pytest.fixture
def own_run(made_run, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made_run, tmp_path / "sums")
