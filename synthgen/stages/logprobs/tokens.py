"""The student's tokenizer, as the stage that trains it will have it, and its joiner."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from synthgen.core.artefacts import Inputs
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.dispatch.contract import Session
from synthgen.stages.logprobs.asking import Asking
from synthgen.stages.logprobs.join import Joiner
from synthgen.stages.logprobs.options import ALL, Config
from synthgen.stages.logprobs.own_reply import ReplyJoiner
from synthgen.store.token_logprobs import Told
from synthgen.training.student import INSTALL
from synthgen.training.thinking import require_tags
from synthgen.training.tokenizer_options import TOKENIZER, as_student, tokens_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def asking_of(config: Config, inputs: Inputs, session: Session) -> tuple[Asking, Told]:
    """What is asked about rows, and what is told of each token.

    Raises:
        ConfigError: transformers is not installed, or the tokenizer cannot be loaded.
        StageFailed: the stage whose tokenizer it is has not run.
    """
    if importlib.util.find_spec("transformers") is None:
        raise ConfigError("logprobs needs transformers, which is not installed", next=INSTALL)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
    from synthgen.training.student import loading

    trained = next(iter(inputs.get(TOKENIZER, ())), None)
    if config.tokenizer.stage is not None and trained is None:
        raise StageFailed(
            f"the tokenizer is that of {config.tokenizer.stage}, which has not run",
            next=f"run it first: synthgen run PIPELINE --until {config.tokenizer.stage}",
        )
    folder = str(config.tokenizer.model) if trained is None else str(trained.file)
    options = as_student(config.tokenizer, folder)
    with loading(config.tokenizer.stage or folder):
        tokenizer, _ = open_tokenizer(options)
        ends = end_ids_of(options, tokenizer, local_only=False)
    if config.completion == "think_tags":
        require_tags(tokenizer)
    told = told_by(tokenizer, config.top_logprobs)
    address = session.config.base_url or session.config.provider
    server = f"{session.config.model} at {address if isinstance(address, str) else ', '.join(address)}"
    of_reply = ReplyJoiner(tokenizer, told, ends) if config.from_reply else None
    return Asking(config, tokenizer, ends, Joiner(tokenizer, told), server, of_reply, session.stored), told


def told_by(tokenizer: PreTrainedTokenizerBase, top: int) -> Told:
    """What is told of each token; as many tokens as the vocabulary has, or more, are the whole of it."""
    tokens = max(tokenizer.get_vocab().values()) + 1
    whole = top == ALL or top >= tokens
    return Told(tokens, None if whole else top, tokens_hash(tokenizer))
