"""What is said under `trainer:` holds where synthgen has a value of its own for the device."""

from pathlib import Path

from synthgen.stages import sft
from synthgen.training.trainer import _arguments


def test_an_option_of_trls_config_overrides_what_the_device_would_have():
    for wanted in (True, False):
        options = sft.Config.model_validate(
            {"student": {"init": {}}, "trainer": {"gradient_checkpointing": wanted}}
        )
        made = _arguments(options, options.objective, 1, 0, Path("checkpoints"))
        assert made.gradient_checkpointing is wanted
