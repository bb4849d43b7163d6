"""Which stages of a pipeline become a job of their own, and which are divided into shards."""

import pytest

from synthgen.core.errors import ConfigError
from synthgen.core.resources import shipped
from synthgen.operations.jobs.parts import Part, divide
from synthgen.pipeline.file import load_pipeline


def pipeline(name, *sets):
    return load_pipeline(shipped(f"pipelines/{name}.yaml"), (), list(sets))


def spans(parts):
    return [(part.stages[0], part.stages[-1], part.shards, part.gpu) for part in parts]


def test_what_asks_a_teacher_is_sharded_with_the_rows_behind_it():
    assert spans(divide(pipeline("quickstart"), 4)) == [
        ("questions", "split", 1, False),  # a self-instruct draws from what was kept so far
        ("rationales", "filter", 4, False),
        ("dedup", "dedup", 1, False),
        ("rationale_student", "evaluate", 1, True),
    ]


def test_every_stage_is_in_one_part_in_the_order_of_the_pipeline():
    for file in sorted(shipped("pipelines").glob("*.yaml")):
        checked = load_pipeline(file)
        for shards in (1, 3):
            ids = [stage for part in divide(checked, shards) for stage in part.stages]
            assert ids == [spec.id for spec in checked.stages], file


def test_without_shards_a_new_part_begins_only_where_a_gpu_is_needed():
    assert spans(divide(pipeline("quickstart"), 1)) == [
        ("questions", "dedup", 1, False),
        ("rationale_student", "evaluate", 1, True),
    ]


def test_stages_that_are_named_are_sharded_alone():
    parts = divide(pipeline("quickstart"), 2, ("dedup", "filter"))
    assert [part.stages for part in parts if part.shards == 2] == [("filter",), ("dedup",)]


def test_a_stage_that_cannot_be_sharded_is_told_with_its_reason():
    with pytest.raises(ConfigError) as told:
        divide(pipeline("quickstart"), 2, ("evaluate", "questions"))
    assert [fault.what.partition(":")[0] for fault in told.value.faults] == [
        "evaluate cannot be sharded",
        "questions cannot be sharded",
    ]


def test_stages_that_are_named_need_a_number_of_shards():
    with pytest.raises(ConfigError, match="one shard"):
        divide(pipeline("quickstart"), 1, ("filter",))


def test_a_server_of_ones_own_needs_a_gpu_and_an_address_needs_none():
    sets = ["teacher={provider: vllm, model: m}", "budget=null"]
    (asking,) = [part for part in divide(pipeline("respond", *sets), 2) if part.shards == 2]
    assert asking.gpu
    sets[0] = 'teacher={provider: vllm, model: m, base_url: "http://127.0.0.1:1/v1"}'
    (asking,) = [part for part in divide(pipeline("respond", *sets), 2) if part.shards == 2]
    assert not asking.gpu


def test_keys_and_names_of_a_part():
    (asking,) = [part for part in divide(pipeline("respond"), 2) if part.shards == 2]
    assert asking.keys == ("OPENAI_API_KEY",)
    assert Part(("a",)).label == "a" and Part(("a", "b", "c")).label == "a-to-c"
