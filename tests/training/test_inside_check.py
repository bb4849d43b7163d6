"""Layers and heads that options name, beside models known by their configs."""

import pytest
from transformers import AutoConfig, LlamaConfig

from synthgen.core.errors import ConfigError
from synthgen.training.architecture import without_weights
from synthgen.training.hidden_options import FeatureOptions, RelationOptions
from synthgen.training.inside_check import (
    feature_layers,
    foreseen_inside_faults,
    relation_layers,
)
from synthgen.training.layer_map import mapped_layers
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_options import LocalTeacherOptions
from tests.training.families import family

pytestmark = pytest.mark.slow


def model(layers, hidden=32, heads=4, **more):
    config = LlamaConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=32,
        vocab_size=300,
        **more,
    )
    return without_weights(config)


@pytest.mark.parametrize(
    "chosen, student, teacher, expected",
    [
        ("even", 4, 12, {0: 0, 1: 3, 2: 6, 3: 9, 4: 12}),  # TinyBERT's own
        ("even", 3, 4, {0: 0, 1: 1, 2: 3, 3: 4}),
        ("even", 3, 2, {0: 0, 1: 1, 2: 1, 3: 2}),
        ("even", 2, 2, {0: 0, 1: 1, 2: 2}),
        ("even", 4, 1, {0: 0, 1: 1, 2: 1, 3: 1, 4: 1}),
        ("last", 3, 12, {3: 12}),
        ({2: 5, 1: 0}, 3, 12, {2: 5, 1: 0}),
    ],
)
def test_layers_are_mapped(chosen, student, teacher, expected):
    assert mapped_layers(chosen, student, teacher) == expected


@pytest.mark.parametrize(
    "layers, message",
    [
        ({3: 1}, "names layer 3 of the student, which has 0 to 2"),
        ({2: 5}, "names layer 5 of the teacher, which has 0 to 4"),
    ],
)
def test_a_layer_that_is_not_there_is_named(layers, message):
    with pytest.raises(ConfigError, match=message):
        feature_layers(model(2), model(4), "big", FeatureOptions(layers=layers))


@pytest.mark.parametrize("layer", [{0: 1}, {1: 0}, {3: 1}, {1: 5}])
def test_attention_is_not_in_the_embeddings(layer):
    with pytest.raises(ConfigError, match=r"names layer \d of the (student|teacher), which has 1 to"):
        relation_layers(model(2), model(4), "big", RelationOptions(layer=layer))
    if 0 in (*layer, *layer.values()):
        assert relation_layers(model(2), model(4), "big", RelationOptions(of="both", layer=layer))


def test_heads_that_do_not_divide_are_refused_with_those_that_do():
    with pytest.raises(ConfigError) as caught:
        relation_layers(model(2), model(4, 48, 6, num_key_value_heads=2), "big", RelationOptions(heads=5))
    message = str(caught.value)
    assert "heads: 5} does not divide" in message
    assert "the student 32, 32, 32; big 48, 16, 16" in message
    assert "one of 1, 2, 4, 8, 16" in message


def test_heads_are_as_many_as_divide_all_up_to_the_teachers():
    assert relation_layers(model(2), model(4, 48, 6), "big", RelationOptions()) == ((2, 4), 4)
    assert relation_layers(model(2), model(4, 64, 16), "big", RelationOptions()) == ((2, 4), 16)
    assert relation_layers(model(2), model(4), "big", RelationOptions(heads=2, layer={1: 3})) == ((1, 3), 2)


@pytest.mark.parametrize(
    "teacher, student, options, message",
    [
        ("folder", {"init": {}}, FeatureOptions(layers={4: 1}), "layer 4 of the student, which has 0 to 3"),
        ("folder", {"init": {}}, FeatureOptions(layers={1: 3}), "layer 3 of the teacher, which has 0 to 2"),
        ("stage", {"init": {}}, FeatureOptions(layers={4: 9}), "layer 4 of the student, which has 0 to 3"),
        ("folder", {"from": "a"}, FeatureOptions(layers={9: 3}), "layer 3 of the teacher"),
        ("folder", {"init": {}}, RelationOptions(heads=7), "does not divide"),
        ("neox", {"init": {}}, RelationOptions(), "type gpt_neox has no queries, keys and values"),
        ("stage", {"from": "a"}, FeatureOptions(layers={9: 9}), ""),
        ("folder", {"init": {}}, FeatureOptions(), ""),
        ("folder", {"init": {}}, RelationOptions(of="both"), ""),
        ("absent/model", {"init": {}}, FeatureOptions(layers={1: 9}), ""),
    ],
)
def test_faults_are_foreseen_as_far_as_models_are_known(teacher, student, options, message, tmp_path):
    where = {
        "folder": lambda: {"model": str(family("llama", tmp_path / "llama"))},
        "neox": lambda: {"model": str(family("gpt_neox", tmp_path / "neox"))},
        "stage": lambda: {"from": "big"},
    }.get(teacher, lambda: {"model": teacher})()

    def compare(ours, theirs, name):
        looks = feature_layers if isinstance(options, FeatureOptions) else relation_layers
        return looks(ours, theirs, name, options)

    faults = foreseen_inside_faults(
        LocalTeacherOptions.model_validate(where), StudentOptions.model_validate(student), options, compare
    )
    assert [message in fault.what for fault in faults] == ([True] if message else [])


def test_options_are_read_back_as_they_are_written():
    options = FeatureOptions.model_validate({"layers": {1: 2, "3": 4}})
    assert options.layers == {1: 2, 3: 4}
    assert FeatureOptions.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    "kind, values, message",
    [
        (FeatureOptions, {"layers": {}}, "layers names no layer"),
        (FeatureOptions, {"layers": {-1: 2}}, "greater than or equal to 0"),
        (FeatureOptions, {"layers": "some"}, "'even'"),
        (RelationOptions, {"layer": {1: 2, 2: 3}}, "layer is one pair"),
        (RelationOptions, {"layer": {}}, "layer is one pair"),
        (RelationOptions, {"points": 32}, "points belong"),
        (RelationOptions, {"between": "rows"}, "between belong"),
        (RelationOptions, {"of": "angle", "heads": 2}, "heads belongs to of: attention"),
    ],
)
def test_options_that_do_not_fit_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind.model_validate(values)


def test_a_family_that_needs_numbers_is_looked_at_later(tmp_path):
    config = AutoConfig.from_pretrained(family("llama", tmp_path))
    config.model_type = "unknown"
    assert without_weights(config) is None or without_weights(config).device.type == "meta"
