import pytest
from pydantic import ValidationError

from synthgen.core.config import build, fingerprint
from synthgen.stages.sft import Config
from synthgen.training.options import RESERVED


def test_a_full_set_of_options_is_accepted():
    misfits = []
    config = build(
        Config,
        {
            "student": {"init": {"hidden_size": 32, "heads": 2}},
            "completion": "answer_only",
            "method": "lora",
            "lora": {"rank": 4},
            "trainer": {"weight_decay": 0.1},
        },
        (),
        misfits,
    )
    assert not misfits
    assert config.lora.rank == 4
    assert config.peak_rate == 2e-4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "missing option 'student'"),
        ({"student": {}}, "give one of model"),
        ({"student": {"model": "a/b", "init": {}}}, "give one of model"),
        ({"student": {"init": {"hidden_size": 30, "heads": 4}}}, "even multiple of heads"),
        ({"student": {"init": {"vocab_size": 100}}}, "vocab_size"),
        ({"student": {"init": {}}, "trainer": {"seed": 3}}, "seed cannot be set here"),
        ({"student": {"init": {}}, "epoch": 3}, "unknown option 'epoch'"),
        ({"student": {"init": {}, "eos_token": "</s>"}}, "belong to model"),
        ({"student": {"init": {}}, "keep": 2, "epochs": 1}, "measure_every says after how many steps"),
    ],
)
def test_faults_are_named(options, says):
    misfits = []
    assert build(Config, options, (), misfits) is None
    assert any(says in misfit.what for misfit in misfits), misfits


def test_only_what_cannot_change_the_weights_is_left_out_of_the_key():
    def key(**options):
        return fingerprint(Config.model_validate({"student": {"init": {}}, **options}))

    assert key(save_every=7) == key(id="other") == key()
    for changed in (
        {"epochs": 1},
        {"threads": 1},
        {"packing": True},
        {"completion": "answer_only"},
        {"student": {"init": {"layers": 1}}},
        {"trainer": {"weight_decay": 0.5}},
        {"unfit": "drop"},
        {"keep": 2},
    ):
        assert key(**changed) != key()


def test_reserved_names_are_names_of_trl():
    import dataclasses

    from trl import SFTConfig

    assert {field.name for field in dataclasses.fields(SFTConfig)} >= RESERVED


def test_no_value_is_echoed():
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"student": {"init": {}}, "epochs": "sk-secret"})
    assert "sk-secret" not in str(caught.value)


def test_a_model_folder_is_known_by_its_content_and_a_hub_id_by_its_name(tmp_path):
    def key(model):
        return fingerprint(Config.model_validate({"student": {"model": str(model)}}))["student"]["model"]

    (tmp_path / "config.json").write_text("{}")
    before = key(tmp_path)
    assert before == key(tmp_path)
    (tmp_path / "config.json").write_text("{ }")
    assert before != key(tmp_path)
    assert key("owner/name") == "owner/name"
