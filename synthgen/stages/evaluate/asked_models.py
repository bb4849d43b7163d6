"""Which models an evaluation asks, and how those are reached that a server answers for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.errors import ConfigError, Fault, Interrupted
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row
from synthgen.evaluation.asking import Account, fetch
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.generation import Decoding
from synthgen.evaluation.grading import Grading, grade_replies
from synthgen.evaluation.local import Local, answers_of
from synthgen.evaluation.metrics.contract import Metric, judging
from synthgen.evaluation.noise import ALONE, AskedAgain, other_batch_size, spread
from synthgen.evaluation.teacher import TeacherAnswers, conversations_with_teacher, teacher_answers
from synthgen.stages.contract import Context
from synthgen.stages.evaluate.options import Config, drawn_by, judge_of, judging_choices

if TYPE_CHECKING:
    from synthgen.evaluation.served import ServedAnswers

MODELS = ("students", "named")
"""The needs that hold models."""


def faults(config: Config) -> list[Fault]:
    """No vLLM where students are to answer through it."""
    return config.through.faults() if config.through is not None else []


def students_in(inputs: Inputs) -> tuple[Artefact, ...]:
    """The artefacts of all models that are asked or named, each once."""
    found = {artefact.folder: artefact for need in MODELS for artefact in inputs.get(need, ())}
    return tuple(found.values())


def require_addresses(locals_: Sequence[Local], panel: Sequence[Local], config: Config) -> None:
    """Raises ConfigError where a model has no address, or an address no model, before anybody is asked.

    Args:
        locals_: who answers the test rows.
        panel: who answers the panel; who has no address does so in this process.
        config: with the addresses.
    """
    if config.through is None or config.through.base_url is None:
        return
    for local in locals_:
        config.through.reached(local.name, local.digest)
    names = dict.fromkeys(local.name for local in (*locals_, *panel))
    if strangers := config.through.strangers(names):
        raise ConfigError(
            f"{', '.join(strangers)}: no model that is asked has this name",
            "evaluate: {through: …}",
            f"they are called {', '.join(names)}",
        )


def require_students(students: Sequence[Artefact], config: Config) -> None:
    """Raises ConfigError where students or bases are to be asked, and there is none."""
    if students:
        return
    if any(name in ("student", "students") for name in config.models):
        raise ConfigError(
            "there is no student to evaluate",
            next="put an sft stage before evaluate, or leave students out of `models`",
        )
    if "base" in config.models:
        raise ConfigError(
            "a base is what a student was trained from, and there is no student",
            next="put an sft stage before evaluate, or leave base out of `models`",
        )


def ask_teacher(rows: Sequence[Row], config: Config, context: Context) -> TeacherAnswers:
    """The teacher's answers; what the ledger lacks is asked for."""
    session, drawn = context.sessions.open(config.teacher), drawn_by(config)
    fetch(
        session,
        conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn),
        total=len(rows),
        stage=context.stage_id,
        accept_partial=context.accept_partial,
    )
    conversations = conversations_with_teacher(rows, config.max_new_tokens, session.config, drawn)
    return teacher_answers(session, conversations, drawn.samples)


def ask_local(local: Local, rows: Sequence[Row], config: Config, context: Context) -> ModelAnswers:
    """A model's answers in this process, with all their draws."""
    drawn, found = drawn_by(config), []
    for draw in range(drawn.samples):
        decoding = Decoding(
            config.max_new_tokens, config.batch_size, config.threads, drawn.temperature, drawn.top_p, draw
        )
        shown = f" draw {draw + 1} of {drawn.samples}" if drawn.samples > 1 else ""
        found.append(logged_answers(local, rows, decoding, context, f"{draw}", shown))
    if drawn.samples > 1:
        found[0].draws = [one.answers for one in found]
    return found[0]


def logged_answers(
    local: Local, rows: Sequence[Row], decoding: Decoding, context: Context, log: str, shown: str
) -> ModelAnswers:
    """A model's answers in this process, kept in a log of that name while they are made."""
    file = context.work / f"{value_hash([local.name, local.digest])}.{log}.jsonl"
    with context.reporter.stage(f"{context.stage_id} {local.name}{shown}", total=len(rows)) as progress:

        def each(done: int, tokens: int) -> None:
            progress.update(done=done, tokens=tokens)
            if signal_number := context.stopping():
                raise Interrupted(signal_number)

        return answers_of(local, rows, decoding, file, each)


def ask_general(
    local: Local, rows: Sequence[Row], max_new_tokens: int, config: Config, context: Context
) -> tuple[ModelAnswers, Account | None]:
    """A model's greedy answers to questions of no data set, from where it answers the test rows.

    One that the server does not have (a base that `models` leaves out) is asked in this process.
    """
    plain = config.model_copy(update={"decoding": "greedy", "max_new_tokens": max_new_tokens})
    if config.through is not None:
        try:
            served = ask_served(local, rows, plain, context)
            return served.model, served.account
        except ConfigError as fault:
            context.reporter.say(f"panel: {fault.faults[0].what}: it is asked in this process")
    decoding = Decoding(max_new_tokens, config.batch_size, config.threads)
    return logged_answers(local, rows, decoding, context, "panel", " panel"), None


def ask_again(local: Local, rows: Sequence[Row], config: Config, context: Context) -> AskedAgain:
    """Some of a model's answers once more: in batches of another size, with other seeds, or asked afresh."""
    places, drawn = spread(len(rows), config.noise_floor), drawn_by(config)
    chosen = [rows[place] for place in places]
    if config.through is not None:
        afresh = ask_served(local, chosen, config, context, again=2)
        return AskedAgain(places, afresh.model, "afresh", afresh.account)
    size = config.batch_size
    how = "with other seeds"
    if config.decoding == "greedy":
        size = other_batch_size(size)
        how = "one by one" if size == ALONE else f"{size} at a time"
    found = []
    for draw in range(drawn.samples, 2 * drawn.samples):
        decoding = Decoding(config.max_new_tokens, size, config.threads, drawn.temperature, drawn.top_p, draw)
        found.append(logged_answers(local, chosen, decoding, context, f"again{draw}", " again"))
    if drawn.samples > 1:
        found[0].draws = [one.answers for one in found]
    return AskedAgain(places, found[0], how)


def ask_served(
    local: Local, rows: Sequence[Row], config: Config, context: Context, again: int = 1
) -> ServedAnswers:
    """A model's answers through its server; see `evaluation.served.served_answers`."""
    from synthgen.evaluation.served import served_answers

    assert config.through is not None
    context.sessions.stop_servers()  # the teacher's would leave no room on the GPU
    return served_answers(
        local,
        rows,
        drawn_by(config),
        config.max_new_tokens,
        config.through,
        context.sessions,
        stage=context.stage_id,
        again=again,
    )


def grade(
    metrics: Mapping[str, Metric],
    models: Sequence[ModelAnswers],
    rows: Sequence[Row],
    config: Config,
    context: Context,
) -> list[Grading]:
    """The grades of all metrics that ask a judge, in their order."""
    judges = {choice.name: judge_of(choice) for choice in judging_choices(config)}
    return [
        grade_replies(
            context.sessions.open(judges[name]),
            name,
            metric,
            models,
            rows,
            stage=context.stage_id,
            accept_partial=context.accept_partial,
        )
        for name, metric in judging(metrics).items()
    ]
