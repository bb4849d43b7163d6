"""A report that is shown again whenever it has changed, as long as somebody is at work."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 2.0
"""Between two looks."""


def watch(render: Callable[[], str], at_work: Callable[[], bool], show: Callable[[str], None]) -> None:
    """Shows a report until nobody is at work any more; at least once, and its last state in any case.

    Args:
        render: the report as it is now.
        at_work: whether it may still change.
        show: puts it in the place of the one before.
    """
    shown = None
    while True:
        going_on = at_work()
        text = render()
        if text != shown:
            show(text)
            shown = text
        if not going_on:
            return
        time.sleep(SECONDS)
