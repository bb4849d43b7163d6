"""Options of a student: which model is trained, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, field_validator, model_validator

from synthgen.core.config import Component, ModelName, Unhashed
from synthgen.core.defaults import changed

Dtype = Literal["float32", "bfloat16", "float16"]

OF_A_MODEL = (
    "revision",
    "eos_token",
    "dtype",
    "attn_implementation",
    "quantization",
    "trust_remote_code",
    "add_tokens",
)
"""Options of a student that exists."""
OF_ITS_FILES = ("revision", "eos_token")
"""Those that belong to `model`, and not to a student of an earlier stage."""


class InitOptions(Component):
    """A student from scratch: a small Llama, and a byte-level BPE tokenizer made from the training data.

    Or, with `tokenizer_of`, the tokenizer of an earlier stage's model.
    """

    hidden_size: int = Field(128, ge=8, description="width of the model")
    layers: int = Field(3, ge=1, description="transformer blocks, one above the other")
    heads: int = Field(4, ge=1, description="attention heads; they divide hidden_size")
    intermediate_size: int | None = Field(
        None, ge=8, description="width of the feed-forward layers; 8/3 of hidden_size where left out"
    )
    vocab_size: int = Field(
        1024,
        ge=300,
        description="tokens that are made from the data; 256 bytes and three marks are always among them",
    )
    tokenizer_of: Annotated[str | None, Unhashed()] = Field(
        None,
        description=(
            "the stage, <stage id> or run:NAME:<stage id>, whose model's tokenizer and chat template are "
            "taken, such as a teacher's; made from the data where left out"
        ),
    )
    positions: int = Field(2048, ge=16, description="longest text in tokens")

    @model_validator(mode="after")
    def _heads_divide(self) -> InitOptions:
        if self.hidden_size % self.heads or self.hidden_size // self.heads % 2:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be an even multiple of heads ({self.heads})"
            )
        return self

    @model_validator(mode="after")
    def _one_tokenizer(self) -> InitOptions:
        if self.tokenizer_of is not None and changed(self, ("vocab_size",)):
            raise ValueError(
                "vocab_size is of a tokenizer that is made from the data; that of tokenizer_of has its own"
            )
        return self


# `from` is a keyword of Python's, so that a class's own text cannot have a field of that name.
def with_from(description: str) -> Any:
    """A base class with the option `from`, which names an earlier stage."""
    option: dict[str, Any] = {
        "from": (Annotated[str | None, Unhashed()], Field(None, description=description))
    }
    return create_model("_Start", __base__=Component, **option)


_Start: Any = with_from(
    "the student of an earlier stage, <stage id>, or of another run, run:NAME:<stage id>: it is trained "
    "further"
)


class StudentOptions(_Start):  # type: ignore[misc]  # pydantic makes it
    """Which model is trained: one that exists, one made from scratch, or an earlier stage's student."""

    model: Annotated[str | None, ModelName()] = Field(
        None, description="hub id or folder of a causal language model"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub id")
    eos_token: str | None = Field(
        None,
        description=(
            "the token that ends an answer, where the tokenizer's own is not the one its chat template writes"
        ),
    )
    init: InitOptions | None = Field(None, description="sizes of a small Llama made from scratch")
    dtype: Dtype | None = Field(
        None,
        description=(
            "number format of the weights while they are trained; float32 where left out, for lora on a GPU "
            "bfloat16. The saved model has that of the base"
        ),
    )
    attn_implementation: str | None = Field(
        None,
        description="how attention is computed: eager, sdpa, flash_attention_2, or another of transformers",
    )
    quantization: Literal["4bit", "8bit"] | None = Field(
        None,
        description=(
            "hold the frozen weights of method: lora in 4 or 8 bits (QLoRA); needs bitsandbytes. Adapters "
            "are merged into the base's weights as they are stored"
        ),
    )
    trust_remote_code: bool = Field(
        False, description="run Python code that comes with the model; only for authors whom you trust"
    )
    add_tokens: tuple[str, ...] = Field(
        (),
        description=(
            "tokens that the tokenizer gets, such as <think>; the embedding grows where it has no room, and "
            "their rows are trained by lora too"
        ),
    )
    chat_template: str | None = Field(
        None,
        description=(
            "a chat template in place of the tokenizer's own, as a file or as Jinja text; training, "
            "evaluation and the saved model have it"
        ),
    )
    chat_template_kwargs: dict[str, Any] = Field(
        {},
        description=(
            "what the chat template is rendered with in training and evaluation, such as enable_thinking: "
            "false; the saved model's template has it as its default"
        ),
    )

    @field_validator("chat_template", mode="after")
    @classmethod
    def _read_template(cls, value: str | None) -> str | None:
        """The text of a file, so that its content and not its name is what a student depends on."""
        if value is None or "{{" in value or "{%" in value:
            return value
        try:
            return Path(value).read_text(encoding="utf-8")
        except (OSError, ValueError) as fault:
            raise ValueError(f"neither Jinja text nor a file that can be read: {value[:100]!r}") from fault

    @field_validator("chat_template_kwargs", mode="after")
    @classmethod
    def _are_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        if wrong := [name for name in value if not name.isidentifier()]:
            raise ValueError(f"{wrong[0]!r} is no name that a template can read")
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> StudentOptions:
        if sum(start is not None for start in (self.model, self.init, self.start)) != 1:
            raise ValueError(
                "give one of model (a hub id or folder), init (sizes of a model from scratch) and from (an "
                "earlier stage that trained a student)"
            )
        if self.model is None:
            names = OF_A_MODEL if self.init is not None else OF_ITS_FILES
            if given := [name for name in names if getattr(self, name)]:
                raise ValueError(
                    f"{' and '.join(given)} belong to model, not to {'from' if self.start else 'init'}"
                )
        if self.quantization is not None and self.dtype is not None:
            raise ValueError("quantization holds weights in its own format; leave dtype out")
        return self

    @property
    def start(self) -> str | None:
        """The stage whose student is trained further, as a reference; None for any other student."""
        value: str | None = getattr(self, "from")
        return value

    @property
    def start_name(self) -> str | None:
        """`start` without the version that it has to have, which changes nothing in what is trained."""
        return self.start and self.start.partition("@")[0]

    @property
    def tokenizer_of(self) -> str | None:
        """The stage whose model's tokenizer a student from scratch takes; None for any other student."""
        return self.init.tokenizer_of if self.init is not None else None


def needs_lora(student: StudentOptions) -> str:
    """Why a student can be trained by method: lora only; "" where it can be trained whole."""
    if student.quantization is not None:
        return "quantization holds weights that are not trained; it goes with method: lora"
    return ""
