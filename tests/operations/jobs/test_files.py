"""The files of each scheduler: sound, complete, and right about exit codes."""

import ast
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.resources import shipped
from tests import ROOT

ODD = "a ünusual/it's $HOME %d"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with an odd name, and a pipeline in it."""
    folder = tmp_path / ODD
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    lay_out("quickstart")
    return folder


def lay_out(pipeline):
    """A shipped pipeline as `my sums.yaml`, with the files that it names."""
    if not Path("data").exists():
        shutil.copytree(shipped("data/seeds"), "data/seeds")
        shutil.copytree(shipped("pipelines"), "pipelines")
    shutil.copy(shipped(f"pipelines/{pipeline}.yaml"), "my sums.yaml")


def script(files):
    """The batch script of the stages in shards."""
    return next(file for file in files if "filter" in file.name and "merge" not in file.name)


def write(kind, *options):
    result = CliRunner().invoke(app, ["jobs", kind, "my sums.yaml", *options])
    assert result.exception is None, (result.output, result.exception)
    return [Path(line) for line in result.stdout.splitlines()]


def stand_in(folder, name, text):
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


def test_every_shell_script_is_one(project):
    files = [file for kind in ("slurm", "kubernetes", "cron") for file in write(kind, "-o", f"jobs {kind}")]
    scripts = [file for file in files if file.read_text().startswith("#!")]
    assert len(scripts) >= 5
    for file in scripts:
        assert os.access(file, os.X_OK)
        subprocess.run(["bash", "-n", str(file)], check=True)


def test_values_that_the_command_was_given_are_given_on(project):
    given = ["--set", "seed=3", "--set", "teacher.identity=it's", "--runs", "my runs"]
    files = write("slurm", "--shards", "3", *given, "--ledger", "my ledger", "-o", "jobs")
    line = next(line for line in script(files).read_text().splitlines() if "synthgen run" in line)
    assert shlex.split(line.removesuffix(" &")) == [
        *("synthgen", "run", "my sums.yaml", "--from", "rationales", "--until", "filter", "--grace", "30"),
        *(*given, "--ledger", "my ledger", "--shard", "$shard/3"),
    ]
    merge = shlex.join(["synthgen", "merge", "my sums.yaml", "--of", "3", *given])
    assert merge in next(file for file in files if "merge" in file.name).read_text()


def run_script(file, folder, codes, **environment):
    """Runs a batch script with a stand-in for synthgen that ends with each of `codes` in turn."""
    programs = folder / "bin"
    (folder / "codes").write_text("".join(f"{code}\n" for code in codes))
    left, log = shlex.quote(str(folder / "codes")), shlex.quote(str(folder / "said"))
    say = f'echo "$@" >> {log}'
    stand_in(programs, "synthgen", f"{say}\ncode=$(head -n 1 {left})\nsed -i 1d {left}\nexit $code")
    stand_in(programs, "scontrol", f'echo "scontrol $@" >> {log}')
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "SYNTHGEN_WAIT": "0", "SLURM_JOB_ID": "77"}
    done = subprocess.run(["bash", str(file)], env=env | environment, capture_output=True, text=True)
    said = (folder / "said").read_text().splitlines()
    (folder / "said").unlink()
    return done.returncode, said


@pytest.mark.parametrize(
    ("codes", "ends", "requeued", "restarts"),
    [
        ([0], 0, False, 0),
        ([1], 0, True, 0),
        ([1], 1, False, 3),
        ([2], 2, False, 0),
        ([3], 3, False, 0),
        ([4], 4, False, 0),
        ([5, 5, 0], 0, False, 0),  # somebody else does it: waited for, then found done
        ([130], 0, True, 5),
        ([143], 0, True, 99),
        ([143], 143, False, 100),
        ([137], 0, True, 0),
    ],
)
def test_what_a_batch_script_does_about_each_exit_code(tmp_path, project, codes, ends, requeued, restarts):
    file = script(write("slurm", "--shards", "2"))
    code, said = run_script(
        file, tmp_path, codes, SLURM_ARRAY_TASK_ID="2", SLURM_RESTART_COUNT=str(restarts), FIRST="0"
    )
    assert code == ends
    assert ("scontrol requeue 77" in said) == requeued
    runs = [line for line in said if line.startswith("run")]
    assert len(runs) == len(codes) and all(line.endswith("--shard 2/2") for line in runs)


def test_a_batch_script_that_is_stopped_is_queued_again_whatever_the_run_makes_of_it(tmp_path, project):
    """torchrun ends with 1 where its processes were told to stop."""
    file = script(write("slurm", "--shards", "2"))
    log = shlex.quote(str(tmp_path / "said"))
    stand_in(tmp_path / "bin", "synthgen", "trap 'exit 1' TERM\necho up\nwhile :; do sleep 0.05; done")
    stand_in(tmp_path / "bin", "scontrol", f'echo "$@" >> {log}')
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "1"}
    env |= {"SLURM_JOB_ID": "77", "SLURM_RESTART_COUNT": "50"}  # more than a run that failed by itself gets
    job = subprocess.Popen(["bash", str(file)], env=env, stdout=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "up\n"
    job.terminate()
    assert job.wait(20) == 0 and (tmp_path / "said").read_text() == "requeue 77\n"
    job.stdout.close()


def test_a_task_of_a_later_array_does_a_later_shard(tmp_path, project):
    file = script(write("slurm", "--shards", "1500"))
    _, said = run_script(file, tmp_path, [0], SLURM_ARRAY_TASK_ID="500", FIRST="1000")
    assert said[0].endswith("--shard 1500/1500")


def test_submit_hands_in_each_job_behind_the_one_before(tmp_path, project):
    write("slurm", "--shards", "5", "--array-size", "2", "--at-once", "1", "-o", "here")
    log = shlex.quote(str(tmp_path / "log"))
    count = f'n=$(cat {log} 2>/dev/null | wc -l)\necho "$@" >> {log}\necho "$((n + 1));cluster"'
    stand_in(tmp_path / "bin", "sbatch", count)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["bash", str(Path("here/submit.sh").absolute())], env=env, check=True, cwd="/")
    lines = [line.removeprefix("--parsable --kill-on-invalid-dep=yes ") for line in open(tmp_path / "log")]
    assert [line.rstrip("\n") for line in lines] == [
        "here/01-questions-to-split.sbatch",
        "--dependency=afterok:1 --array=1-2%1 --export=ALL,FIRST=0 here/02-rationales-to-filter.sbatch",
        "--dependency=afterok:1 --array=1-2%1 --export=ALL,FIRST=2 here/02-rationales-to-filter.sbatch",
        "--dependency=afterok:1 --array=1-1%1 --export=ALL,FIRST=4 here/02-rationales-to-filter.sbatch",
        "--dependency=afterok:2:3:4 here/02-rationales-to-filter-merge.sbatch",
        "--dependency=afterok:5 here/03-dedup.sbatch",
        "--dependency=afterok:6 here/04-rationale_student-to-evaluate.sbatch",
    ]
    assert Path("here/logs").is_dir()


def test_students_are_trained_by_torchrun_where_there_are_several_gpus(project):
    def command(*options):
        file = write("slurm", "--overwrite", *options)[-2]
        return next(line.strip() for line in file.read_text().splitlines() if "synthgen run " in line)

    assert command().startswith("synthgen run")
    assert command("--gpus", "4").startswith("torchrun --standalone --nproc-per-node 4 -m synthgen run")
    several = command("--gpus", "8", "--nodes", "2")
    assert several.startswith("srun torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d")


def test_the_jobs_of_kubernetes(project):
    files = write("kubernetes", "--shards", "12", "--gpus", "2", "--grace", "45")
    jobs = {file.stem: YAML(typ="safe").load(file) for file in files if file.suffix == ".yaml"}
    shards = jobs["02-rationales-to-filter"]["spec"]
    student = jobs["04-rationale_student-to-evaluate"]["spec"]
    assert (shards["completionMode"], shards["completions"], shards["parallelism"]) == ("Indexed", 12, 8)
    rules = {rule["action"]: rule for rule in shards["podFailurePolicy"]["rules"] if "onExitCodes" in rule}
    assert rules["Ignore"]["onExitCodes"]["values"] == [130, 143]
    assert rules["FailJob"]["onExitCodes"]["values"] == [2, 3, 4]
    pod = shards["template"]["spec"]
    assert pod["restartPolicy"] == "Never" and pod["terminationGracePeriodSeconds"] > 45
    (container,) = student["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert "torchrun --standalone --nproc-per-node 2 -m synthgen" in container["args"][0]
    names = [job["metadata"]["name"] for job in jobs.values() if job["kind"] == "Job"]
    assert all(name == name.lower() and len(name) <= 63 and "_" not in name for name in names)
    applied = next(file for file in files if file.name == "apply.sh").read_text()
    assert all(f"run {name} " in applied for name in names)
    shell = pod["containers"][0]["args"][0].replace("exec synthgen", "printf '%s|'")
    said = subprocess.run(
        ["sh", "-c", shell], env={"JOB_COMPLETION_INDEX": "3"}, capture_output=True, text=True, check=True
    ).stdout
    assert said.endswith("--shard|4/12|")


def test_kubernetes_takes_the_files(project):
    validate = pytest.importorskip("kubernetes_validate")
    for file in write("kubernetes", "--shards", "12"):
        if file.suffix == ".yaml":
            validate.validate(YAML(typ="safe").load(file), validate.latest_version(), strict=True)


def test_keys_come_from_a_secret_and_stand_nowhere(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-indeed")
    lay_out("respond")
    texts = {
        file: file.read_text()
        for kind in ("slurm", "kubernetes", "cron", "airflow")
        for file in write(kind, "--overwrite")
    }
    assert not [file for file, text in texts.items() if "sk-very-secret" in text]
    secret = '{name: "synthgen-keys", key: OPENAI_API_KEY}'
    named = f"{{name: OPENAI_API_KEY, valueFrom: {{secretKeyRef: {secret}}}}}"
    assert any(named in text for text in texts.values())


def test_an_attempt_by_cron_runs_in_the_projects_folder_whatever_its_name(tmp_path, project):
    files = {file.name: file for file in write("cron", "--minutes", "5", "--grace", "10")}
    stand_in(tmp_path / "bin", "synthgen", 'pwd; printf "%s|" "$@"; exit 5')
    line = files["crontab"].read_text().splitlines()[-1]
    assert line.startswith("*/5 * * * * ")
    command = line.removeprefix("*/5 * * * * ").replace(r"\%", "%")  # as cron takes it
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=env, cwd="/")
    assert done.returncode == 0  # 5: the attempt before this one is still at work
    log = next(project.rglob("run.log")).read_text()
    assert log == f"{project}\nrun|my sums.yaml|--grace|10|"
    service = files["quickstart.service"].read_text()
    assert "TimeoutStopSec=40" in service and "%%d" in service and "$$HOME" in service


def test_a_signal_to_the_attempt_reaches_the_run(tmp_path, project):
    (file,) = [file for file in write("cron") if file.name == "run.sh"]
    stand_in(tmp_path / "bin", "synthgen", "trap 'exit 143' TERM\necho up\nwhile :; do sleep 0.05; done")
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    attempt = subprocess.Popen(["bash", str(file.absolute())], env=env, stdout=subprocess.PIPE, text=True)
    assert attempt.stdout.readline() == "up\n"
    attempt.terminate()
    assert attempt.wait(20) == 143
    attempt.stdout.close()


def test_the_dag_is_python_and_holds_every_command(project):
    (file,) = write("airflow", "--shards", "3", "--setup", "source it's")
    tree = ast.parse(file.read_text())
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    strings = {value for value in values if isinstance(value, str)}
    assert str(project) in strings and "source it's" in strings
    assert any("--from rationales --until filter" in text for text in strings)
    assert any("merge" in text and "--of 3" in text for text in strings)
    assert "[2, 3, 4]" in file.read_text()


def test_files_that_somebody_changed_are_not_replaced(project):
    files = write("slurm")
    files[0].write_text("mine")
    refused = CliRunner().invoke(app, ["jobs", "slurm", "my sums.yaml"])
    assert "already there" in str(refused.exception) and files[0].read_text() == "mine"
    assert write("slurm", "--overwrite") == files and files[0].read_text() != "mine"


@pytest.mark.slow
def test_the_batch_scripts_run_one_after_the_other_give_the_bytes_of_one_run(tmp_path, project):
    sets = [word for value in ("questions.num_rows=40", "split.test=5") for word in ("--set", value)]
    stand_in(tmp_path / "bin", "synthgen", f'PYTHONPATH={ROOT} exec {sys.executable} -m synthgen "$@"')
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    for file in sorted(write("slurm", "--shards", "2", *sets), key=lambda file: file.stem):
        if file.suffix == ".sbatch" and not file.name.startswith("04"):
            for task in ("1", "2") if file.name == "02-rationales-to-filter.sbatch" else ("",):
                subprocess.run(["bash", str(file)], env=env | {"SLURM_ARRAY_TASK_ID": task}, check=True)
    whole = ["synthgen", "run", "my sums.yaml", *sets, "--until", "dedup", "--runs", "whole"]
    subprocess.run(whole, env=env, check=True)
    for stage in ("rationales", "filter", "dedup"):
        sharded = Path("data/runs/quickstart", stage, "rows.jsonl").read_bytes()
        assert sharded == Path("whole/quickstart", stage, "rows.jsonl").read_bytes()
