"""Options of a training, as a pipeline file gives them; its student's are in `student_options`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.core.config import Component, InputFile, Unhashed
from synthgen.training.lora_options import LoraOptions

Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]


class EarlyStopping(Component):
    """Stops when nothing is gained on the validation rows any more; the best checkpoint becomes the model."""

    patience: int = Field(3, ge=1, description="measurements without gain before training stops")
    min_gain: float = Field(
        0.0,
        ge=0,
        description="what counts as a gain: of loss, or of accuracy (0 to 1); less makes no best model, too",
    )


RESERVED = frozenset(
    (
        "output_dir",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "num_train_epochs",
        "learning_rate",
        "lr_scheduler_type",
        "warmup_steps",
        "max_length",
        "packing",
        "seed",
        "data_seed",
        "save_strategy",
        "save_steps",
        "save_total_limit",
        "eval_strategy",
        "logging_strategy",
        "logging_steps",
        "report_to",
        "disable_tqdm",
        "dataset_kwargs",
        "resume_from_checkpoint",
        "push_to_hub",
        "hub_token",
        "load_best_model_at_end",
        "model_init_kwargs",
        "chat_template_path",
        "truncation_mode",
        "completion_only_loss",
        "assistant_only_loss",
        "save_only_model",
        "auto_find_batch_size",
        "restore_callback_states_from_checkpoint",
        "ignore_data_skip",
        "dataset_text_field",
    )
)
"""Names of SFTConfig that synthgen sets itself: by an option of its own, or because resuming depends on
them.
"""


class TrainingOptions(Component):
    """How a student is trained."""

    method: Literal["full", "lora"] = Field(
        "full", description="all weights, or low-rank adapters that are merged at the end"
    )
    lora: LoraOptions = Field(LoraOptions(), description="the adapters of method: lora")
    epochs: float = Field(
        3.0, gt=0, description="times that every row is seen; may be a part of one, such as 0.5"
    )
    batch_size: int = Field(
        16,
        ge=1,
        description=(
            "rows (packed: sequences of max_length) a batch, shared by all processes; a row of multi_task is "
            "two sequences"
        ),
    )
    gradient_accumulation: int = Field(1, ge=1, description="batches a step")
    learning_rate: float | None = Field(
        None, gt=0, description="peak; where left out 2e-5 for full and 2e-4 for lora"
    )
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup"] = Field(
        "cosine", description="how the learning rate goes on after warm-up; constant goes without one"
    )
    warmup: float = Field(
        0.03, ge=0, lt=1, description="share of the steps over which the learning rate rises"
    )
    max_length: int = Field(1024, ge=8, description="tokens of prompt and completion together")
    weights: tuple[Annotated[float, Field(gt=0, le=1000)], ...] = Field(
        (),
        description=(
            "one for each of several inputs, `input: [a, b]`: 2 shows its rows twice an epoch, 0.5 a half of "
            "them, drawn by the seed; all 1 where left out"
        ),
    )
    packing: bool = Field(
        False,
        description=(
            "put several rows into one sequence; they do not see each other. Not for models whose layers "
            "carry a state, such as Mamba"
        ),
    )
    unfit: Literal["fail", "drop", "keep"] = Field(
        "fail",
        description=(
            "rows that are cut at max_length, lack the end token, leave nothing to learn, lack the fields "
            "that the completion is made of, or that the chat template refuses or changes: fail, drop them "
            "into rejected.jsonl, or keep those that can be"
        ),
    )
    seed: int | None = Field(
        None,
        ge=0,
        description=(
            "of first weights, adapters, dropout and the order of rows; the pipeline's where left out"
        ),
    )
    seeds: tuple[int, ...] = Field(
        (),
        description=(
            "train once with each of these seeds, as stages `<id>-seed0` and so on (a stage with seeds whose "
            "student, tokenizer or teacher is from a stage with the same ones takes that of each); evaluate "
            "and ablate then give intervals over rows and seeds"
        ),
    )
    seed_of: Annotated[str | None, Unhashed()] = Field(
        None, description="the id of the stage whose `seeds` this is one of; synthgen sets it"
    )
    threads: int | None = Field(
        None,
        ge=1,
        description=(
            "CPU threads, which weights depend on; the machine's cores where left out, and always recorded"
        ),
    )
    processes: Annotated[int | None, Unhashed()] = Field(
        None,
        ge=1,
        description=(
            "processes that train together, one a GPU, started for you; one, or as many as torchrun started, "
            "where left out"
        ),
    )
    accelerate_config: Annotated[Path | None, InputFile()] = Field(
        None, description="accelerate's own config file, for FSDP or DeepSpeed"
    )
    save_every: Annotated[int, Unhashed()] = Field(200, ge=1, description="steps between checkpoints")
    measure_every: int | None = Field(
        None, ge=1, description="steps between measurements on the validation rows; an epoch where left out"
    )
    early_stopping: EarlyStopping | None = Field(
        None,
        description=(
            "stop when the validation rows say that nothing is gained any more; needs a split before "
            "it, `split: {validation: N}`"
        ),
    )
    publish: Literal["last", "best"] = Field(
        "last",
        description=(
            "the weights that become the model: those of the last step, or of the best measurement on the "
            "validation rows, as early_stopping has it; best needs a split before it, `split: {validation: "
            "N}`"
        ),
    )
    keep: int = Field(
        0,
        ge=0,
        description=(
            "how many models of earlier measurements (measure_every; with or without validation rows) stay "
            "beside the last or best one, as folders `checkpoints/step-<step>`"
        ),
    )
    report_to: Annotated[tuple[Tracker, ...], Unhashed()] = Field(
        (),
        description=(
            "trackers that are told of each step, by transformers and their own environment variables; none "
            "where left out"
        ),
    )
    trainer: dict[str, Any] = Field(
        {}, description="further options of TRL's SFTConfig, such as weight_decay or gradient_checkpointing"
    )

    @model_validator(mode="after")
    def _own_names(self) -> TrainingOptions:
        taken = sorted(RESERVED & set(self.trainer))
        if taken:
            raise ValueError(
                f"trainer: {', '.join(taken)} cannot be set here: synthgen sets it itself (see the "
                "options of sft)"
            )
        if self.processes and self.batch_size % self.processes:
            raise ValueError(
                f"batch_size: {self.batch_size} cannot be divided among processes: {self.processes}; it "
                "counts the rows of all of them"
            )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_keep(self) -> TrainingOptions:
        if self.keep and self.measure_every is None and self.epochs <= 1:
            raise ValueError(
                "keep: with one epoch there is no measurement before the last step, whose weights are the "
                "model; measure_every says after how many steps there is one"
            )
        return self

    @model_validator(mode="after")
    def _one_seed_each(self) -> TrainingOptions:
        if self.seeds and self.seed is not None:
            raise ValueError("give seed or seeds, not both")
        if len(set(self.seeds)) < len(self.seeds) or any(seed < 0 for seed in self.seeds):
            raise ValueError("seeds are whole numbers from 0 on, each once")
        return self

    def longest(self, rows: int) -> int:
        """How many tokens the longest sequence has that is trained on, where the longest row has so many."""
        return rows

    @property
    def measured_for(self) -> str:
        """The option that needs validation rows, as it is written; "" where none does."""
        if self.early_stopping is not None:
            return "early_stopping"
        return "publish: best" if self.publish == "best" else ""

    @property
    def peak_rate(self) -> float:
        """The learning rate at the end of warm-up."""
        return (
            self.learning_rate
            if self.learning_rate is not None
            else (2e-4 if self.method == "lora" else 2e-5)
        )
