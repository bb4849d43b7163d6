"""Results of other runs that a stage would only repeat: they have the key that its own result would have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synthgen.pipeline.graph import Graph
from synthgen.pipeline.plan import StageState, stage_state
from synthgen.pipeline.spec import Pipeline, StageSpec, stage_id_of
from synthgen.store.manifest import Manifest, altered, read_manifest
from synthgen.store.publish import KEYS


def key_file(run_dir: Path, key: str) -> Path:
    """The file beside the runs that names the stage folder which has a key."""
    return run_dir.parent / KEYS / key


def linkable(run_dir: Path, key: str, *, verify: bool = True) -> tuple[Path, Manifest] | None:
    """Another run's intact result with a key, as its folder and manifest; None where there is none.

    Args:
        run_dir: the run that would take it.
        key: of the stage's result.
        verify: hash files again, instead of trusting size and time.
    """
    try:
        source = run_dir.parent / key_file(run_dir, key).read_text()
    except OSError:
        return None
    original = read_manifest(source)
    if (
        source.parent.name == run_dir.name
        or original is None
        or original.key != key
        or original.partial
        or altered(source, original, verify=verify)
        or original.extra.get("recorded_prompts")  # its prompts depend on what that run had shown before
    ):
        return None
    return source, original


class LinkedGraph(Graph):
    """A run's results with those of other runs that it would take; nothing is linked by looking."""

    def __init__(self, pipeline: Pipeline, run_dir: Path, other_runs: Path | None = None) -> None:
        super().__init__(pipeline, run_dir, other_runs)
        self.elsewhere: dict[str, Path] = {}
        self.states: dict[str, StageState] = {}
        """Of every stage, in the pipeline's order; one that would be linked is done."""
        for spec in pipeline.stages:
            self.states[spec.id] = self._state(spec)

    def _state(self, spec: StageSpec) -> StageState:
        state = stage_state(spec, self.pipeline, self, limit=None)
        before = {stage_id_of(reference) for references in spec.reads.values() for reference in references}
        if unsure := sorted(name for name in before if name and self.states[name].state != "done"):
            return replace(state, state="waits", why=f"waits for {', '.join(unsure)}")
        if state.state == "run" and (found := linkable(self.run_dir, state.key, verify=False)) is not None:
            self.elsewhere[spec.id], manifest = found
            return StageState("done", f"the same as in run {found[0].parent.name}", manifest=manifest)
        if state.manifest is not None and state.manifest.partial and state.state == "done":
            return replace(state, state="run", why="its result is partial")
        return state

    def folder_of(self, stage_id: str) -> Path:
        """In this run, or in the other one."""
        return self.elsewhere.get(stage_id) or super().folder_of(stage_id)
