"""A set of numbers in little memory behaves as Python's own does."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.number_set import NumberSet

NUMBERS = st.one_of(
    st.integers(0, 2**64 - 1), st.integers(0, 40), st.integers(0, 40).map(lambda high: high << 58)
)


@given(st.lists(NUMBERS, max_size=400))
def test_it_holds_what_a_set_holds(numbers):
    ours, theirs = NumberSet(), set()
    for number in numbers:
        assert (number in ours) == (number in theirs)
        assert ours.add(number) == (number not in theirs)
        theirs.add(number)
        assert len(ours) == len(theirs)
    assert all(number in ours for number in theirs)
    assert not any(number ^ 1 << 63 in ours for number in theirs if number ^ 1 << 63 not in theirs)


def test_numbers_that_differ_in_a_few_bits_alone_stay_quick_to_find():
    """Each look at an entry is counted: ids that follow one another must not lie in one heap."""
    for shift in (0, 16, 32, 44):
        ours = NumberSet()
        for number in range(1, 20_001):
            ours.add(number << shift)
        looks = 0
        for table in ours._tables:
            runs = "".join("x" if number else " " for number in table).split()
            looks += sum(len(run) ** 2 for run in runs)
        assert looks < 20_000 * 60, shift


def test_it_takes_a_quarter_of_what_a_set_takes():
    tracemalloc.start()
    ours = NumberSet()
    for number in range(100_000):
        ours.add(number * 0x9E3779B97F4A7C15 % 2**64)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 100_000 * 24
