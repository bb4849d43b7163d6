"""What cannot work in later stages, looked for before the first stage runs: hours and money come after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from synthgen.core.errors import ConfigError, Fault
from synthgen.pipeline.spec import Pipeline, StageSpec, readers


def foreseen(pipeline: Pipeline, spec: StageSpec) -> list[Fault]:
    """What a stage knows to go wrong in itself, with its teachers, and in the stages that read what it makes.

    Args:
        pipeline: the pipeline.
        spec: the stage.

    Returns:
        The faults, with the id that the file has.
    """
    faults = spec.stage.foresees(spec.config, [reader.config for reader in readers(pipeline, spec.id)])
    return _of_stage(spec, faults + spec.stage.asked_in_vain(spec.config, pipeline.teachers))


def _of_stage(spec: StageSpec, faults: Iterable[Fault]) -> list[Fault]:
    return [Fault(f"{spec.written_id}: {fault.what}", fault.where, fault.next) for fault in faults]


class Foresight:
    """Looks ahead once in a run."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline, self._done = pipeline, False

    def check(self, coming: Sequence[StageSpec]) -> None:
        """Raises ConfigError for all that the stages to come foresee, the first time it is called."""
        if not self._done:
            self._done = True
            if faults := list(dict.fromkeys(self._faults(coming))):  # the seeds of a stage have the same
                raise ConfigError.of(faults)

    def _faults(self, coming: Sequence[StageSpec]) -> Iterator[Fault]:
        for spec in coming:
            yield from _of_stage(spec, spec.stage.faults(spec.config)) or foreseen(self._pipeline, spec)
