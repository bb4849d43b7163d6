"""Blocks of lines filtered in order, here or in worker processes; the result is always the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from synthgen.core.registry import Choice
from synthgen.filters.apply import RuleSet, build_rules
from synthgen.filters.block import Action, FilteredBlock, filter_block
from synthgen.store.blocks import Block
from synthgen.store.processes import in_order
from synthgen.store.reviews import Decision


def filter_blocks(
    choices: Sequence[Choice],
    stage: str,
    blocks: Iterable[tuple[Block, str]],
    workers: int,
    action: Action = "drop",
    values: bool = False,
    reviews: Mapping[str, Decision] | None = None,
) -> Iterator[FilteredBlock]:
    """What becomes of each block, in order; see `filter_block`.

    Args:
        choices: the stage's rules.
        stage: the stage's id, for the rejections.
        blocks: each block with the name of its file.
        workers: how many processes may work.
        action: what becomes of the rows that rules reject.
        values: also write down what every rule says of every row.
        reviews: what people decided, by row id.

    Returns:
        One result a block, with its kept lines filled in.

    Raises:
        StageFailed: a rule cannot check a row, or a worker died.
    """
    sent: deque[Block] = deque()

    def remember_sent() -> Iterator[tuple[Block, str]]:
        for block, source in blocks:
            sent.append(block)
            yield block, source

    target = "synthgen.filters.workers:BlockFilter"
    with closing(
        in_order(target, (tuple(choices), stage, action, values, reviews), remember_sent(), workers)
    ) as results:
        for filtered in results:
            filtered.fill(sent.popleft().data)
            yield filtered


class BlockFilter:
    """Rules that filter blocks; built in each process."""

    def __init__(
        self,
        choices: Sequence[Choice],
        stage: str,
        action: Action,
        values: bool,
        reviews: Mapping[str, Decision] | None = None,
    ) -> None:
        self._rules = RuleSet(build_rules(choices), stage, reviews)
        self._action: Action = action
        self._values = values

    def __call__(self, block_and_source: tuple[Block, str]) -> FilteredBlock:
        """What becomes of a block; kept lines may have to be filled in."""
        block, source = block_and_source
        return filter_block(self._rules, block.data, block.first_line, source, self._action, self._values)
