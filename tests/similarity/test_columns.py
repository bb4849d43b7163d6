"""Columns on disk against numpy's arrays."""

import errno
import os

import numpy as np
import pytest

from synthgen.similarity import columns
from synthgen.similarity.columns import Column


@pytest.mark.parametrize("span", [1, 3, 1000])
@pytest.mark.parametrize("entries", [np.arange(1, 51, dtype=np.uint32), np.arange(100.0).reshape(50, 2)])
def test_entries_come_back_by_their_numbers(tmp_path, monkeypatch, entries, span):
    monkeypatch.setattr(columns, "SPAN", span)
    column = Column(tmp_path)
    for start in (0, 7, 7, 30):
        column.append(entries[start : {0: 7, 7: 30, 30: 50}[start]] if len(column) <= start else entries[:0])
    assert len(column) == 50
    numbers = np.array([0, 1, 2, 9, 33, 34, 49])
    assert (column.take(numbers) == entries[numbers]).all()
    assert (column.read(5, 9) == entries[5:9]).all() and (column.read(45, 99) == entries[45:]).all()
    assert column.take(numbers[:0]).shape == entries[:0].shape and column.take(numbers).dtype == entries.dtype
    column.close()


def test_what_is_added_after_reading_is_read_too(tmp_path):
    column = Column(tmp_path)
    column.append(np.array([1, 2], np.int64))
    assert column.read(0, 5).tolist() == [1, 2]
    column.append(np.array([3], np.int64))
    assert column.read(1, 5).tolist() == [2, 3]
    column.close()


def test_a_column_has_no_name_that_a_kill_could_leave_behind(tmp_path):
    column = Column(tmp_path)
    column.append(np.zeros(100_000))
    assert list(tmp_path.iterdir()) == []
    column.close()


def test_a_full_disk_is_an_error_that_names_the_folder(tmp_path):
    column = Column(tmp_path)
    with open("/dev/full", "wb") as full:
        os.dup2(full.fileno(), column._file.fileno())
    with pytest.raises(OSError) as caught:
        column.append(np.zeros(100_000))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    column.close()
