"""Every shipped pipeline and prompt is valid."""

from pathlib import Path

import pytest

from synthgen.core.prompt_files import list_prompts, load_prompt
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline

PIPELINES = [*sorted(shipped("pipelines").glob("*.yaml")), shipped("project") / "my_questions.yaml"]


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_every_shipped_pipeline_is_valid(path, monkeypatch):
    monkeypatch.chdir(shipped("project" if path.parent.name == "project" else "."))
    made = load_pipeline(path)
    assert made.stages
    opening = path.read_text().split("version:")[0]
    for word in ("Purpose", "Needs", "Command", "Expect", "Costs"):
        assert f"# {word}" in opening, f"{path.name} does not say its {word}"


@pytest.mark.parametrize("name", sorted(list_prompts()))
def test_every_shipped_prompt_is_valid(name):
    prompt = load_prompt(name)
    assert prompt.purpose and prompt.source and prompt.user


def test_a_wheel_holds_what_init_lays_out():
    import tomllib

    packed = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["hatch"][
        "build"
    ]["targets"]["wheel"]["force-include"]
    assert set(packed) == {"prompts", "pipelines", "data/seeds", "project"}
    assert all(target.startswith("synthgen/_shipped/") for target in packed.values())
