"""Options: composed, checked all at once, hashed for what can change an output and for nothing else."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from synthgen.core import registry
from synthgen.core.config import (
    Component,
    InputFile,
    ManyOf,
    Misfit,
    OneOf,
    PromptName,
    Unhashed,
    build,
    fingerprint,
    resolved,
)
from synthgen.core.errors import nearest
from synthgen.core.registry import Choice


class Inner(Component):
    size: int = 1
    label: Annotated[str, Unhashed()] = ""


class Outer(Component):
    inner: Inner = Inner()
    file: Annotated[str | None, InputFile()] = None
    rules: Annotated[tuple[Choice, ...], ManyOf("filter")] = ()
    threshold: float = Field(0.5, ge=0, le=1)


def made(raw: dict[str, Any]) -> tuple[Outer | None, list[Misfit]]:
    misfits: list[Misfit] = []
    return build(Outer, raw, (), misfits), misfits


def test_components_are_composed_from_names_and_options():
    outer, misfits = made({"rules": ["refusal", {"length": {"field": "output", "min_words": 3}}]})
    assert not misfits and [choice.name for choice in outer.rules] == ["refusal", "length"]
    assert outer.rules[1].options.model_dump()["min_words"] == 3


def test_faults_of_nested_components_keep_their_place():
    _, misfits = made(
        {"rules": ["refusl", {"length": {"min_word": 3}}], "threshold": 2, "inner": {"size": "x"}}
    )
    assert [misfit.path for misfit in misfits] == [
        ("rules", 0),
        ("rules", 1, "length", "min_word"),
        ("inner", "size"),
        ("threshold",),
    ]
    assert "did you mean 'refusal'" in misfits[0].next and "did you mean 'min_words'" in misfits[1].next


@pytest.mark.parametrize(
    "raw", [[], "x", 3, {"rules": 3}, {"rules": [{"a": 1, "b": 2}]}, {"rules": [None]}, {"inner": []}]
)
def test_any_value_is_a_fault_and_not_a_traceback(raw):
    assert made(raw)[0] is None and made(raw)[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_is_a_finite_one(value):
    class Weighted(Component):
        weight: float = 1.0

    misfits = []
    assert build(Weighted, {"weight": value}, (), misfits) is None
    assert "finite" in misfits[0].what


def test_unhashed_options_do_not_move_the_fingerprint_and_others_do():
    base = fingerprint(Outer())
    assert fingerprint(Outer(inner=Inner(label="x"))) == base
    assert fingerprint(Outer(inner=Inner(size=2))) != base


def test_a_file_counts_by_content(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("1")
    assert fingerprint(Outer(file=str(a))) == fingerprint(Outer(file=str(b)))
    b.write_text("2")
    assert fingerprint(Outer(file=str(a))) != fingerprint(Outer(file=str(b)))


def test_resolved_reads_back_to_the_same():
    outer, _ = made({"rules": ["refusal", {"length": {"min_words": 3}}], "threshold": 0.25})
    again, misfits = made(resolved(outer))
    assert not misfits and fingerprint(again) == fingerprint(outer)


def test_a_null_in_place_of_a_default_is_resolved_as_one():
    class Near(Component):
        novelty: float | None = 0.7
        teacher: str | None = None

    assert resolved(Near(novelty=None)) == {"novelty": None}
    assert build(Near, resolved(Near(novelty=None)), (), []) == Near(novelty=None)
    assert resolved(Near()) == {"novelty": 0.7}


def test_numbers_that_name_something_are_text_in_resolved_and_read_back():
    class Mapped(Component):
        layers: dict[int, int] = {}

    plain = resolved(Mapped(layers={2: 3}))
    assert plain == {"layers": {"2": 3}}  # as JSON has them, in manifests and keys
    assert build(Mapped, plain, (), []) == Mapped(layers={2: 3})


def all_configs():
    for kind in registry.REGISTRIES:
        for name in registry.names(kind):
            component = registry.find(kind, name)
            config = component.config if kind == "stage" else component.Config
            yield pytest.param(config, id=f"{kind}-{name}")


NEVER_HASHED = {
    "timeout",
    "workers",
    "concurrency",
    "limits",
    "price",
    "budget",
    "max_failed",
    "headers",
    "api_key_env",
    "transport",
}


@pytest.mark.parametrize("config", list(all_configs()))
def test_what_cannot_change_an_output_is_marked_so(config):
    for name, info in config.model_fields.items():
        if name in NEVER_HASHED:
            assert any(isinstance(marker, Unhashed) for marker in info.metadata), (
                f"{config.__name__}.{name} would be hashed"
            )


@pytest.mark.parametrize("config", list(all_configs()))
def test_each_unhashed_option_is_left_out_of_the_fingerprint(config):
    blank = config.model_construct(**{name: None for name in config.model_fields})
    marked = {
        name
        for name, info in config.model_fields.items()
        if any(isinstance(marker, Unhashed) for marker in info.metadata)
    }
    for name in config.model_fields:
        if any(
            isinstance(marker, InputFile | OneOf | PromptName)
            for marker in config.model_fields[name].metadata
        ):
            continue  # counted by content
        flipped = config.model_construct(
            **{**{other: None for other in config.model_fields}, name: ("flipped",)}
        )
        same = fingerprint_without_prompts(flipped) == fingerprint_without_prompts(blank)
        assert same == (name in marked), name


def fingerprint_without_prompts(value):
    named = type(value).__dict__.get("prompts") or next(
        (
            vars(base)["prompts"]
            for base in type(value).__mro__
            if "prompts" in vars(base) and callable(vars(base)["prompts"])
        ),
        None,
    )
    if named is None:
        return fingerprint(value)
    holder: Any = next(base for base in type(value).__mro__ if "prompts" in vars(base))
    kept = holder.prompts
    holder.prompts = lambda self: ()
    try:
        return fingerprint(value)
    finally:
        holder.prompts = kept


def test_every_component_says_its_version_and_purpose():
    for kind in registry.REGISTRIES.keys() - {"stage"}:
        for name in registry.names(kind):
            component = registry.find(kind, name)
            assert isinstance(component.VERSION, int) and component.VERSION >= 1, (kind, name)
            assert (component.__doc__ or "").strip(), (kind, name)


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("q2.csv", ["u16.csv"], None),
        ("qestions.csv", ["u.csv", "questions.csv"], "questions.csv"),
        ("rows.json", ["rows.jsonl"], "rows.jsonl"),
        ("filtr.length", ["filter.length", "dedup"], "filter.length"),
        (".x", [".csv"], None),
        ("", ["a"], None),
    ],
)
def test_an_ending_alone_does_not_make_names_alike(name, known, near):
    assert nearest(name, known) == near


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(Exception, match="unknown filter") as caught:
        registry.find("filter", "lenght")
    assert "did you mean 'length'?" in str(caught.value)


def test_a_component_of_the_users_own_is_loaded_by_its_place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    Path(tmp_path / "mine.py").write_text(
        "from synthgen.core.config import Component\n\nclass Rule:\n    VERSION = 1\n    Config = "
        "Component\n    def check(self, rows): ...\n\nclass Bare:\n    VERSION = 1\n"
    )
    assert registry.find("filter", "mine:Rule").VERSION == 1
    with pytest.raises(Exception, match="cannot load filter"):
        registry.find("filter", "mine:Rul")
    with pytest.raises(Exception, match="is no filter: it lacks a Config"):
        registry.find("filter", "mine:Bare")
