"""Linked rows against a plain search through all links."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.similarity import linked_rows
from synthgen.similarity.columns import Column
from synthgen.similarity.linked_rows import LinkedRows
from synthgen.similarity.methods.minhash import MinHash, MinHashConfig

ROWS = 24
numbers = st.lists(st.integers(0, 9), min_size=ROWS, max_size=ROWS)


class Near(MinHash):
    """A method whose sketches are alike where they differ by 1 at most."""

    def may_match(self, sketches, others):
        return np.abs(sketches[:, 0].astype(np.int64) - others[:, 0].astype(np.int64)) <= 1


def groups_of(pairs):
    """The rows that pairs join, as sets of two and more."""
    group = {row: {row} for row in range(ROWS)}
    for one, other in pairs:
        if group[one] is not group[other]:
            group[one] |= group[other]
            for row in group[other]:
                group[row] = group[one]
    return {frozenset(rows) for rows in group.values() if len(rows) > 1}


def pairs_of(column, alike=lambda one, other: True):
    return [
        (one, other)
        for one in range(ROWS)
        for other in range(one)
        if column[one] == column[other] != 0 and alike(one, other)
    ]


def parts_of(linked, also=(), size=1):
    wanted = np.zeros(ROWS, bool)
    wanted[list(also)] = True
    parts = [part.tolist() for part in linked.parts(wanted, size)]
    assert all(part == sorted(set(part)) for part in parts)
    return parts


@pytest.fixture
def column(tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")

    def make(values, kind):
        made = Column(folder)
        made.append(np.array(values, kind))
        return made

    return make


@settings(max_examples=40, deadline=None)
@given(one=numbers, other=numbers, at_once=st.sampled_from([1, 5, 100]), block=st.sampled_from([3, 1000]))
def test_rows_with_the_same_number_in_any_column_are_one_part(one, other, at_once, block, tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linked_rows, "BLOCK", block)
        linked = LinkedRows(ROWS)
        # Large numbers fall into ranges of their own.
        for values, kind, factor in ((one, np.uint64, 2**60), (other, np.uint32, 2**28), (one, np.uint8, 1)):
            made = Column(folder)
            made.append(np.array([value * factor for value in values], kind))
            first = linked.link_equal(made, at_once)
            made.close()
            assert [row for row in range(ROWS) if not first[row]] == [
                row for row in range(ROWS) if values[row] and values[row] in values[:row]
            ]
        parts = parts_of(linked)
    assert {frozenset(part) for part in parts} == groups_of(pairs_of(one) + pairs_of(other))


@settings(max_examples=40, deadline=None)
@given(values=numbers, sketches=numbers, tested=st.sampled_from([1, 3, 32]))
def test_few_rows_with_one_number_are_linked_only_where_their_sketches_are_alike(
    values, sketches, tested, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("columns")
    band, sketched = Column(folder), Column(folder)
    band.append(np.array(values, np.uint32))
    sketched.append(np.array(sketches, np.uint64).reshape(-1, 1).repeat(2, axis=1))
    among = np.arange(ROWS) % 5 > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linked_rows, "TESTED", tested)
        linked = LinkedRows(ROWS)
        linked.link_similar(band, 7, among, Near(MinHashConfig()), sketched)
        parts = parts_of(linked)
    band.close()
    sketched.close()

    def alike(one, other):
        sharing = sum(value == values[one] and among[row] for row, value in enumerate(values))
        near = abs(sketches[one] - sketches[other]) <= 1 or sharing > tested
        return among[one] and among[other] and near

    assert {frozenset(part) for part in parts} == groups_of(pairs_of(values, alike))


def test_parts_hold_whole_groups_up_to_their_size(column):
    linked = LinkedRows(ROWS)
    linked.link_equal(column([1, 2, 1, 2, 3, 3, 3, 3, 4, 4] + [0] * 14, np.uint32), 100)
    assert parts_of(linked, also=(20, 4), size=4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 20]]
    assert parts_of(linked, size=2) == [[0, 2], [1, 3], [4, 5, 6, 7], [8, 9]]
    assert parts_of(LinkedRows(ROWS)) == []
