"""Which tokenizer cuts rows into tokens where no student is trained: a model's, or an earlier stage's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from synthgen.core.config import ModelName
from synthgen.core.hashing import value_hash
from synthgen.training.student_options import StudentOptions, with_from

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_Named: Any = with_from("the student of an earlier stage, <stage id>, or of another run, run:NAME:<stage id>")
TOKENIZER = "tokenizer"
"""The need of a stage that an earlier student meets, whose tokenizer it takes."""


class TokenizerOptions(_Named):  # type: ignore[misc]  # pydantic makes it
    """The tokenizer and chat template that the student will be trained with, as `student` has them."""

    model: Annotated[str | None, ModelName()] = Field(
        None, description="hub id or folder of the student, or of another model with its tokenizer"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub id")
    eos_token: str | None = Field(None, description="as in the options of the student")
    add_tokens: tuple[str, ...] = Field((), description="as in the options of the student")
    chat_template: str | None = Field(None, description="as in the options of the student")
    chat_template_kwargs: dict[str, Any] = Field({}, description="as in the options of the student")
    trust_remote_code: bool = Field(
        False, description="run Python code that comes with the model; only for authors whom you trust"
    )

    @field_validator("chat_template", mode="after")
    @classmethod
    def _read_template(cls, value: str | None) -> str | None:
        """The text of a file, as the student's options have it."""
        template: str | None = StudentOptions.model_validate(
            {"model": ".", "chat_template": value}
        ).chat_template
        return template

    @model_validator(mode="after")
    def _one_of_two(self) -> TokenizerOptions:
        if (self.model is None) == (self.stage is None):
            raise ValueError(
                "give one of model (a hub id or folder) and from (an earlier stage that trained a student)"
            )
        as_student(self, "a folder" if self.model is None else self.model)  # its checks hold here, too
        return self

    @property
    def stage(self) -> str | None:
        """The stage whose student's tokenizer it is, as a reference; None for any other model's."""
        value: str | None = getattr(self, "from")
        return value


def as_student(options: TokenizerOptions, folder: str) -> StudentOptions:
    """The options of a student with this tokenizer; `folder` is where the model is.

    Raises:
        ValueError: they do not go together.
    """
    given = {name: value for name, value in options if value and name not in ("from", "model")}
    made: StudentOptions = StudentOptions.model_validate({**given, "model": folder})
    return made


def tokens_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """A hash of the tokens and their ids."""
    return value_hash(sorted(tokenizer.get_vocab().items()))
