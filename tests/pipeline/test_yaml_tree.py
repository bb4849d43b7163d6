"""What is advised where a pipeline file is no YAML."""

import io

import pytest
from ruamel.yaml import YAML

from synthgen.core.config import fingerprint, resolved
from synthgen.core.errors import ConfigError
from synthgen.core.hashing import value_hash
from synthgen.pipeline.file import load_pipeline

HEAD = "version: 1\nname: p\nstages:\n  - load: {sources: [a.jsonl]}\n"


@pytest.mark.parametrize(
    ("stage", "advice"),
    [
        ("\t- filter: {rules: [length]}", "indent with spaces, not with tabs"),
        ("  - filter {rules: [length]}", "put a colon after `filter`"),
        ("  - dedup: {methods:[exact]}", "put a space after the colon of `methods:`"),
        (
            "  - filter: {rules: [length]\n  - dedup: {methods: [exact]}",
            "a bracket that line 5 opens may not be closed",
        ),
        (
            "  - load: {id: b, sources: [{path: b.csv, columns: {instruction: Prompt: Text}}]}",
            "put quotes around a text that holds a colon, a comma or a bracket",
        ),
        (
            " - dedup: {methods: [exact]}",
            "stages begin with `- `, and the lines of one list or mapping are indented alike",
        ),
    ],
)
def test_the_likely_slip_is_named(in_tmp, stage, advice):
    (in_tmp / "p.yaml").write_text(f"{HEAD}{stage}\n")
    with pytest.raises(ConfigError) as raised:
        load_pipeline(in_tmp / "p.yaml")
    (fault,) = raised.value.faults
    assert fault.what.startswith("not valid YAML")
    assert fault.next == advice


def test_a_slip_that_nobody_can_tell_gets_no_advice(in_tmp):
    (in_tmp / "p.yaml").write_text("version: 1\nname: *nobody\n")
    with pytest.raises(ConfigError) as raised:
        load_pipeline(in_tmp / "p.yaml")
    assert not raised.value.faults[0].next


@pytest.mark.parametrize("by_set", [False, True], ids=["file", "--set"])
def test_numbers_of_options_that_take_any_value_can_be_hashed_and_written(in_tmp, by_set):
    given = {"weight_decay": "0.1", "max_grad_norm": "1.0", "adam_epsilon": "1e-6"}
    steps = "lr_scheduler_kwargs: {steps: [0x10, 2_5]}"
    trainer = f"{{{', '.join(f'{name}: {value}' for name, value in given.items())}, {steps}}}"
    written = "{}" if by_set else trainer
    (in_tmp / "p.yaml").write_text(f"{HEAD}  - sft: {{student: {{init: {{}}}}, trainer: {written}}}\n")
    set_ = [f"sft.trainer={trainer}"] if by_set else []
    config = load_pipeline(in_tmp / "p.yaml", (), set_).stage("sft").config
    read = config.model_dump()["trainer"]
    numbers = [read[name] for name in given] + read["lr_scheduler_kwargs"]["steps"]
    assert numbers == [0.1, 1.0, 1e-6, 16, 25] and {type(number) for number in numbers} == {int, float}
    assert len(value_hash(fingerprint(config))) == 32
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(resolved(config), text)
    assert "weight_decay: 0.1" in text.getvalue()
