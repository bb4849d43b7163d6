"""Options of distill, and which objective they choose."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from synthgen.core import registry
from synthgen.core.defaults import changed
from synthgen.stages.contract import StageConfig
from synthgen.stages.training_inputs import refuse_weights
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.training.completions import Completion
from synthgen.training.hidden_options import FeatureOptions, RelationOptions
from synthgen.training.local_teacher import LocalTeacher
from synthgen.training.objectives.contract import Objective, refusal
from synthgen.training.objectives.response import Divergence
from synthgen.training.options import TrainingOptions
from synthgen.training.own_text_options import OwnTextOptions, Policy
from synthgen.training.student_options import StudentOptions, needs_lora
from synthgen.training.teacher_options import LocalTeacherOptions
from synthgen.training.turns import TURNS_AS_THEY_ARE, Learn

OF_KINDS = {
    "response": ("divergence", "beta", "temperature", "top_k"),
    "feature": ("feature",),
    "relation": ("relation",),
}
"""Options of one kind of knowledge alone."""


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
            "the model that it learns from: from (an earlier stage's), model (hub id or folder), logprobs "
            "(the stage that asked a remote one), self (the student itself) or, with online: true, init"
        )
    )
    knowledge: Literal["response", "feature", "relation"] = Field(
        "response",
        description=(
            "what is learned of the teacher beside the text: how likely it holds each token (response), its "
            "hidden states (feature), or how its positions stand to each other (relation)"
        ),
    )
    feature: FeatureOptions = Field(FeatureOptions(), description="of knowledge: feature")
    relation: RelationOptions = Field(RelationOptions(), description="of knowledge: relation")
    divergence: Divergence | None = Field(
        None,
        description=(
            "response: how the distributions are compared: forward_kl has the student cover all that the "
            "teacher might say, reverse_kl say nothing that the teacher would not; jsd stands between. Where "
            "left out forward_kl, for policy: on_policy reverse_kl"
        ),
    )
    beta: float = Field(
        0.5, ge=0, le=1, description="jsd: the teacher's share of the mixture; 0 is forward_kl, 1 reverse_kl"
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=100,
        description="response: what the logits of both are divided by: above 1, unlikely tokens count more",
    )
    weight: float = Field(
        0.5,
        gt=0,
        le=1,
        description=(
            "of what is learned beside the text in the loss; the text's cross entropy has the rest. On text "
            "of the student's own there is no rest"
        ),
    )
    top_k: int | None = Field(
        None,
        ge=1,
        description=(
            "response: compare the teacher's k likeliest tokens, and all others together as one; the whole "
            "vocabulary where left out"
        ),
    )
    completion: Completion = Field(
        "output", description="what the student learns to say, as in sft; no multi_task"
    )
    learn: Learn = Field("last", description="the turns of a conversation that are learned, as in sft")
    policy: Policy = Field(
        "offline",
        description=(
            "whose text is learned: offline the rows', on_policy what the student itself answers to their "
            "prompts, mixed now the one, now the other; see own_text"
        ),
    )
    own_text: OwnTextOptions = Field(
        OwnTextOptions(), description="how the student writes its own text, for on_policy and mixed"
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Config:
        if self.completion == "multi_task":
            raise ValueError("completion: multi_task belongs to sft; distill learns one completion a row")
        if self.learn != "last" and self.completion not in TURNS_AS_THEY_ARE:
            raise ValueError(
                f"learn: {self.learn} takes turns as they are: it goes with completion: "
                f"{' or '.join(TURNS_AS_THEY_ARE)}"
            )
        for kind, names in OF_KINDS.items():
            if kind != self.knowledge and (given := changed(self, names)):
                belong = "belongs" if len(given) == 1 else "belong"
                raise ValueError(
                    f"{' and '.join(given)} {belong} to knowledge: {kind}, not to {self.knowledge}"
                )
        if changed(self, ("beta",)) and self.compared_by != "jsd":
            raise ValueError(f"beta belongs to divergence: jsd, not to {self.compared_by}")
        if reason := self._own_text_fault() or self._teacher_fault():
            raise ValueError(reason)
        if self.method != "lora" and (reason := needs_lora(self.student)):
            raise ValueError(reason)
        if reason := refusal(self.objective(), self, f"knowledge: {self.knowledge}"):
            raise ValueError(reason)
        if (
            self.knowledge == "relation"
            and self.relation.between == "rows"
            and self.gradient_accumulation > 1
        ):
            raise ValueError(
                "gradient_accumulation cannot be used with relation: {between: rows}, which compares the "
                "rows of a batch: take a larger batch_size"
            )
        refuse_weights(self.input, self.weights)
        return self

    def longest(self, rows: int) -> int:
        """See `TrainingOptions`: the student's own text may be longer than those of the rows."""
        more = 0 if self.policy == "offline" else self.own_text.max_new_tokens
        return max(rows, min(self.max_length, rows + more))

    @property
    def compared_by(self) -> Divergence:
        """The divergence that was chosen, or that the policy chooses."""
        return self.divergence or ("reverse_kl" if self.policy == "on_policy" else "forward_kl")

    def _own_text_fault(self) -> str:
        """What does not go together with the policy; "" where all does."""
        if self.policy == "offline":
            unread = self.own_text != OwnTextOptions()
            return "own_text belongs to policy: on_policy and mixed, not to offline" if unread else ""
        if self.policy == "on_policy" and (given := changed(self, ("weight",))):
            return f"{given[0]} belongs to policy: offline and mixed: own text teaches the divergence alone"
        if self.policy == "on_policy" and changed(self.own_text, ("share",)):
            return "own_text: {share: …} belongs to policy: mixed; on_policy is a share of 1"
        if self.learn != "last":
            return (
                f"learn: {self.learn} cannot be used with policy: {self.policy}: the last answer is written"
            )
        if self.packing:
            return f"packing cannot be used with policy: {self.policy}: each row is continued by itself"
        if self.own_text.engine == "vllm":
            if self.knowledge == "feature":
                return "own_text: {engine: vllm} goes with knowledge: response and relation, not with feature"
            if self.student.init is not None:
                return "own_text: {engine: vllm} reads the student's folder: student: {model: …} or {from: …}"
        elif changed(self.own_text, ("gpu_memory_utilization",)):
            return "own_text: {gpu_memory_utilization: …} belongs to engine: vllm"
        if self.own_text.max_new_tokens >= self.max_length:
            return (
                f"own_text: {{max_new_tokens: {self.own_text.max_new_tokens}}} leaves no room for a prompt "
                f"in max_length: {self.max_length}"
            )
        return ""

    def _teacher_fault(self) -> str:
        """What does not go together with the teacher; "" where all does."""
        teacher = self.teacher
        if teacher.logprobs is not None and self.knowledge != "response":
            return f"teacher: {{logprobs: …}} goes with knowledge: response, not with {self.knowledge}"
        if teacher.logprobs is not None and self.policy != "offline":
            return (
                f"policy: {self.policy} needs a teacher that is loaded: one that was asked before has not "
                "seen the student's own text"
            )
        of_response = ("self", "sees", "online")
        if self.knowledge != "response" and (
            given := [name for name in of_response if getattr(teacher, name)]
        ):
            return f"teacher: {{{given[0]}: …}} goes with knowledge: response, not with {self.knowledge}"
        if teacher.self is not None and self.student.quantization is not None:
            return "teacher: self copies the student, which quantized weights cannot be: teacher: {model: …}"
        if teacher.self == "averaged" and self.method == "lora":
            return "self: averaged is the mean of all weights: it goes with method: full"
        if teacher.self == "averaged" and self.accelerate_config is not None:
            return "accelerate_config cannot be used with self: averaged, whose weights are not sharded"
        if teacher.online and self.policy != "offline":
            return (
                f"online: true goes with policy: offline, not with {self.policy}: both learn the rows' text"
            )
        if teacher.online and self.method == "lora":
            return "online: true trains all weights of both models: it goes with method: full"
        if teacher.sees is not None and self.learn != "last":
            return f"sees: {teacher.sees} stands behind one question: it goes with learn: last"
        if teacher.sees is not None and self.packing:
            return f"packing cannot be used with sees: {teacher.sees}: the teacher reads longer rows"
        return ""

    def objective(self, teacher: LocalTeacher | TokenLogprobs | None = None) -> Objective:
        """What is learned of a row, by which loss, from which teacher."""
        kind: Any = registry.find("objective", self._objective_name)
        names = ("completion", "learn", "weight", *OF_KINDS[self.knowledge])
        options: dict[str, Any] = {name: getattr(self, name) for name in names}
        options["sees"] = self.teacher.sees
        if self.knowledge == "response":
            options["divergence"] = self.compared_by
        if self.policy != "offline":
            options["own_text"] = self.own_text
        if self.policy == "mixed":
            options["own_share"] = self.own_text.share
        if self.policy == "on_policy":
            options["weight"] = 1.0
        made: Objective = kind(kind.Config(**options), teacher)
        return made

    @property
    def _objective_name(self) -> str:
        if self.teacher.online:
            return "mutual"
        return self.knowledge if self.teacher.logprobs is None else "stored_response"
