"""A student's or teacher's name that is meant for a folder or a file here, and not for a model on the hub."""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path

from synthgen.core.errors import Fault

DATA_FILES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".zst", ".gz")
WEIGHTS = (".gguf", ".safetensors", ".bin", ".pt")
ALIKE = 0.8  # of difflib's ratio: one letter more, less or other in five


def mistaken_name(name: str, role: str = "student") -> Fault | None:
    """What is wrong with a model's name that names a file, or is nearly that of a model's folder here.

    A folder, and a model in the hub's cache, are taken as they are. A hub id without an owner (`gpt2`) is
    only doubted where a folder with a config.json beside it has nearly this name.
    """
    path = Path(name)
    if path.is_dir():
        return None
    ending = path.suffix.lower()
    if path.is_file() or ending in (*DATA_FILES, *WEIGHTS):
        kind = (
            "a file of weights" if ending in WEIGHTS else "a data file" if ending in DATA_FILES else "a file"
        )
        advice = f"{role}: {{model: …}} takes a hub id (owner/name), or a folder as save_pretrained writes it"
        return Fault(f"the {role} is {kind}, and no model's folder", name, advice)
    near = _folder_like(path)
    if near is None or _in_cache(name):
        return None
    return Fault(
        "no such folder here", name, f"did you mean {near!r}? A hub id can be written with its owner"
    )


def unfit_folder(name: str, role: str = "student") -> Fault | None:
    """What is wrong with a model's name that can only be a folder: it is not there, or holds no model."""
    advice = f"{role}: {{model: …}} takes a hub id (owner/name) or a folder"
    if Path(name).is_dir():
        if (Path(name) / "config.json").is_file():
            return None
        return Fault(
            f"the {role}'s folder holds no config.json", name, f"{advice} as save_pretrained writes it"
        )
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        return Fault(f"the {role}'s folder does not exist", name, advice)
    return None


def _folder_like(path: Path) -> str | None:
    """The model's folder beside it with nearly this name. Names with other digits are other models."""
    if not path.parent.is_dir():
        return None
    for config in sorted(path.parent.glob("*/config.json")):
        other = config.parent.name
        if re.findall(r"\d+", other) != re.findall(r"\d+", path.name):
            continue
        ratio = difflib.SequenceMatcher(None, other.lower(), path.name.lower()).ratio()
        if ratio >= ALIKE or sorted(other.lower()) == sorted(path.name.lower()):
            return str(config.parent)
    return None


def _in_cache(name: str) -> bool:
    if importlib.util.find_spec("huggingface_hub") is None:
        return False
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False
