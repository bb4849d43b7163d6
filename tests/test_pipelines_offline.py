"""Every shipped pipeline runs without a network, as its Offline lines say, where `synthgen init` put it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.core.errors import SynthgenError
from synthgen.core.resources import shipped
from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.store.manifest import read_manifest

pytestmark = pytest.mark.slow

PIPELINES = sorted(shipped("pipelines").glob("*.yaml"))
WITH_REPLIES = {"attributes", "conversation", "documents", "evolve", "judge", "magpie", "preferences"}
TINY = "{init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 320}}"
TAUGHT = "{init: {hidden_size: 32, layers: 1, heads: 2, tokenizer_of: big}}"
SMALLER = {
    "quickstart": [
        "questions.num_rows=240",
        "split.test=20",
        f"rationale_student.student={TINY}",
        f"answer_student.student={TINY}",
        "rationale_student.epochs=1",
        "answer_student.epochs=1",
        "rationale_student.max_length=256",
        "answer_student.max_length=256",
        "evaluate.max_new_tokens=8",
    ],
    "step_by_step": [
        "questions.num_rows=160",
        "split.test=20",
        "evaluate.max_new_tokens=8",
        *(
            f"{student}.{option}"
            for student in ("two_tasks", "rationale_first", "answer_only")
            for option in (f"student={TINY}", "epochs=1", "max_length=256")
        ),
    ],
    "distill_methods": [
        "questions.num_rows=160",
        "split.test=20",
        f"big.student={TINY}",
        "big.epochs=1",
        "big.max_length=256",
        "few.sample.size=40",
        *(
            f"{student}.{option}"
            for student in ("text", "forward_kl", "top_5", "feature", "relation")
            for option in (f"student={TAUGHT}", "epochs=1", "max_length=256")
        ),
        "on_policy.epochs=1",
        "on_policy.max_length=256",
        "on_policy.own_text.max_new_tokens=4",
        *(f"{student}.seeds=[0, 1]" for student in ("text", "on_policy")),
        *(f"{student}.seeds=[0]" for student in ("forward_kl", "top_5", "feature", "relation")),
        "evaluate.max_new_tokens=8",
    ],
    "distill_smollm": [  # its model is brought by `make real-student`
        "questions.num_rows=160",
        "split.test=20",
        f"big.student={TINY}",
        "few.sample.size=40",
        *(f"{student}.student={TAUGHT}" for student in ("text", "forward_kl")),
        *(
            f"{student}.{option}"
            for student in ("big", "text", "forward_kl")
            for option in ("max_length=256", "threads=1")
        ),
        "evaluate.max_new_tokens=8",
    ],
    "improve_families": [
        *(f"{family}.num_rows=60" for family in ("knights", "syllogisms", "sums")),
        "split.test=20",
        "split.validation=20",
        f"student.student={TINY}",
        "student.epochs=1",
        "student.max_length=512",
        "evaluate.max_new_tokens=8",
    ],
    "prefer": [
        "questions.num_rows=160",
        "split.test=20",
        f"first.student={TINY}",
        "first.epochs=1",
        "second.epochs=1",
        "first.max_length=256",
        "second.max_length=256",
        "evaluate.max_new_tokens=8",
    ],
}
"""Where the Offline lines (or the pipeline itself) would take minutes: what the test makes smaller."""

WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        said = str(address[0] if isinstance(address, tuple) else address)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        said = str(arguments[0])
    else:
        return
    with open(os.environ["ASKED_HOSTS"], "a") as out:
        out.write(said + "\\n")

sys.addaudithook(watch)
"""


