"""Job files of pipelines, folders and options with odd names: no name is run, or read as an option."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from jinja2 import Template
from ruamel.yaml import YAML
from typer.testing import CliRunner

from synthgen.cli import app

PIPELINE = """
version: 1
name: sums
teacher: {provider: builtin}
stages:
  - generate: {id: ID, task: self_instruct, kind: question, seeds: seeds.jsonl, num_rows: 3}
  - generate: {id: ID2, task: rationale}
  - filter: {id: ID3, rules: [truncated]}
"""
SEED = (
    '{"instruction": "Ann has 3 hens. She buys 2. How many now?", "output": "3 + 2 = 5. The answer is 5."}\n'
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder, in which `pipeline` writes a pipeline."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    pipeline("p.yaml")


def pipeline(name, stage="s"):
    Path("seeds.jsonl").write_text(SEED)
    Path(name).write_text(PIPELINE.replace("ID", stage))


def jobs(kind, *words):
    """(files, what was wrong)."""
    result = CliRunner().invoke(app, ["jobs", kind, *words])
    assert result.exception is None or result.exit_code, result.exception
    return [Path(line) for line in result.stdout.splitlines()], str(result.exception or "")


def stand_in(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("slurm", "-o", "a\ntouch ran\n#"),
        ("slurm", "-o", "a\rb"),
        ("slurm", "--time", "1:00\ntouch ran"),
        ("slurm", "--directive", "--partition=cpu\ntouch ran"),
        ("cron", "-o", "a\n* * * * * touch ran"),
        ("kubernetes", "--image", "a\nRUN touch ran"),
    ],
)
def test_a_line_break_begins_no_line_of_a_file(project, kind, option, value):
    files, wrong = jobs(kind, "p.yaml", "--set", "s.num_rows=4", option, value)
    assert (
        not files
        and "a line of a job file cannot hold" in wrong
        and "\n*" not in wrong
        and "\ntouch" not in wrong
    )
    assert sorted(os.listdir()) == ["p.yaml", "seeds.jsonl"]


@pytest.mark.parametrize("kind", ["slurm", "kubernetes", "cron", "airflow"])
def test_values_and_setup_may_have_several_lines(project, kind):
    files, _ = jobs(
        kind, "p.yaml", "--set", "s={num_rows: 4,\n draw: 2}", "--setup", "module load a\nexport B=1"
    )
    assert any("module load a" in file.read_text() for file in files)


@pytest.mark.parametrize("kind", ["slurm", "kubernetes", "cron", "airflow"])
def test_a_pipeline_is_no_option_though_its_name_begins_with_a_dash(project, kind):
    pipeline("-p.yaml")
    files, _ = jobs(
        kind, "./-p.yaml", "--set", "seed=1", "-o", "./-o", *(["--shards", "2"] * (kind != "cron"))
    )
    texts = "".join(file.read_text() for file in files)
    assert re.search(r"synthgen run \./-p\.yaml ", texts) and not re.search(r"(run|merge) -p", texts)


def test_a_job_is_handed_in_from_a_folder_whose_name_is_shell(tmp_path, project, monkeypatch):
    odd = tmp_path / "$(touch ran)`touch ran`\"'"
    odd.mkdir()
    monkeypatch.chdir(odd)
    pipeline("p.yaml")
    env = stand_in(tmp_path / "bin", "sbatch", f'pwd >> {tmp_path}/log; test -f "${{@: -1}}"; echo 1')
    for out in ("../elsewhere", "./-o", 'a "b" c'):
        files, _ = jobs("slurm", "p.yaml", "-o", out)
        subprocess.run(["bash", "-e", files[-1].resolve()], env=env, cwd="/", check=True)
    assert (tmp_path / "log").read_text() == f"{odd}\n" * 3
    assert '#SBATCH --output="a \\"b\\" c/logs/%x-%j.log"' in files[0].read_text()
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize("name", ["a%jb", "a%4tb", "a\\b"])
def test_slurm_would_lose_the_logs_of_a_folder_whose_name_is_a_pattern(project, name):
    files, wrong = jobs("slurm", "p.yaml", "-o", name)
    assert not files and "Slurm writes no logs" in wrong


def test_airflow_fills_in_nothing_of_a_command(project):
    hostile = "x{{ 7*7 }}{% endraw %}{{{7}}}{# c #}"
    files, _ = jobs("airflow", "p.yaml", "--runs", hostile, "--setup", "echo ${#HOME} {{ ds }}")
    strings = [
        node.value for node in ast.walk(ast.parse(files[0].read_text())) if isinstance(node, ast.Constant)
    ]
    (line,) = [text for text in strings if "--runs" in str(text)]
    assert f"--runs '{hostile}'" in Template(str(line)).render()
    (setup,) = [text for text in strings if "HOME" in str(text)]
    assert Template(str(setup)).render(ds="2026") == "echo ${#HOME} {{ ds }}"


def test_each_job_of_kubernetes_has_a_name_of_its_own_that_pods_can_bear(project):
    pipeline("p.yaml", "A_-_" + "long" * 20)
    files, _ = jobs("kubernetes", "p.yaml", "--shards", "1500")
    made = [YAML(typ="safe").load(file) for file in files if file.suffix == ".yaml"]
    named = {
        job["metadata"]["name"]: job["spec"].get("completions", 1) for job in made if job["kind"] == "Job"
    }
    assert len(named) == len(files) - 3 == 3  # apply.sh, Dockerfile and the volume are no jobs
    for name, completions in named.items():
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name) and len(f"{name}-{completions - 1}") <= 63


def test_what_a_cluster_is_told_is_text_and_not_yaml(project):
    odd = 'a: {b} # "c"'
    words = ["--image", odd, "--claim", odd, "--memory", odd, "--cpus", odd, "--storage", odd]
    files, _ = jobs("kubernetes", "p.yaml", *words)
    volume, job = [
        YAML(typ="safe").load(file) for file in sorted(files, reverse=True) if file.suffix == ".yaml"
    ]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == container["resources"]["limits"]["memory"] == odd
    assert volume["metadata"]["name"] == volume["spec"]["resources"]["requests"]["storage"] == odd


def test_a_file_that_is_no_text_is_not_replaced(project):
    files, _ = jobs("slurm", "p.yaml")
    files[0].write_bytes(b"\xff\xfe")
    assert "already there" in jobs("slurm", "p.yaml")[1]


@pytest.mark.parametrize("seconds", ["inf", "1e300", "nan"])
def test_a_grace_without_end_is_refused(project, seconds):
    files, wrong = jobs("cron", "p.yaml", "--grace", seconds)
    assert not files and wrong == "2"
