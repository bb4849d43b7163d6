"""The last batch of an epoch is filled with rows that teach nothing, in the order of one process."""

import pytest
from accelerate.data_loader import SeedableRandomSampler

from synthgen.store.jsonl import read_log
from synthgen.training.processes.even import FilledSampler
from tests.stages.sft_bench import Bench, rows


def test_the_order_is_that_of_one_process_and_the_fillers_come_last():
    alone, filled = SeedableRandomSampler(range(5), data_seed=3), FilledSampler(5, 8, 3)
    assert len(filled) == 8
    for epoch in range(3):
        alone.set_epoch(epoch)
        filled.set_epoch(epoch)
        assert list(filled) == [*alone, 5, 6, 7]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "options"),
    [
        # one row in the last step, which is of one batch: the other process has only fillers
        (25, {"gradient_accumulation": 3, "batch_size": 4}),
        # one row in the last batch of the last step, which is of two
        (29, {"gradient_accumulation": 3, "batch_size": 4, "completion": "multi_task"}),
        (30, {"packing": True, "max_length": 128, "batch_size": 4}),
    ],
    ids=["alone", "two tasks", "packed"],
)
def test_two_processes_learn_each_row_once_where_rows_do_not_fill_the_batches(tmp_path, number, options):
    from safetensors.numpy import load_file

    made = []
    for name, processes in (("one", None), ("two", 2)):
        bench = Bench(tmp_path / name, rows(number), processes=processes, **options)
        training = bench.run().extra["training"]
        assert "\n".join(bench.heard).count("student: preflight") == 1
        model = load_file(bench.folder / "out" / "model" / "model.safetensors")
        curve = list(read_log(bench.folder / "out" / "metrics.jsonl"))
        made.append((model, curve, training, bench.bytes().keys()))
    (one, one_curve, one_training, one_files), (two, two_curve, two_training, two_files) = made
    assert two_training == {**one_training, "processes": 2}
    assert two_files == one_files
    assert max(abs(one[name] - two[name]).max() for name in one) <= 1e-6
    assert [entry["tokens"] for entry in one_curve] == [entry["tokens"] for entry in two_curve]
    assert [entry["loss"] for entry in one_curve] == pytest.approx(
        [entry["loss"] for entry in two_curve], rel=1e-5
    )
