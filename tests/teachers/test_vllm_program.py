"""What can be known of vLLM's program and model before a server is started."""

import os
import sys
from pathlib import Path

import pytest

from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.teachers.providers.vllm import VLLM, VLLMConfig
from synthgen.teachers.vllm_program import program_faults


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An environment without vLLM, and what makes it look as if there were one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modules").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def started_by(interpreter):
    """The head of a script as pip writes it."""
    if " " not in str(interpreter) and len(str(interpreter)) < 124:
        return f"#!{interpreter}\n"
    quoted = f'"{interpreter}"' if " " in str(interpreter) else interpreter
    return f"#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''\n"


def install(place, module=True, distribution=True, command=True, head=None):
    if module:
        (place / "modules" / "vllm.py").write_text("raise SystemExit('loaded')")
    if distribution:
        about = place / "modules" / "vllm-0.32.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0\n")
    if command:
        (place / "bin" / "vllm").write_text(started_by(sys.executable) if head is None else head)
        (place / "bin" / "vllm").chmod(0o755)


def faults(python=None, model="owner/name"):
    return [fault.what for fault in program_faults(python, model, os.environ)]


def test_a_whole_environment_has_no_faults_and_vllm_is_not_imported(place):
    install(place)
    assert faults() == [] and faults(sys.executable) == []


def test_no_program_is_said_with_the_way_out(place):
    (fault,) = program_faults(None, "owner/name", os.environ)
    assert fault.what == "vLLM is not installed here" and "synthgen-pipeline[vllm]" in fault.next
    assert faults("/no/such/python") == ["no such interpreter"]


def test_an_interpreter_that_finds_no_vllm_is_named(place):
    (fault,) = program_faults(sys.executable, "owner/name", os.environ)
    assert (
        fault.what == f"{sys.executable} finds no vLLM" and fault.where == f"teacher.python: {sys.executable}"
    )
    install(place, module=False, distribution=False)
    assert faults() == [f"{sys.executable} finds no vLLM"]


def test_a_command_of_a_distribution_by_another_name_is_reported_with_its_interpreter(place):
    install(place, distribution=False)
    (fault,) = program_faults(None, "owner/name", os.environ)
    assert "not called vllm" in fault.what and fault.next.startswith(f"teacher: {{python: {sys.executable}}}")
    assert faults(sys.executable) == []  # the module itself is there, and that is what `python:` starts


@pytest.mark.parametrize("folder", ["a path", "long" * 40])
def test_the_interpreter_of_a_script_in_an_odd_place_is_known(place, folder):
    odd = place / folder / "python"
    odd.parent.mkdir()
    odd.symlink_to(sys.executable)
    assert started_by(odd).startswith("#!/bin/sh")
    install(place, module=False, distribution=False, head=started_by(odd))
    assert faults() == [f"{odd} finds no vLLM"]


@pytest.mark.parametrize(
    "head", ["\x7fELF", "#!/bin/sh\n", "#!/no/such/python\n", "#!/usr/bin/env -S python -x\n"]
)
def test_a_program_that_is_no_python_script_is_left_to_itself(place, head):
    install(place, module=False, distribution=False, head=head)
    assert faults() == []


def test_a_probe_that_cannot_run_or_takes_too_long(place, monkeypatch):
    (place / "python").write_text("#!/no/such/interpreter\n")
    (place / "python").chmod(0o755)
    assert faults(str(place / "python")) == [f"{place / 'python'} finds no vLLM"]
    slow = place / "slow"
    slow.write_text(f"{started_by(sys.executable)}import time\ntime.sleep(30)\n")
    slow.chmod(0o755)
    monkeypatch.setattr("synthgen.teachers.vllm_program.PROBE_SECONDS", 0.2)
    assert faults(str(slow)) == []  # unknown is no fault


@pytest.mark.parametrize("model", ["/no/such/folder", "./models/teacher", "~/teacher", "models/of/ours"])
def test_a_folder_that_is_not_there(place, model):
    install(place)
    assert faults(model=model) == ["the teacher's folder does not exist"]


def test_a_folder_without_a_model_and_files_that_are_one(place):
    install(place)
    folder = place / "model"
    folder.mkdir()
    assert faults(model="model") == ["the teacher's folder holds no config.json"]
    (folder / "config.json").write_text("{}")
    (place / "model.gguf").write_text("")
    assert faults(model="model") == [] and faults(model=str(place / "model.gguf")) == []


def test_validate_and_start_tell_all_of_it_and_an_address_is_left_alone(place):
    text = (
        "version: 1\nname: p\nteacher: {{provider: vllm, model: {model}{more}}}\nstages:\n- load: "
        "{{sources: rows.jsonl}}\n- generate: {{task: respond}}\n"
    )
    Path("rows.jsonl").write_text('{"instruction": "a"}\n')
    Path("p.yaml").write_text(text.format(model="./gone", more=""))
    wrong = [
        finding.fault.what
        for finding in findings(load_pipeline(Path("p.yaml")), offline=True)
        if finding.level == "error"
    ]
    assert wrong == [
        "the teacher: the teacher's folder does not exist",
        "the teacher: vLLM is not installed here",
    ]
    with pytest.raises(ConfigError) as caught:
        VLLM(VLLMConfig(model="./gone")).start(Reporter("silent"), lambda: 0)
    assert len(caught.value.faults) == 2
    Path("p.yaml").write_text(text.format(model="./gone", more=", base_url: 'http://127.0.0.1:9/v1'"))
    assert [
        finding
        for finding in findings(load_pipeline(Path("p.yaml")), offline=True)
        if finding.level == "error"
    ] == []
