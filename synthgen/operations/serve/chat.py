"""The same words to base, student and teacher, and their answers side by side.

Each has a conversation of its own. The teacher is asked through the ledger at temperature 0, so that what was
asked before is not paid for again, and the run's budget holds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from synthgen.core.chat import Reply, Request
from synthgen.core.errors import ConfigError, InputError, SynthgenError
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.local import Local
from synthgen.evaluation.teacher import LABEL
from synthgen.operations.serve.columns import side_by_side
from synthgen.operations.serve.models import asked_turns, find_model, last_evaluation, models_of, pipeline_of
from synthgen.stages.asking.preview import why_failed
from synthgen.training.templates import TemplateRefused

if TYPE_CHECKING:
    from synthgen.dispatch.contract import Session

TEACHER = "teacher"
MOST_TOKENS = 256
"""Of an answer, where no evaluation says."""
FORGET, LEAVE = "/new", "/quit"

Turns = list[dict[str, str]]


class Speaker(Protocol):
    """Someone who answers a conversation."""

    name: str

    def say(self, turns: Turns) -> str:
        """The answer to the last turn; a SynthgenError where there is none."""
        ...


class LocalSpeaker:
    """A model of the run, loaded when it is first asked."""

    def __init__(self, local: Local, max_tokens: int, threads: int | None) -> None:
        from synthgen.evaluation.generation import LocalModel

        self.name, self._completion = local.name, local.completion
        self._max_tokens, self._threads = max_tokens, threads
        self._model = LocalModel(
            local.path,
            tokenizer=local.tokenizer,
            revision=local.revision,
            trained=local.role == "student",
            trust_remote_code=local.trusted,
        )

    def say(self, turns: Turns) -> str:
        """See `Speaker`."""
        from synthgen.evaluation.generation import Decoding

        try:
            prompt = self._model.encode(asked_turns(turns, self._completion))
        except TemplateRefused as fault:
            raise InputError(f"the chat template refuses this: {fault.words}") from fault
        room = self._model.window - len(prompt) if self._model.window else self._max_tokens
        if room < 1:
            raise InputError(f"the conversation is longer than the model's window; {FORGET} begins another")
        decoding = Decoding(min(room, self._max_tokens), 1, self._threads)
        ((_, (reply,)),) = self._model.answer([prompt], decoding)
        return reply.text + (" (cut)" if reply.ending == "length" else "")


class TeacherSpeaker:
    """The pipeline's teacher, asked through the ledger."""

    name = TEACHER

    def __init__(self, session: Session, max_tokens: int) -> None:
        self._session, self._max_tokens = session, max_tokens

    def say(self, turns: Turns) -> str:
        """See `Speaker`."""
        most = max(self._max_tokens, self._session.config.sampling.max_tokens or 0)
        asked = [partial(_ask, tuple(turns), most)]
        self._session.fetch(asked, total=1, stage="chat")
        (rendered,) = self._session.render(asked)
        if rendered.state != "answered" or rendered.result is None:
            raise InputError(why_failed(rendered) or "the request was not sent")
        return rendered.result


def _ask(turns: Sequence[dict[str, str]], most: int) -> Generator[Request, Reply, str]:
    sampling = {"temperature": 0, "max_tokens": most}
    reply = yield Request(messages=tuple(turns), sampling=sampling, label=LABEL)
    return reply.samples[0].text


def chat(
    run_dir: Path,
    names: Sequence[str],
    words: Iterable[str],
    show: Callable[[str], None],
    *,
    ledger: Path,
    system: str | None = None,
    columns: int = 80,
    max_tokens: int | None = None,
    threads: int | None = None,
    echo: bool = False,
) -> None:
    """Asks each of the models what comes in, until there is no more.

    Args:
        run_dir: the run's folder.
        names: the models, as `models_of` has them, and teacher; base, the best student and the teacher where
            left out.
        words: what is said, a turn each; /new begins another conversation, /quit ends.
        show: writes the answers.
        ledger: the folder of the ledger.
        system: a system turn; that of evaluate where left out.
        columns: of the terminal.
        max_tokens: of an answer; as many as evaluate lets it have where left out.
        threads: of the CPU.
        echo: whether what was said stands above its answers, where nobody sees it typed.

    Raises:
        InputError: there is no such model.
        ConfigError: the run's pipeline has no teacher, and one was named.
        StageFailed: a model cannot be loaded.
    """
    pipeline = pipeline_of(run_dir)
    evaluation = last_evaluation(pipeline)
    system = system if system is not None else getattr(evaluation, "system", None)
    most = max_tokens or int(getattr(evaluation, "max_new_tokens", MOST_TOKENS))
    teacher = str(getattr(evaluation, "teacher", ""))
    there = pipeline is not None and teacher in pipeline.teachers
    chosen = list(names) or _usual(run_dir, there)
    if TEACHER in chosen and not there:
        raise ConfigError("the run's pipeline has no teacher", str(run_dir), f"leave {TEACHER} out")
    beside = (TEACHER,) if there else ()
    found = [find_model(run_dir, name, beside) for name in chosen if name != TEACHER]
    speakers: list[Speaker] = [LocalSpeaker(local, most, threads) for local in found]
    if TEACHER not in chosen or pipeline is None:
        return _talk(speakers, words, show, system, columns, echo)
    sessions = open_sessions(
        pipeline.teachers,
        ledger_dir=ledger,
        run=run_dir.name,
        budget=pipeline.budget,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
    )
    with sessions:
        speakers.append(TeacherSpeaker(sessions.open(teacher), most))
        _talk(speakers, words, show, system, columns, echo)


def _talk(
    speakers: Sequence[Speaker],
    words: Iterable[str],
    show: Callable[[str], None],
    system: str | None,
    columns: int,
    echo: bool,
) -> None:
    opening: Turns = [{"role": "system", "content": system}] if system else []
    talks: list[Turns] = [list(opening) for _ in speakers]
    for said in words:
        said = said.strip()
        if said == LEAVE:
            return
        if said.startswith("/") and said != FORGET:
            show(f"{said.split()[0]} is no command: {FORGET} begins another conversation, {LEAVE} ends")
        elif said == FORGET:
            talks = [list(opening) for _ in speakers]
        elif said:
            answers = []
            for speaker, turns in zip(speakers, talks, strict=True):
                turns.append({"role": "user", "content": said})
                try:
                    answers.append(speaker.say(turns))
                    turns.append({"role": "assistant", "content": answers[-1]})
                except SynthgenError as fault:
                    turns.pop()
                    answers.append(f"(no answer: {fault.faults[0].what})")
            if echo:
                show(f"> {said}")
            show(side_by_side([speaker.name for speaker in speakers], answers, columns))


def _usual(run_dir: Path, teacher: bool) -> list[str]:
    student = find_model(run_dir)
    base = next((name for name, local in models_of(run_dir).items() if local.role == "base"), None)
    own = student.base or base
    return [*([own] if own else []), student.name, *([TEACHER] if teacher else [])]
