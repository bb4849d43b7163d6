"""What tasks need of a cluster, and what is said where it is too small."""

import pytest

from synthgen.core.errors import ConfigError
from synthgen.core.resources import shipped
from synthgen.operations.jobs.parts import Part
from synthgen.operations.ray.plan import Asked, Need, Node, lacking, need_of, number_of_shards, slots
from synthgen.pipeline.file import load_pipeline

SHARDED, WHOLE = Part(("rationales", "filter"), shards=4), Part(("dedup",))
TRAINING = Part(("student", "evaluate"), trains=True, gpu=True)
NODES = [Node(2), Node(8), Node(4, 1)]
NOTHING = Asked()


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(shipped("pipelines/quickstart.yaml"))


def test_a_shard_takes_one_cpu_and_what_is_whole_a_node():
    assert need_of(SHARDED, NOTHING, NOTHING, NODES) == Need(1)
    assert need_of(WHOLE, NOTHING, NOTHING, NODES) == Need(2)
    assert need_of(TRAINING, NOTHING, NOTHING, NODES) == Need(4, 1)
    assert need_of(WHOLE, NOTHING, NOTHING, [Node(0), Node(3)]) == Need(3)


def test_what_is_asked_for_a_stage_wins_over_what_is_asked_for_all(pipeline):
    cpus = Asked.parse("--cpus", ["2", "filter=3", "rationales=1", "dedup=0.5"], pipeline)
    gpus = Asked.parse("--gpus", ["4", "filter=0.5"], pipeline)
    assert need_of(SHARDED, cpus, gpus, NODES) == Need(3, 0.5)
    assert need_of(WHOLE, cpus, gpus, NODES) == Need(0.5)
    assert need_of(TRAINING, cpus, gpus, NODES) == Need(2, 4)
    assert need_of(TRAINING, cpus, Asked(0.0), NODES) == Need(2)


@pytest.mark.parametrize("text", ["", "=", "=2", "filter=", "-1", "x", "1.5"])
def test_what_is_no_number(pipeline, text):
    with pytest.raises(ConfigError, match="--gpus wants N or STAGE_ID=N"):
        Asked.parse("--gpus", [text], pipeline)


def test_a_stage_that_is_not_there(pipeline):
    with pytest.raises(ConfigError, match="filtr"):
        Asked.parse("--cpus", ["filtr=2"], pipeline)


def test_a_cluster_too_small_says_what_of_it_and_for_what():
    needs = {SHARDED: Need(1), WHOLE: Need(16), TRAINING: Need(8, 1)}
    assert [(fault.what, fault.next) for fault in lacking(needs, NODES)] == [
        (
            "the cluster is too small for dedup: one task needs 16 CPUs on one node, and the largest of 3 "
            "nodes has 8 CPUs",
            "add a node that has it, or give --cpus dedup=8",
        ),
        (
            "the cluster is too small for student, evaluate: one task needs 8 CPUs and 1 GPU on one node, "
            "and no node has both",
            "add a node that has both",
        ),
    ]
    (fault,) = lacking({TRAINING: Need(2, 1)}, [Node(2)])
    assert "needs 2 CPUs and 1 GPU on one node, and the only node has no GPU" in fault.what
    assert fault.next.endswith("--gpus student=0, which trains and asks models on CPUs")
    (fault,) = lacking({SHARDED: Need(1)}, [])
    assert "no node is alive" in fault.what


def test_how_many_run_at_the_same_time():
    assert slots(Need(2), NODES) == 1 + 4 + 2
    assert slots(Need(2, 0.5), NODES) == 2
    assert slots(Need(16), NODES) == 0
    assert slots(Need(0, 1), NODES) == 1


def test_shards_are_as_many_as_before_else_by_the_size_of_the_cluster(tmp_path):
    assert number_of_shards(tmp_path, 7) == 14
    assert number_of_shards(tmp_path, 0) == 1
    assert number_of_shards(tmp_path, 5000) == 1000
    (tmp_path / "shards/1-of-3").mkdir(parents=True)
    (tmp_path / "shards/2-of-3").mkdir()
    assert number_of_shards(tmp_path, 7) == 3
    (tmp_path / "shards/1-of-4").mkdir()
    assert number_of_shards(tmp_path, 7) == 14
