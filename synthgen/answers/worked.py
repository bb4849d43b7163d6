r"""A worked solution as data sets hold it: its steps, and the final answer that it marks.

GSM8K ends a solution in `#### 42` and writes calculator marks into it (`<<48/2=24>>`); MATH puts the answer
into `\boxed{}`; others say that the answer is 42.
"""

from __future__ import annotations

import re

from synthgen.answers.extract import split_rationale
from synthgen.answers.values import find_boxes

_CALCULATOR = re.compile(r"<<[^<>\n]*>>")


def read_solution(text: str) -> tuple[str, str | None]:
    """The steps of a solution without calculator marks, and its final answer or None.

    Where the sentence with the answer's box is all the working there is, it is the steps, its box opened.
    A text that is nothing but an answer has no steps.
    """
    plain = _CALCULATOR.sub("", text)
    steps, answer = split_rationale(plain)
    if answer is None:
        return plain.strip(), None
    if not steps.strip() and _without_boxes(plain).strip(" $.\n") != answer:
        steps = plain if find_boxes(plain) else ""
    return _without_boxes(steps).strip(), answer


def _without_boxes(text: str) -> str:
    r"""A text with the content of each `\boxed{…}` in its place."""
    kept, done = "", 0
    for (start, inside), end in sorted(find_boxes(text).items()):
        if start >= done:
            kept, done = kept + text[done:start] + text[inside:end], end + 1
    return kept + text[done:]
