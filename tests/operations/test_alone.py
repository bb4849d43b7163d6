"""Commands that make several runs, given twice at once: the second one is refused before it runs anything."""

from pathlib import Path

import pytest

from synthgen.core.errors import RunLocked
from synthgen.core.progress import Reporter
from synthgen.operations.ablate.run import ablate
from synthgen.operations.alone import alone
from synthgen.operations.curve import curve
from synthgen.operations.improve.ahead import improvement_ahead
from synthgen.operations.improve.run import improve
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from tests.operations.improve.test_run import PIPELINE, seeds

QUIET = Reporter("silent")


@pytest.mark.parametrize(
    ("held", "command"),
    [
        ("small.improve", lambda one: improve(one, RunOptions(), rounds=1, rows=5, reporter=QUIET)),
        ("small.curve", lambda one: curve(one, RunOptions(), shares=[50], reporter=QUIET)),
        ("small", lambda one: ablate(one, RunOptions(), reporter=QUIET)),
    ],
)
def test_the_second_command_runs_nothing(in_tmp, held, command):
    seeds()
    Path("small.yaml").write_text(PIPELINE)
    pipeline = load_pipeline(Path("small.yaml"))
    with alone(RunOptions().runs / held):
        with pytest.raises(RunLocked, match="another process holds this run"):
            command(pipeline)
        assert improvement_ahead(pipeline, RunOptions(), rounds=1, rows=5).pieces, "a dry run only looks"
    assert [path.name for path in RunOptions().runs.iterdir()] == [held]
    assert not list((RunOptions().runs / held).glob("*/manifest.json"))
