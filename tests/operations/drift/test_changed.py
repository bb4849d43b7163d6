"""A student or test rows that were changed by hand are not looked at as those of the training."""

import pytest

from synthgen.core.errors import StageFailed
from synthgen.operations.drift.baseline import read_baseline
from tests.operations.drift.test_unanswered import RUN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "file", "named"),
    [
        ("student", "model/model.safetensors", "model/model.safetensors"),
        ("split", "test.jsonl", "test.jsonl"),
    ],
)
def test_what_was_changed_by_hand_is_refused(watched, stage, file, named):
    read_baseline(RUN)
    place = RUN / stage / file
    content = bytearray(place.read_bytes())
    content[-3] ^= 1
    place.write_bytes(content)
    with pytest.raises(StageFailed, match=f"{named} of {stage} was changed after evaluate had asked"):
        read_baseline(RUN)