def offline_commands(path: Path) -> list[list[str]]:
    """The commands of a pipeline's Offline lines; a line of options only means `synthgen run` with them."""
    opening = path.read_text().split("version:")[0].splitlines()
    starts = [position for position, line in enumerate(opening) if line.startswith("# Offline")]
    if not starts:
        return [["run", f"pipelines/{path.name}"]]
    lines = [opening[starts[0]].removeprefix("# Offline").strip()]
    for line in opening[starts[0] + 1 :]:
        if not line.startswith("#  "):
            break
        lines.append(line[1:].strip())
    text = "\n".join(lines).replace("\\\n", " ")
    commands = []
    for line in text.splitlines():
        words = shlex.split(line.split("     (")[0])
        commands.append(words[1:] if words[0] == "synthgen" else ["run", f"pipelines/{path.name}", *words])
    return commands


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    assert synthgen(folder, ["init"], folder / "init").returncode == 0
    return folder


def synthgen(folder: Path, arguments: list[str], asked: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_API_KEY") and "proxy" not in name.lower()
    }
    environment |= {
        "PYTHONPATH": str(folder / "watch"),
        "ASKED_HOSTS": str(asked),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", "from synthgen.cli import main; main()", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def hosts(asked: Path) -> set[str]:
    """Who was asked: nobody, where the watch wrote no file."""
    return set(asked.read_text().splitlines()) if asked.exists() else set()


def test_the_watch_sees_who_is_asked(laid_out: Path, tmp_path: Path) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        options = [
            "--set",
            f"teacher.base_url=http://127.0.0.1:{port}/v1",
            "--set",
            "teacher.limits={max_attempts: 1, timeout: 1}",
            "--ledger",
            str(tmp_path / "none"),
        ]
        done = synthgen(
            laid_out,
            [
                "run",
                "pipelines/judge.yaml",
                "--values",
                "pipelines/replies/teacher.yaml",
                "--runs",
                str(tmp_path / "runs"),
                *options,
            ],
            tmp_path / "asked",
        )
    assert done.returncode != 0 and "127.0.0.1" in hosts(tmp_path / "asked")


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_a_pipeline_runs_as_its_offline_lines_say(path: Path, laid_out: Path, tmp_path: Path) -> None:
    commands = offline_commands(path)
    assert [command[0] for command in commands] == (
        ["ledger", "run"] if path.stem in WITH_REPLIES else ["run"]
    )
    smaller = [word for value in SMALLER.get(path.stem, ()) for word in ("--set", value)]
    for command in commands:
        done = synthgen(laid_out, [*command, *(smaller if command[0] == "run" else ())], tmp_path / "asked")
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    asked = hosts(tmp_path / "asked")
    if path.stem in WITH_REPLIES:
        assert not asked, "what is in the ledger is asked of nobody"
    else:
        assert "127.0.0.1" in asked and asked <= {"127.0.0.1", "localhost", "::1"}, (
            "nothing but this machine's own builtin teacher is asked"
        )
    run = laid_out / "data" / "runs" / load_pipeline(path).name
    until = commands[-1][commands[-1].index("--until") + 1] if "--until" in commands[-1] else None
    ids = [spec.id for spec in load_pipeline(path, (), SMALLER.get(path.stem, ())).stages]
    for stage in ids[: ids.index(until) + 1] if until else ids:
        manifest = read_manifest(run / stage)
        assert manifest is not None, f"{stage} was not published"
        counts = manifest.counts
        assert counts["in"] == counts["kept"] + sum(counts["rejected"].values()) + sum(
            counts["failed"].values()
        ), stage
        assert counts["kept"] > 0, stage
        rejected = run / stage / "rejected.jsonl"
        if rejected.exists():
            assert len(rejected.read_bytes().splitlines()) == sum(counts["rejected"].values()) + sum(
                counts["failed"].values()
            ), stage
    if (run / "export").exists():
        rows = [json.loads(line) for line in (run / "export" / "data.jsonl").read_text().splitlines()]
        assert 5 <= len(rows) == read_manifest(run / "export").counts["kept"]


@pytest.mark.parametrize("name", ["alpaca_openai", "rationale_vllm"])
def test_pipelines_with_a_hub_student_train_and_measure_a_tiny_one_in_its_place(
    name: str, laid_out: Path, tmp_path: Path
) -> None:
    (command,) = offline_commands(laid_out / "pipelines" / f"{name}.yaml")
    position = command.index("--until")
    values = [
        f"student.student={TINY}",
        "student.epochs=1",
        "student.method=full",
        "student.max_length=400",
    ] + (["evaluate.max_new_tokens=8"] if name == "rationale_vllm" else [])
    done = synthgen(
        laid_out,
        [
            *command[:position],
            *command[position + 2 :],
            *(word for value in values for word in ("--set", value)),
            "--runs",
            str(tmp_path),
        ],
        tmp_path / "asked",
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / load_pipeline(laid_out / "pipelines" / f"{name}.yaml").name
    assert (run / "student" / "model" / "config.json").exists()
    assert hosts(tmp_path / "asked") <= {"127.0.0.1", "localhost", "::1"}
    last = read_manifest(run / ("evaluate" if name == "rationale_vllm" else "export"))
    assert last is not None and last.counts["kept"] > 0


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_validate_finds_nothing_wrong_but_what_is_the_users_to_bring(
    path: Path, laid_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(laid_out)
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-here")
    wrong = [
        finding.fault for finding in findings(load_pipeline(path), offline=True) if finding.level == "error"
    ]
    to_bring = ("questions.csv", "data/models/smollm2-135m-instruct")
    assert [fault for fault in wrong if fault.where not in to_bring] == []


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_the_command_of_a_pipeline_is_one_that_it_can_take(path: Path) -> None:
    opening = path.read_text().split("version:")[0]
    commands = re.findall(r"synthgen (\w+) ([^\s)]+)", opening)
    assert commands and all(
        file == f"pipelines/{path.name}"
        for command, file in commands
        if command in ("run", "preview", "validate")
    )
    if any(command == "preview" for command, _ in commands):
        assert any(spec.kind == "generate" for spec in load_pipeline(path).stages), (
            "preview shows a generate stage"
        )


@pytest.mark.parametrize("name", sorted(WITH_REPLIES))
def test_shipped_replies_come_from_nobody_real_and_hold_nothing_of_a_machine(name: str) -> None:
    lines = [
        json.loads(line) for line in (shipped("pipelines/replies") / f"{name}.jsonl").read_text().splitlines()
    ]
    assert lines and {(line["request"]["identity"], line["request"]["model"]) for line in lines} == {
        ("example-replies", "written-by-hand")
    }
    assert all(set(line) == {"key", "request", "reply", "choice", "model"} for line in lines)


def test_replies_can_be_recorded_anew_when_requests_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.servers.record_replies import record

    shipped_file = shipped("pipelines/replies") / "documents.jsonl"
    record("documents", tmp_path / "same.jsonl")
    assert (tmp_path / "same.jsonl").read_bytes() == shipped_file.read_bytes()
    record("documents", tmp_path / "other.jsonl", ["generate.sampling={temperature: 0.5}"])
    before, after = (
        [json.loads(line) for line in file.read_text().splitlines()]
        for file in (shipped_file, tmp_path / "other.jsonl")
    )
    assert {line["key"] for line in before}.isdisjoint(line["key"] for line in after)
    assert [line["reply"] for line in before] == [line["reply"] for line in after]


def test_offline_lines_are_read_as_a_shell_would(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "# Offline   synthgen ledger import a.jsonl      (why)\n#           synthgen run x.yaml "
        "\\\n#             --set 'a={b: c}'\nversion: 1\n"
    )
    assert offline_commands(tmp_path / "x.yaml") == [
        ["ledger", "import", "a.jsonl"],
        ["run", "x.yaml", "--set", "a={b: c}"],
    ]
    with pytest.raises(SynthgenError):
        load_pipeline(tmp_path / "x.yaml")
