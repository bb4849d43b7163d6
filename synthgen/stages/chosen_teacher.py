"""The teacher that a stage's options choose: one that is loaded, or what one was asked before."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import ConfigError
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.training.local_teacher import LocalTeacher, local_teacher
from synthgen.training.start import LOGPROBS
from synthgen.training.teacher_options import LocalTeacherOptions


def asked_teacher(asked: Artefact, option: str) -> TokenLogprobs:
    """What a teacher told a `logprobs` stage.

    Args:
        asked: what that stage published.
        option: that names it, as it is written.

    Raises:
        ConfigError: it is a stage of another kind, which is seen late where it is of another run.
    """
    if asked.stage_kind != LOGPROBS:
        raise ConfigError(f"{asked.name} is a {asked.stage_kind} stage", option, "name a logprobs stage")
    return TokenLogprobs(asked.folder)


def loaded_teacher(
    options: LocalTeacherOptions, taught_by: Sequence[Artefact], seed: int = 0
) -> LocalTeacher:
    """A teacher whose weights are at hand.

    Args:
        options: which one.
        taught_by: the stage that they name, if they name one.
        seed: makes the first weights of one from scratch.
    """
    folder = str(taught_by[0].file.absolute()) if taught_by else None
    return local_teacher(options, folder, seed=seed)
