"""Options of distill, and which objective they choose."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field, model_validator

from synthgen.core import registry
from synthgen.core.defaults import changed
from synthgen.stages.contract import StageConfig
from synthgen.stages.training_inputs import refuse_weights
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.training.completions import Completion
from synthgen.training.local_teacher import LocalTeacher
from synthgen.training.objectives.contract import Objective, refusal
from synthgen.training.objectives.response import Divergence, ResponseConfig
from synthgen.training.options import TrainingOptions
from synthgen.training.student_options import StudentOptions, needs_lora
from synthgen.training.teacher_options import LocalTeacherOptions
from synthgen.training.turns import TURNS_AS_THEY_ARE, Learn


class Config(StageConfig, TrainingOptions):
    """Options of distill."""

    student: StudentOptions = Field(
        description=(
            "the model that is trained: model (hub id or folder), init (from scratch) or from (the student "
            "of an earlier stage)"
        )
    )
    teacher: LocalTeacherOptions = Field(
        description=(
            "the model that it learns from: from (an earlier stage's), model (hub id or folder) or logprobs "
            "(the stage that asked a remote one)"
        )
    )
    divergence: Divergence = Field(
        "forward_kl",
        description=(
            "how the distributions are compared: forward_kl has the student cover all that the teacher might "
            "say, reverse_kl say nothing that the teacher would not; jsd stands between"
        ),
    )
    beta: float = Field(
        0.5, ge=0, le=1, description="jsd: the teacher's share of the mixture; 0 is forward_kl, 1 reverse_kl"
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=100,
        description="what the logits of both models are divided by: above 1, unlikely tokens count more",
    )
    weight: float = Field(
        0.5, gt=0, le=1, description="of the divergence in the loss; the text's cross entropy has the rest"
    )
    top_k: int | None = Field(
        None,
        ge=1,
        description=(
            "compare the teacher's k likeliest tokens, and all others together as one; the whole vocabulary "
            "where left out"
        ),
    )
    completion: Completion = Field(
        "output", description="what the student learns to say, as in sft; no multi_task"
    )
    learn: Learn = Field("last", description="the turns of a conversation that are learned, as in sft")

    @model_validator(mode="after")
    def _options_fit(self) -> Config:
        if self.completion == "multi_task":
            raise ValueError("completion: multi_task belongs to sft; distill learns one completion a row")
        if self.learn != "last" and self.completion not in TURNS_AS_THEY_ARE:
            raise ValueError(
                f"learn: {self.learn} takes turns as they are: it goes with completion: "
                f"{' or '.join(TURNS_AS_THEY_ARE)}"
            )
        if changed(self, ("beta",)) and self.divergence != "jsd":
            raise ValueError(f"beta belongs to divergence: jsd, not to {self.divergence}")
        if self.method != "lora" and (reason := needs_lora(self.student)):
            raise ValueError(reason)
        if reason := refusal(self.objective(), self, "distill"):
            raise ValueError(reason)
        refuse_weights(self.input, self.weights)
        return self

    def objective(self, teacher: LocalTeacher | TokenLogprobs | None = None) -> Objective:
        """What is learned of a row, by which loss, from which teacher."""
        shared = ("completion", "learn", "divergence", "beta", "temperature", "weight", "top_k")
        name = "response" if self.teacher.logprobs is None else "stored_response"
        kind: Callable[..., Objective] = registry.find("objective", name)
        return kind(ResponseConfig(**{name: getattr(self, name) for name in shared}), teacher)
