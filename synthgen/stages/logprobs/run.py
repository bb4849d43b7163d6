"""logprobs: ask a remote teacher how likely it holds each token.

A student can learn from a teacher behind an API as from one whose weights are at hand: by what it held likely
at each token. Each row is cut into tokens as the stage that trains will cut it: same completion,
`max_length`, tokenizer and chat template. The ids are sent to `/v1/completions` with `prompt_logprobs`, which
vLLM and servers like it answer. One request a row (a conversation may be several) is in the ledger like any
other. It costs the row's tokens as prompt, and one generated token. A text that comes twice is asked about
once.

Writes the rows that were kept, as they were, with `logprobs.index` and `logprobs.bin` beside them: for each
learned token, the `top_logprobs` likeliest tokens and how likely they are. `distill: {teacher: {logprobs:
<this stage>}}` trains from these, without the teacher. Texts are found by their tokens, so the rows may be
filtered, split or merged in between.

A reply is joined to the tokens by place, id and bytes. A row that does not fit is rejected as `misaligned`,
with the place and both tokens; where none of the first rows fits, the stage ends. Rows that could not be
trained on are rejected by the names that sft has for them (`truncated`, `no_end_token`, `missing_fields` …).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from synthgen.core.artefacts import Inputs
from synthgen.core.errors import ConfigError
from synthgen.core.rows import Row
from synthgen.stages.asking.row_work import RowWork
from synthgen.stages.asking.sending import Sending
from synthgen.stages.asking.work import AskSetup, outcome_of
from synthgen.stages.asking.writer import ItemWriter
from synthgen.stages.contract import Context, Need, Outcome, RowByRow, Stage
from synthgen.stages.logprobs.asking import ToldRow
from synthgen.stages.logprobs.options import Config, asked_in_vain, foresees
from synthgen.store.token_logprobs import DISTRIBUTIONS, INDEX, LogprobsWriter, Told
from synthgen.training.encoding import learned_tokens
from synthgen.training.tokenizer_options import TOKENIZER

if TYPE_CHECKING:
    from synthgen.stages.asking.preview import Preview


def needs(config: Config) -> dict[str, Need]:
    """What logprobs reads: rows, and the student whose tokenizer it takes."""
    needed = {"rows": Need("rows", part="train")}
    if config.tokenizer.stage is not None:
        needed[TOKENIZER] = Need("model", choose=(config.tokenizer.stage,), option=f"{TOKENIZER}.from")
    return needed


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes `rows.jsonl`, `rejected.jsonl`, `logprobs.index` and `logprobs.bin`.

    Args:
        inputs: the stage's rows, and the student whose tokenizer it takes.
        config: the stage's options.
        context: the run.
        out: the folder to write to.

    Returns:
        The account of rows and requests.

    Raises:
        ConfigError: this teacher cannot say how likely tokens are, or the tokenizer cannot be loaded.
        EmptyResult: no row was kept.
        StageFailed: the first replies do not fit the student's tokens.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    from synthgen.stages.logprobs.tokens import asking_of

    session = context.sessions.open(config.teacher)
    if faults := asked_in_vain(config, {config.teacher: session.config}):
        raise ConfigError.of(faults)
    asking, told = asking_of(config, inputs, session)
    with _ToldWriter(out, context.stage_id, told) as writer:
        setup = AskSetup(session, context, writer, Sending(), policies={})
        work = RowWork(asking, inputs["rows"], setup)
        work.run()
        outcome = outcome_of(work)
    outcome.files.update({INDEX: None, DISTRIBUTIONS: None})
    outcome.extra["stored"] = {
        "texts": writer.stored.texts,
        "tokens": writer.stored.tokens,
        "bytes": writer.stored.bytes,
    }
    size = _size(told, writer.stored)
    context.reporter.say(f"{context.stage_id}: {size}")
    outcome.table = f"{outcome.table}\n{size}"
    return outcome


def _size(told: Told, stored: LogprobsWriter) -> str:
    """How much was stored, as a line."""
    of = "the whole vocabulary" if told.top is None else f"the {told.top} likeliest tokens"
    return (
        f"{stored.tokens:,} learned tokens, {of} of each: {stored.bytes:,} bytes, "
        f"{told.record.itemsize:,} a token"
    )


def plan_preview(inputs: Inputs, config: Config, context: Context, n: int, ask: bool = True) -> list[Preview]:
    """The first n rows as tokens, with what the teacher says of them; nothing is published.

    Args:
        inputs: the stage's rows, and the student whose tokenizer it takes.
        config: the stage's options.
        context: the run.
        n: how many rows.
        ask: whether the teacher is asked where the ledger has no reply; replies go into the ledger.

    Returns:
        One preview for each row that has an answer, in order.
    """
    from synthgen.stages.logprobs.preview import preview

    return preview(inputs, config, context, n, ask)


class _ToldWriter(ItemWriter):
    """Rows as they were, and beside them what the teacher says of their tokens."""

    def __init__(self, out: Path, stage: str, told: Told) -> None:
        super().__init__(out, stage, None)
        self.stored = LogprobsWriter(out, told)

    def keep(self, row: Row, parents: Iterable[str] = ()) -> Row:
        """Writes a row, and what is told of it."""
        assert isinstance(row, ToldRow)
        for sequence, found in row.texts:
            self.stored.add(sequence.input_ids, learned_tokens(sequence), found)
        return super().keep(dict(row), parents)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stored.__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)


def _asks(config: Config) -> tuple[str, ...]:
    return (config.teacher,)


STAGE = Stage(
    config=Config,
    version=1,
    writes="rows",
    needs=needs,
    run=run,
    asks=_asks,
    bounds_replies=True,
    preview=plan_preview,
    asked_in_vain=asked_in_vain,
    foresees=foresees,
    graceful=True,
    sharding=RowByRow(headed=(INDEX,)),
    may_add_rows=False,
    see="With an example and figures: [distillation.md](distillation.md#a-teacher-behind-an-api).",
    example="- logprobs: {teacher: big, tokenizer: {model: models/qwen-0.5b}, top_logprobs: 20}",
)
