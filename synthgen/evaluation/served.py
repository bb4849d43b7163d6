"""Students and bases that a server answers for: through the dispatch, so once, limited, and from the ledger.

The prompt is the one that transformers would be given: token ids, made here by the student's own template.
Also the same are the end tokens, the limit of tokens and the reading of a reply. What a reply is filed under
holds the digest of the weights, so that a student that was trained again is asked again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.chat import Reply, Request, Sample
from synthgen.core.errors import ConfigError, StageFailed, TeacherFailed, first_line
from synthgen.core.rows import Row
from synthgen.dispatch.contract import Conversation, Rendered, Session, Sessions
from synthgen.evaluation.asking import Account, Failure, Tally
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.generation import ChatTurns, GeneratedReply, end_tokens, opened_thinking
from synthgen.evaluation.local import Local, prompts_of, told_by
from synthgen.evaluation.teacher import Drawn
from synthgen.evaluation.through import OWN_SETTINGS, Through
from synthgen.training.answer_turn import student_lead, without_lead
from synthgen.training.architecture import Source, read_config, stored_dtype
from synthgen.training.completions import END_OF_THINKING, question_prefix
from synthgen.training.encoding import end_texts
from synthgen.training.prompting import student_prompt
from synthgen.training.templates import fix_template, prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LABEL = "evaluate"
NO_IDS = "if the server takes no token ids, say through: {prompt: chat}"
PLAIN = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "return_token_ids": True}
"""What vLLM would else take from a checkpoint's own sampling options; and replies as token ids.

