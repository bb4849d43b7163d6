"""Whether a pipeline's budget can be kept; a run would find out only at its first request."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.core.config_tree import configs_in
from synthgen.core.errors import ConfigError, Fault
from synthgen.dispatch.sending.budget import check_budget
from synthgen.dispatch.sending.cost import NO_BOUND, needs_bound
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.teachers.addresses import is_loopback
from synthgen.teachers.config import Sampling, TeacherConfig
from synthgen.teachers.contract import Provider


def cap_faults(pipeline: Pipeline, name: str, config: TeacherConfig, provider: Provider) -> Iterator[Fault]:
    """What keeps a teacher from being asked under the pipeline's budget: no price, or answers of any length.

    A stage that bounds its answers itself, by an option of its own, is left to the run.

    Args:
        pipeline: the pipeline.
        name: the teacher's name; "" is the pipeline's own.
        config: the teacher's options.
        provider: the teacher's provider.

    Yields:
        The faults.
    """
    if pipeline.budget is None:
        return
    label = f"teacher {name!r}" if name else "the teacher"
    where = str(pipeline.path)
    try:
        check_budget(pipeline.budget, config, free=all(is_loopback(url) for url in provider.addresses()))
    except ConfigError as fault:
        yield Fault(f"{label}: {fault.faults[0].what}", where, fault.faults[0].next)
    sampled = config.sampling.model_dump(exclude_none=True, mode="json")
    body = {**provider.shape({"model": config.model, "messages": [], **sampled}), **config.extra_body}
    if body.keys() & {"max_tokens", "max_completion_tokens"} or not needs_bound(pipeline.budget, config):
        return
    if any(_unbounded(spec, name) for spec in pipeline.stages):
        option = f"teachers.{name}.sampling.max_tokens" if name else "teacher.sampling.max_tokens"
        yield Fault(f"{label}: {NO_BOUND.what}", where, f"set {option}")


def _unbounded(spec: StageSpec, name: str) -> bool:
    """Whether a stage asks this teacher without a word of its own on how long an answer may be."""
    if spec.stage.bounds_replies or name not in spec.stage.asks(spec.config):
        return False
    return not any(
        getattr(config, "max_new_tokens", None) or (isinstance(config, Sampling) and config.max_tokens)
        for config in configs_in(spec.config)
    )
