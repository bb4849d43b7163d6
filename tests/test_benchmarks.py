import json
import sys
from random import Random

import pytest

from benchmarks import copies, each_stage, forgetting, generate, improving, logprobs, memory, viewing
from benchmarks.asking import different
from benchmarks.deduplicating.table import side_by_side
from benchmarks.environments import python_of, run_tool
from benchmarks.rules import find_dropped, format_figures
from synthgen.evaluation.compare import Answer
from synthgen.evaluation.panel.checks import passes
from synthgen.evaluation.panel.items import panel_items
from synthgen.pipeline.file import load_pipeline
from synthgen.stages.logprobs.options import Config as LogprobsConfig
from tests.evaluation.tiny_models import tiny_model


def rows(count: int) -> list[dict[str, str]]:
    """Instructions of seven words that have next to none in common."""
    return [
        {
            "id": str(index),
            "instruction": " ".join(f"word{number}" for number in Random(index).sample(range(10_000), 7)),
            "output": "x",
        }
        for index in range(count)
    ]


@pytest.mark.parametrize("tool", ["synthgen", "synthgen-workers", "openai", "aiohttp", "aiohttp-processes"])
def test_a_tool_answers_every_question_once_and_keeps_to_the_number_in_flight(tool):
    result = generate.measure(tool, sys.executable, rows=40, in_flight=8, latency=0.01, timeout=60)
    assert isinstance(result, dict), result
    assert (result["answered"], result["questions"]) == (40, 40)
    assert 1 < result["at_once"] <= 8
    assert 0 < result["call"] <= result["rate"]


def test_the_interval_of_a_ratio_over_seeds_holds_as_often_as_it_says():
    draw, held = Random(0), 0
    for _ in range(1000):
        shared = [draw.gauss(0, 0.3) for _ in range(5)]
        above = [3 + one + draw.gauss(0, 0.4) for one in shared]
        below = [2 + one + draw.gauss(0, 0.2) for one in shared]
        low, high = improving.fieller(above, below)
        held += low <= 1.5 <= high
    assert 0.93 < held / 1000 < 0.97
    low, high = improving.fieller([1.0, 2.0, 3.0], [-1.0, 0.5, 1.0])
    assert (low, high) == (-float("inf"), float("inf")), "what may be divided by 0 has no interval"


def test_points_per_dollar_are_those_of_an_arms_last_round_and_all_its_dollars():
    rounds = [
        {"arm": "start", "round": 0, "usd": 0.0},
        {"arm": "improve", "round": 1, "usd": 1.0, "gain": {"value": 0.1}},
        {"arm": "improve", "round": 2, "usd": 3.0, "gain": {"value": 0.2}},
        {"arm": "uniform", "round": 1, "usd": 4.0, "gain": {"value": 0.08}},
    ]
    assert improving.per_dollar({"rounds": rounds}) == {"improve": 5.0, "uniform": 2.0}


def test_only_answers_of_the_teacher_count_and_each_once():
    assert different(["answer 1", "answer 1", "answer 2", "", None, "error: 429", float("nan")]) == 2


def test_a_line_says_what_is_missing_and_what_was_asked_again():
    result = {
        "rows": 100,
        "answered": 97,
        "questions": 130,
        "rate": 50.0,
        "call": 40.0,
        "cpu": 0.1,
        "memory": 70.0,
        "at_once": 8,
        "version": "1.0",
    }
    text = generate.line("some-tool", result, 10, 0.5)
    assert "some-tool 1.0" in text and "3 rows missing" in text and "30 questions asked again" in text
    assert "2.50" in text  # 50 of 100 / (10 * 0.5) rows a second


def test_a_tool_that_hangs_is_ended_and_said_so():
    result = generate.measure("aiohttp", sys.executable, rows=2, in_flight=1, latency=30, timeout=3)
    assert result == "not done within 3 s"


def test_a_tool_that_dies_is_said_with_its_last_line():
    result = run_tool(
        sys.executable,
        "benchmarks.asking",
        ["aiohttp", "--url", "http://192.0.2.1/v1", "--rows", "1", "--in-flight", "1"],
        60,
    )
    assert result == "the server of this benchmark is on this machine"


@pytest.mark.parametrize(
    "arguments", [["--tools", "nonesuch"], ["--tools", "curator"], ["--install"], ["--fewer", "nonesuch=3"]]
)
def test_unknown_tools_and_peers_without_a_folder_are_refused(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["generate", *arguments])
    with pytest.raises(SystemExit) as stopped:
        generate.main()
    assert stopped.value.code == 2
    assert "unknown tools: nonesuch" in (said := capsys.readouterr().err) or "--peers FOLDER" in said


def test_a_peer_without_an_environment_is_not_there(tmp_path):
    assert python_of("datasketch", tmp_path, install=False) is None


def test_near_duplicates_side_by_side(tmp_path, capsys):
    side_by_side(rows(200), tmp_path, None, False)
    lines = capsys.readouterr().out.splitlines()
    assert sum("not installed" in line for line in lines) == 4
    for tool in ("synthgen minhash", "synthgen rouge_l", "rouge_score"):
        figures = next(line for line in lines if line.startswith(tool))[26:].split()
        assert (figures[0], figures[3]) == ("210", "200"), tool
    assert any(
        line.startswith("synthgen rouge_l is ") and "times as fast as rouge_score" in line for line in lines
    )
    copied = json.loads((tmp_path / "whole.jsonl").read_text().splitlines()[201])
    assert (copied["id"], copied["instruction"]) == ("20-copy", rows(21)[20]["instruction"] + " please")