A text leaves out the bytes of a character that was cut, so that it is not all that the model has said.
"""


class OwnTemplate:
    """How a model is asked and where its replies end, known without its weights.

    Args:
        local: the model.

    Raises:
        ConfigError: transformers is not installed.
        StageFailed: the checkpoint's files cannot be read, or there is no chat template.
    """

    def __init__(self, local: Local) -> None:
        try:
            from transformers import AutoTokenizer, GenerationConfig
        except ImportError as fault:
            raise ConfigError(
                f"a student's prompt needs packages that are not installed ({fault.name or fault})",
                next="pip install 'synthgen-pipeline[train]'",
            ) from fault
        same = local.tokenizer == local.path
        model, read = (
            Source(name, revision, local.trusted, Path(name).is_dir())
            for name, revision in (
                (local.path, local.revision),
                (local.tokenizer, local.revision if same else None),
            )
        )
        try:
            self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                read.name, **read.arguments()
            )
            config = read_config(model)
            try:
                settings = GenerationConfig.from_pretrained(local.path, revision=local.revision)
            except OSError:  # there is none beside the weights
                settings = config.get_text_config()
        except Exception as fault:  # a damaged file raises anything that the reader of its format raises
            first = first_line(fault)
            raise StageFailed(f"the model's files cannot be read: {first}", local.path) from fault
        if not getattr(self.tokenizer, "chat_template", None):
            raise StageFailed("the model's tokenizer has no chat template", local.tokenizer)
        fix_template(self.tokenizer)
        text = config.get_text_config()
        self.ends = end_tokens(self.tokenizer, settings)
        self.window = int(getattr(text, "max_position_embeddings", 0) or 0)
        self.known_tokens = int(text.vocab_size)
        self.dtype = str(stored_dtype(config, local.path)).removeprefix("torch.")
        texts = end_texts(self.tokenizer, self.ends)
        self._lead = student_lead(self.tokenizer, texts) if local.role == "student" else ""
        self._end_texts = texts

    def encode(self, conversation: ChatTurns) -> list[int]:
        """The token ids of a prompt, up to where the model's turn begins.

        Raises:
            TemplateRefused: the chat template raised.
        """
        return prompt_ids(self.tokenizer, conversation)

    def said(self, text: str, tokens: Sequence[int] | None) -> str:
        """A reply as transformers would give it: without its end, and what a template writes first.

        Args:
            text: as the server has it.
            tokens: its ids, where the server tells them; the text is then made of them.

        Raises:
            StageFailed: the ids are none of the model's, or there are none beside a text.
        """
        if tokens is not None:
            strange = next((token for token in tokens if not 0 <= token < self.known_tokens), None)
            if strange is not None or (text and not tokens):
                raise StageFailed(
                    f"a server's reply has token {strange:,}, and the model has {self.known_tokens:,}"
                    if strange is not None
                    else "a server's reply has a text and no token ids",
                    next="it does not serve this model: see through: {base_url: …, served_as: …}",
                )
            end = next((at for at, token in enumerate(tokens) if token in self.ends), len(tokens))
            kept = without_lead(self.tokenizer, list(tokens[:end]), self._lead)
            return str(self.tokenizer.decode(kept, skip_special_tokens=True))
        for end_text in self._end_texts:
            text = text.removesuffix(end_text)
        return text.removeprefix(self._lead)


@dataclass(frozen=True)
class ServedAnswers:
    """A model with its answers, the account of what was asked, and a word on prompts that were not ours."""

    model: ModelAnswers
    account: Account
    remark: str = ""


def served_answers(
    local: Local,
    rows: Sequence[Row],
    drawn: Drawn,
    max_new_tokens: int,
    through: Through,
    sessions: Sessions,
    *,
    stage: str,
    again: int = 1,
) -> ServedAnswers:
    """A model's answers to all rows, from the ledger or its server, which is stopped at the end.

    Args:
        local: the model.
        rows: the questions.
        drawn: one answer at temperature 0, or several.
        max_new_tokens: that an answer may have.
        through: which server.
        sessions: of the run.
        stage: the name that progress is shown under.
        again: 2 asks afresh what was asked before; see `core.chat.Request.draw`.

    Returns:
        The model, its draws where there are several, and the account.

    Raises:
        ConfigError: transformers is not installed, the model has no address, or a base lacks tokens.
        StageFailed: files cannot be read, the server refuses a question or reads other prompts.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    template = OwnTemplate(local)
    asked, prompts, refused = prompts_of(template, local, rows)
    replies = {number: GeneratedReply(words, "template", 0) for number, words in refused.items()}
    room = template.window - max_new_tokens if template.window else None
    fits = [place for place, prompt in enumerate(prompts) if room is None or len(prompt) <= room]
    replies |= {
        asked[place]: GeneratedReply("", "prompt_too_long", 0) for place in set(range(len(asked))) - set(fits)
    }
    _require_tokens(local, template, [prompts[place] for place in fits])
    session = sessions.open_own(local.name, _config(local, template, through, drawn))
    sampling = _sampling(template, drawn, max_new_tokens, through.prompt)

    def conversations() -> Iterator[Conversation[tuple[Sample, ...]]]:
        for place in fits:
            turns = tuple(student_prompt(rows[asked[place]], question_prefix(local.completion)))
            what: dict[str, Any] = (
                {"tokens": tuple(prompts[place])} if through.prompt == "tokens" else {"messages": turns}
            )
            yield partial(
                _ask,
                Request(**what, sampling=dict(sampling), n=drawn.samples, label=LABEL, draw=again),
            )

    try:
        if fits:
            session.fetch(conversations(), total=len(fits), stage=f"{stage} {local.name}")
    except TeacherFailed as fault:
        raise _advised(fault, through) from fault
    finally:
        sessions.stop_servers()  # one model after the other, on one GPU
    tally = Tally()
    draws: list[dict[int, GeneratedReply]] = [dict(replies) for _ in range(drawn.samples)]
    opened = opened_thinking(template.tokenizer, prompts[0])
    read = partial(_read, template, local, opened if through.prompt == "tokens" else "")
    counts: list[tuple[int, int]] = []
    for place, rendered in zip(fits, session.render(conversations()), strict=True):
        samples = _samples(tally, rendered, local, session, drawn.samples)
        if counted := int(session.account([samples[0].key]).get("prompt_tokens") or 0):
            counts.append((counted, len(prompts[place])))
        for draw, sample in zip(draws, samples, strict=True):
            draw[asked[place]] = read(sample)
    account = tally.account(session)
    told = [told_by(local, rows, [draw[number] for number in range(len(rows))]) for draw in draws]
    if drawn.samples > 1:
        told[0].draws = [one.answers for one in told]
    return ServedAnswers(told[0], account, _other_prompts(local, through, counts, session))


def _advised(fault: TeacherFailed, through: Through) -> TeacherFailed:
    """A refusal of the first requests, with what helps a server that takes no token ids."""
    if through.base_url is None or through.prompt == "chat":
        return fault
    first = fault.faults[0]
    return TeacherFailed(first.what, first.where, f"{NO_IDS}; {first.next}")


