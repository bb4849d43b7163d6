"""A trained student in the variants in which it can be run: as it is, in half the bytes, or quantised."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthgen.core.errors import ConfigError, StageFailed, first_line
from synthgen.training.architecture import Source, convert, load_model, read_config
from synthgen.training.gguf import Conversion, write_gguf
from synthgen.training.student import quiet_libraries

if TYPE_CHECKING:
    from torch.nn import Module

Variant = Literal["merged", "bfloat16", "int8", "int4", "gguf"]
QUANTISED: frozenset[Variant] = frozenset(("int8", "int4"))
INSTALL = "pip install 'synthgen-pipeline[quantise]'"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")
_OWN = ("config.json", "generation_config.json", "model.safetensors.index.json", "README.md")


def lacks_torchao(variants: tuple[Variant, ...]) -> bool:
    """Whether a variant needs torchao, and it is not installed."""
    return bool(QUANTISED & set(variants)) and importlib.util.find_spec("torchao") is None


def write_variant(
    model: Path,
    variant: Variant,
    out: Path,
    *,
    group_size: int,
    trusted: bool,
    conversion: Conversion | None = None,
) -> None:
    """Writes a folder that `from_pretrained` loads, with the student's own tokenizer beside the weights.

    `merged` is a copy of the files as they are. Quantised variants leave embeddings and the head as they are.
    `gguf` is loaded by `from_pretrained(folder, gguf_file="model.gguf")`, and by llama.cpp.

    Args:
        model: the student's folder.
        variant: which one.
        out: the folder that is made.
        group_size: for int4: how many weights share a scale.
        trusted: whether code that comes with the model may run.
        conversion: for gguf: how the file is made.

    Raises:
        ConfigError: torchao is not installed, or a layer's width is no multiple of the groups.
        StageFailed: the student cannot be loaded, or saved so.
    """
    out.mkdir(parents=True)
    plain = variant == "merged"
    for file in sorted(path for path in model.iterdir() if path.is_file()):
        if plain or not (file.suffix in _WEIGHTS or file.name in _OWN):
            shutil.copyfile(file, out / file.name)
    if variant == "gguf":
        shutil.copyfile(model / "config.json", out / "config.json")
        write_gguf(model, out, conversion or Conversion())
    if plain or variant == "gguf":
        return
    source = Source(str(model), None, trusted, True)
    try:
        with quiet_libraries():
            if variant == "bfloat16":
                _save_converted(source, out)
            else:
                _save_quantised(source, variant, out, group_size)
    except (ConfigError, MemoryError):
        raise
    except Exception as fault:  # torchao and the model's own code raise errors of any kind
        first = first_line(fault)
        raise StageFailed(
            f"{variant}: the student cannot be saved so: {first}",
            str(model),
            f"leave {variant} out of `variants`",
        ) from fault


def _save_converted(source: Source, out: Path) -> None:
    import torch

    model = load_model(source, dtype="auto")
    convert(model, torch.bfloat16)
    model.save_pretrained(out)


def _save_quantised(source: Source, variant: Variant, out: Path, group_size: int) -> None:
    if lacks_torchao((variant,)):
        raise ConfigError(f"{variant} needs a package that is not installed (torchao)", next=INSTALL)
    from transformers import TorchAoConfig

    model = load_model(source, dtype="auto")
    if variant == "int4":
        _require_groups(model, group_size, source.name)
    del model
    asked = TorchAoConfig(quant_type=_scheme(variant, group_size))
    load_model(source, read_config(source), dtype="auto", quantization_config=asked).save_pretrained(out)


def _scheme(variant: Variant, group_size: int) -> Any:
    """How torchao rounds weights: int8 with a scale a row, int4 with a scale a group."""
    import torch
    from torchao.quantization import Int8WeightOnlyConfig, IntxWeightOnlyConfig
    from torchao.quantization.granularity import PerGroup

    if variant == "int8":
        return Int8WeightOnlyConfig()
    # Packed int4 needs a GPU's kernels; this variant loads everywhere, and holds a weight in a byte.
    return IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(group_size))


def _require_groups(model: Module, group_size: int, where: str) -> None:
    import torch

    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    widths = sorted(
        {
            part.in_features
            for part in model.modules()
            if isinstance(part, torch.nn.Linear) and part is not head
        }
    )
    if unfit := [width for width in widths if width % group_size]:
        fits = next((size for size in (128, 64, 32, 16, 8, 4, 2) if not any(w % size for w in widths)), 0)
        raise ConfigError(
            f"int4: groups of {group_size} do not divide the student's layers "
            f"({', '.join(map(str, unfit))} wide)",
            where,
            f"group_size: {fits}" if fits else "leave int4 out of `variants`",
        )


def size_of(folder: Path) -> int:
    """The bytes of a model's folder: weights, tokenizer and settings."""
    return sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "README.md"
    )


def parameters_of(folder: Path) -> int:
    """How many weights a model has; 0 where its family cannot be made without them.

    A quantised variant has as many as the student that it was made of.
    """
    from synthgen.training.architecture import without_weights

    config = read_config(Source(str(folder), None, False, True))
    model = without_weights(config)
    return 0 if model is None else sum(weight.numel() for weight in model.parameters())