def test_figures_of_rules_on_labelled_rows():
    rows = [{"instruction": "Q", "output": text} for text in ("I cannot help with that.", "4", "Echo", "Q")]
    dropped = find_dropped(rows, ["refusal", '{"echo": {"prefix": true}}'])
    assert dropped == [True, False, False, True]
    assert format_figures([True, True, False, False], dropped) == (
        "4 rows, 2 labelled to go, 2 dropped, 1 of them rightly: precision 0.500, recall 0.500"
    )
    assert "none dropped" in format_figures([False], [False])
    with pytest.raises(SystemExit, match="refusl"):
        find_dropped(rows, ["refusl"])


QUESTIONS = [
    "Mara plants nine rows of leeks. Each row holds fourteen. She sells half. How many are left?",
    "玛拉在棚子后面种了九行韭葱。每行有十四棵韭葱。所有的行里一共有多少棵韭葱呢？",
    "A ferry crosses the bay five times a day. It carries sixty cars. How many cross in a week?",
]


def test_copies_are_made_of_each_kind_and_counted():
    draw = Random(1)
    made = [(kind, make(text, draw)) for kind, make in copies.KINDS.items() for text in QUESTIONS]
    for kind, text in made[3:]:
        assert kind == "reordered" or text not in QUESTIONS, kind
    rows = [(copies.FALSE, text) for text in QUESTIONS]
    counts, found = copies.count_found("dedup", {"methods": ["exact"]}, rows + made)
    assert counts == {copies.FALSE: 3, **dict.fromkeys(copies.KINDS, 3)} and found["verbatim"] == 3
    assert found["contained"] == found["misspelt"] == 0 and sorted(made[9][1]) == sorted(QUESTIONS[0])
    assert "verbatim              3        3  100.00%" in copies.format_figures(counts, found)


def test_decontamination_is_measured_from_the_command_line(tmp_path, monkeypatch, capsys):
    evaluation, rows = tmp_path / "evaluation.jsonl", tmp_path / "rows.jsonl"
    evaluation.write_text("".join(json.dumps({"question": text}) + "\n" for text in QUESTIONS))
    rows.write_text(
        "".join(json.dumps({"instruction": f"Name a fish, number {n}."}) + "\n" for n in range(5))
    )
    monkeypatch.setattr(sys, "argv", ["copies", "decontaminate", str(evaluation), "--rows", str(rows)])
    copies.main()
    shown = capsys.readouterr().out
    assert "contained             3        3  100.00%" in shown
    assert "false                 5        0    0.00%" in shown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is reset by Linux's /proc")
def test_memory_is_told_and_measured(tmp_path):
    tiny = {**memory.SETTINGS["lora"], **memory.TINY}
    memory.make(tiny, str(tmp_path))
    found = memory.measure(tiny, 1, tmp_path)
    assert found["said"] > 0 and found["took"] >= 0 and found["parts"]["counted"]


def test_the_pipeline_of_log_probabilities_is_one_that_can_be_read(in_tmp):
    logprobs.make_student(tiny_model(in_tmp / "teacher"), in_tmp / "student")
    python = f"/a: b, c/{sys.executable}"
    (in_tmp / "toy.yaml").write_text(logprobs.pipeline_text(python, [0, 1]))
    pipeline = load_pipeline(in_tmp / "toy.yaml", (), ())
    assert pipeline.teachers["big"].model_dump()["python"] == python
    assert sum(spec.kind == "distill" for spec in pipeline.stages) == 12
    (asks,) = {spec.config.teacher for spec in pipeline.stages if isinstance(spec.config, LogprobsConfig)}
    assert asks == "big"


def test_a_viewer_is_measured_over_http(tmp_path):
    path = tmp_path / "rows.jsonl"
    viewing.make_file(path, 300)
    figures = viewing.measure(path, 300)
    assert {"first page", "search, nothing there", "words indexed", "peak memory, MB"} <= figures.keys()
    assert all(value > 0 for value in figures.values())


def test_bases_that_may_forget_are_taught_what_the_panel_passes():
    items = {item.ask: item for item in panel_items(forgetting.PARTS)}
    replies = {ask: forgetting.passing_reply(item) for ask, item in items.items()}
    known = [ask for ask, reply in replies.items() if passes(items[ask], Answer.of(reply, "stop"))]
    assert len(known) > 0.9 * len(items)
    taught = forgetting.taught(3)
    assert 0.5 * len(items) < sum(taught[ask] == replies[ask] for ask in known) < 0.8 * len(items)
    assert taught == forgetting.taught(3) != forgetting.taught(4)


def test_the_rows_of_stages_have_their_copies_and_a_stage_is_measured(tmp_path):
    file = tmp_path / "rows.jsonl"
    each_stage.make_rows(file, 2_000)
    found = each_stage.measured("dedup: exact", file, 1)
    assert 0.85 * file.stat().st_size < found["written"] < 1.1 * file.stat().st_size
    questions = [json.loads(line)["instruction"] for line in file.read_bytes().splitlines()]
    assert 1_700 < len(set(questions)) < 1_900