def _ask(request: Request) -> Generator[Request, Reply, tuple[Sample, ...]]:
    reply = yield request
    return reply.samples


def _config(local: Local, template: OwnTemplate, through: Through, drawn: Drawn) -> Any:
    """How the model is reached; what its replies are filed under names its weights, wherever it is."""
    if through.base_url is not None:
        reached = through.reached(local.name, local.digest)
    else:
        arguments: dict[str, Any] = {OWN_SETTINGS: "vllm", "dtype": template.dtype}
        if local.tokenizer != local.path:
            arguments["tokenizer"] = local.tokenizer
        if local.trusted:
            arguments["trust-remote-code"] = True
        reached = through.started(local.path, local.revision, arguments)
    # vLLM refuses several samples of one request where this says 0.
    return reached.model_copy(
        update={"sampling": reached.sampling.model_copy(update={"temperature": drawn.temperature})}
    )


def _sampling(template: OwnTemplate, drawn: Drawn, max_new_tokens: int, prompt: str) -> dict[str, Any]:
    plain: dict[str, Any] = {"temperature": drawn.temperature, "max_tokens": max_new_tokens}
    if drawn.temperature:
        plain["top_p"] = drawn.top_p
    if prompt == "chat":
        return plain
    return {**plain, **PLAIN, "stop_token_ids": sorted(template.ends)}


def _require_tokens(local: Local, template: OwnTemplate, prompts: Sequence[Sequence[int]]) -> None:
    highest = max((max(prompt, default=0) for prompt in prompts), default=0)
    if highest >= template.known_tokens:
        raise ConfigError(
            f"{local.name}: its student's tokenizer has tokens that it does not know ({highest:,} of "
            f"{template.known_tokens:,}), which no server makes room for",
            local.path,
            "leave it out of `models`, or ask all in this process: through: transformers",
        )


def _samples(
    tally: Tally, rendered: Rendered[tuple[Sample, ...]], local: Local, session: Session, wanted: int
) -> tuple[Sample, ...]:
    """A question's samples.

    Raises:
        StageFailed: there is no reply: it would count as a wrong answer of a model that was not asked.
    """
    failure = tally.add(rendered) or Failure("failed")
    if rendered.result is not None:
        if len(rendered.result) == wanted:
            return rendered.result
        failure = Failure("too_few_samples")
    address = session.config.base_url or session.config.provider
    told = f": {failure.words}" if failure.words else ""
    raise StageFailed(
        f"{local.name} gave no answer to a question ({failure.reason}{told})",
        str(address),
        "see that the server holds this model, and a prompt with its answer (max-model-len); then run again "
        "with --retry-failed: replies are kept",
    )


def _read(template: OwnTemplate, local: Local, opened: str, sample: Sample) -> GeneratedReply:
    text = template.said(sample.whole or sample.text, sample.tokens)
    if text and (local.role != "student" or END_OF_THINKING in text):
        text = opened + text
    # One that was cut off by anything else did not end by itself either.
    return GeneratedReply(text, "stop" if sample.finish_reason == "stop" else "length", 0)


def _other_prompts(
    local: Local, through: Through, counts: Sequence[tuple[int, int]], session: Session
) -> str:
    """What to say where the server counts other tokens in the prompts than were made here; "" for nothing.

    Args:
        local: the model.
        through: its server.
        counts: tokens of each prompt, by the server and as made here; without replies that tell no usage.
        session: with the server.

    Raises:
        StageFailed: the prompts were sent as token ids, and it has read others.
    """
    others = [(counted, expected) for counted, expected in counts if counted != expected]
    if not others:
        return ""
    counted, expected = others[0]
    what = (
        f"{local.name}: its server counts other tokens in {len(others):,} of {len(counts):,} prompts than "
        f"the student's own template makes ({counted:,} and not {expected:,} in the first)"
    )
    if through.prompt == "tokens":
        raise StageFailed(
            f"{what}: it has not read the token ids as they were sent",
            str(session.config.base_url or session.config.provider),
            "serve it by vLLM, or say through: {prompt: chat} and compare with care",
        )
    return f"{what}: it is asked otherwise than it was trained"
