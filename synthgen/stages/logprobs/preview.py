"""A preview of logprobs: what a few rows are as tokens, and how likely the teacher holds each of them."""

from __future__ import annotations

from functools import partial
from itertools import islice

import numpy as np

from synthgen.core.artefacts import Inputs
from synthgen.core.rows import Rejected
from synthgen.stages.asking.preview import Preview, answers, why_failed
from synthgen.stages.asking.work import input_rows
from synthgen.stages.asking.writer import rejected_row
from synthgen.stages.contract import Context
from synthgen.stages.logprobs.asking import Asking, ToldRow
from synthgen.stages.logprobs.join import learned_places
from synthgen.stages.logprobs.options import Config
from synthgen.stages.logprobs.tokens import asking_of
from synthgen.store.token_logprobs import Distributions
from synthgen.training.encoding import Encoded

SHOWN = 12  # learned tokens of a text
OTHERS = 3  # likeliest tokens of each


def preview(inputs: Inputs, config: Config, context: Context, n: int, ask: bool = True) -> list[Preview]:
    """The first n rows as tokens, with what the teacher says of them.

    Args:
        inputs: the stage's rows, and the student whose tokenizer it takes.
        config: the stage's options.
        context: the run.
        n: how many rows.
        ask: whether the teacher is asked where the ledger has no reply.

    Returns:
        One preview for each row that has an answer or needs none, in order.
    """
    session = context.sessions.open(config.teacher)
    asking, _ = asking_of(config, inputs, session)
    rows = list(input_rows([artefact.file for artefact in inputs["rows"]], n))
    conversations = [partial(asking.ask, row) for row in rows]
    previews = []
    for number, log, rendered in answers(session, conversations, f"preview {context.stage_id}", ask):
        shown = Preview(rows[number], log, keys=rendered.keys, teacher=config.teacher)
        if rendered.state != "answered":
            shown.failed = why_failed(rendered)
        for item in rendered.result or ():
            if isinstance(item, Rejected):
                item = rejected_row(item, item.row, context.stage_id)
            elif isinstance(item, ToldRow):
                shown.note = "\n".join(_lines(asking, *text) for text in item.texts)
            shown.rows.append(item)
        previews.append(shown)
    return previews


def _lines(asking: Asking, sequence: Encoded, found: Distributions) -> str:
    """A text as the student learns it: each of its first learned tokens beside the teacher's likeliest."""
    decode = asking.tokenizer.decode
    places = learned_places(sequence)
    lines = [f"{len(sequence.input_ids):,} tokens, {len(places):,} learned; how likely, and the likeliest:"]
    for at, place in enumerate(islice(places, SHOWN)):
        chosen = np.argsort(-found.logprobs[at], kind="stable")[:OTHERS]
        ids = chosen if found.ids is None else found.ids[at][chosen]
        likeliest = ", ".join(
            f"{decode([int(number)])!r} {np.exp(found.logprobs[at][column]):.3f}"
            for number, column in zip(ids, chosen, strict=True)
        )
        lines.append(f"  {decode([sequence.input_ids[place]])!r} {np.exp(found.said[at]):.3f}  ({likeliest})")
    if len(places) > SHOWN:
        lines.append(f"  and {len(places) - SHOWN:,} more")
    return "\n".join(lines)
