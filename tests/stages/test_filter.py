"""The filter stage: real files in, real files out, with any number of workers and any size of block."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import zstandard

from synthgen.core.artefacts import Artefact
from synthgen.core.config import Misfit, build, build_choice
from synthgen.core.errors import EmptyResult, InputError, Interrupted, StageFailed
from synthgen.core.progress import Reporter
from synthgen.core.registry import Choice
from synthgen.filters.block import FilteredBlock
from synthgen.filters.workers import filter_blocks
from synthgen.stages import filter as filter_stage
from synthgen.stages.contract import Context, Outcome
from synthgen.store import processes
from synthgen.store.blocks import read_blocks
from synthgen.store.jsonl import read_rows


def config(*rules: object, **options: object) -> filter_stage.Config:
    misfits: list[Misfit] = []
    built = build(filter_stage.Config, {"rules": list(rules), **options}, ("stages", 0), misfits)
    assert built is not None, misfits
    return built


def run(
    tmp_path: Path, sources: Sequence[Path], chosen: filter_stage.Config, workers: int = 1, stopping: int = 0
) -> tuple[Outcome, Path]:
    out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    artefacts = tuple(Artefact("load", "load", "rows", source.parent, source, "", 0) for source in sources)
    context = Context(
        tmp_path, "tidy", tmp_path, 0, cast(Any, None), Reporter("silent"), lambda: stopping, workers=workers
    )
    return filter_stage.run({"rows": artefacts}, chosen, context, out), out


def choices(*rules: object) -> list[Choice]:
    misfits: list[Misfit] = []
    built = [build_choice("filter", rule, (), misfits) for rule in rules]
    assert not misfits
    return [choice for choice in built if choice is not None]


RULES = ("length", "refusal", "truncated", "run_on", "echo")


def some_rows(number: int) -> list[dict[str, Any]]:
    outputs = [
        "Fine.",
        "",
        "I cannot help with that.",
        "Ask\n\nQ: Why?\nA: So.",
        "Say it again",
        "naïve — ok 好",
    ]
    return [
        {
            "id": f"{at:04x}",
            "instruction": "Say it again",
            "output": outputs[at * 7 % len(outputs)],
            "extra": {"n": at},
        }
        for at in range(number)
    ]


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_kept_rows_are_the_bytes_that_came_in_and_the_sum_holds(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    odd = b'{"output" :  "Fine.", "id":"x","n": 1.0,"u":"\\u00e4"}'
    source.write_bytes(odd + b"\n" + b'{"id":"y","output":""}\n')
    outcome, out = run(tmp_path, [source], config("length"))
    assert (out / "rows.jsonl").read_bytes() == odd + b"\n"
    (gone,) = read_rows(out / "rejected.jsonl")
    assert gone == {
        "id": "y",
        "output": "",
        "rejection": {
            "kind": "rejected",
            "stage": "tidy",
            "rule": "length",
            "value": {"chars": 0},
            "threshold": {"min_chars": 1},
        },
    }
    outcome.counts.check("tidy")
    assert outcome.counts.plain() == {"in": 2, "kept": 1, "rejected": {"length": 1}, "failed": {}}
    assert outcome.files == {"rows.jsonl": 1, "rejected.jsonl": 1}
    assert "such as y" in outcome.table and "length" in outcome.table


def filtered(
    source: Path, block_bytes: int, workers: int, rules: Sequence[object] = RULES
) -> tuple[bytes, bytes, dict[str, int]]:
    parts: list[FilteredBlock] = list(
        filter_blocks(
            choices(*rules),
            "tidy",
            ((block, source.name) for block in read_blocks(source, block_bytes)),
            workers,
        )
    )
    counts: dict[str, int] = {}
    for part in parts:
        for rule, rows in part.rules.items():
            counts[rule] = counts.get(rule, 0) + rows
    return b"".join(part.kept for part in parts), b"".join(part.rejected for part in parts), counts


def test_any_number_of_workers_and_any_block_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "HELPS", False)
    source = write_lines(tmp_path / "rows.jsonl", some_rows(400))
    with open(source, "ab") as more:
        more.write(b'{"id": "cut\n\n[1]\n{"id":"last","output":"no line end"}')
    expected = filtered(source, 1 << 20, 1)
    assert (
        sum(expected[2].values()) + expected[0].count(b"\n") == 403
        and expected[2]["broken_line"] == 2
        and len(expected[2]) == 5
    )
    assert expected[0].endswith(b'"no line end"}\n')
    for block_bytes, workers in ((1, 1), (100, 1), (1000, 2), (3000, 4)):
        assert filtered(source, block_bytes, workers) == expected


def test_kept_lines_are_the_input_without_the_dropped_ones_wherever_these_lie(tmp_path: Path) -> None:
    kept, empty = {"output": "A whole sentence."}, {"output": ""}
    for pattern in ("k", "e", "ke", "ek", "kek", "eke", "keek", "kkkeekkek"):
        source = write_lines(
            tmp_path / f"{pattern}.jsonl",
            [{"id": str(at), **(kept if letter == "k" else empty)} for at, letter in enumerate(pattern)],
        )
        lines = source.read_bytes().splitlines(keepends=True)
        wanted = b"".join(line for line, letter in zip(lines, pattern, strict=True) if letter == "k")
        for spoil in (b"", b"\n", b" \r\n"):  # a blank line leaves no place in the block for what is kept
            source.write_bytes(spoil + b"".join(lines))
            out, _, counts = filtered(source, 1 << 20, 1, ["length"])
            assert out == wanted and counts == ({"length": pattern.count("e")} if "e" in pattern else {})


def test_lines_that_are_no_rows_are_rejected_with_their_number(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    deep = b'{"id":"deep","output":' + b"[" * 5000 + b"]" * 5000 + b"}"
    long = b'{"id":"long","output":"' + b"word " * 400_000 + b'."}'
    lines = [
        b'\xef\xbb\xbf{"id":"bom","output":"ok"}\r',
        b'{"id":"crlf","output":"ok"}\r',
        b"",
        b'{"id":"nul","output":"a\x00b"}',
        b'{"id":"escaped nul","output":"a\\u0000b"}',
        b'{"id":"surrogate","output":"\\ud800"}',
        b'{"id":"latin","output":"caf\xe9"}',
        deep,
        b"[1, 2]",
        b'"text"',
        b"{",
        long,
        b'{"id":"same","output":"1"}',
        b'{"id":"same","output":"1"}',
        b"{}",
        b'{"output":5,"messages":7}',
    ]
    source.write_bytes(b"\n".join(lines))
    outcome, out = run(
        tmp_path, [source], config("length", "refusal", "run_on", "echo", {"truncated": {"endings": True}})
    )
    kept = [row.get("id") for row in read_rows(out / "rows.jsonl")]
    assert kept == ["bom", "crlf", "escaped nul", "long", "same", "same", None]
    gone = list(read_rows(out / "rejected.jsonl"))
    broken = [
        (row["meta"]["line"], row["rejection"]["value"])
        for row in gone
        if row["rejection"]["rule"] == "broken_line"
    ]
    assert [number for number, _ in broken] == [4, 6, 7, 8, 9, 10, 11]
    assert "not UTF-8 at byte 28" in broken[2][1] and "found list" in broken[4][1]
    assert outcome.counts.in_ == 15
    outcome.counts.check("tidy")


@pytest.mark.parametrize("workers", [1, 2])
def test_packed_files_are_read_and_broken_ones_refused(tmp_path: Path, workers: int) -> None:
    data = b"".join(orjson.dumps(row) + b"\n" for row in some_rows(50))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    (tmp_path / "b.jsonl.zst").write_bytes(zstandard.compress(data))
    outcome, _ = run(tmp_path, [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.zst"], config(*RULES), workers)
    assert outcome.counts.in_ == 100
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(data)[:-20])
    (tmp_path / "d.jsonl.zst").write_bytes(b"(\xb5/\xfd" + b"nonsense" * 5)
    for name in ("c.jsonl.gz", "d.jsonl.zst"):
        with pytest.raises(InputError, match=name):
            run(tmp_path, [tmp_path / name], config(*RULES), workers)


def test_dropping_everything_is_a_failure_that_names_the_rule(tmp_path: Path) -> None:
    source = write_lines(
        tmp_path / "rows.jsonl",
        [{"id": "a", "output": "one"}, {"id": "b", "output": ""}, {"id": "c", "output": "two"}],
    )
    with pytest.raises(EmptyResult, match="every one of the 3 rows") as caught:
        run(tmp_path, [source], config("length", {"length": {"min_words": 2}}, "echo"))
    assert caught.value.exit_code == 1 and "length" in str(caught.value) and "--report" in str(caught.value)
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(EmptyResult, match="no rows came in"):
        run(tmp_path, [empty], config("length"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"length": {"field": "outputs", "min_words": 1}}, "did you mean 'output'?"),
        (
            {"length": {"field": "zzz", "min_words": 1}},
            "name a field that they have: id, instruction, output",
        ),
        ({"length": {"field": "reasoning", "min_words": 1}}, "they have no 'reasoning'"),
    ],
)
def test_dropping_everything_for_want_of_a_field_says_that_it_is_missing(
    tmp_path: Path, rule: dict[str, Any], said: str
) -> None:
    rows = [{"id": f"{n}", "instruction": "a", "output": "b"} for n in range(3)]
    with pytest.raises(EmptyResult) as caught:
        run(tmp_path, [write_lines(tmp_path / "rows.jsonl", rows)], config(rule))
    assert said in str(caught.value) and "loosen" not in str(caught.value)


def test_a_signal_stops_between_blocks(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "rows.jsonl", some_rows(10))
    with pytest.raises(Interrupted) as caught:
        run(tmp_path, [source], config("length"), stopping=15)
    assert caught.value.exit_code == 143


def test_rows_without_reference_are_kept_and_said(tmp_path: Path) -> None:
    source = write_lines(
        tmp_path / "rows.jsonl",
        [
            {"id": "a", "output": "7", "reference": "7"},
            {"id": "b", "output": "7"},
            {"id": "c", "output": "8", "reference": "7"},
        ],
    )
    outcome, _ = run(tmp_path, [source], config("answer_match"))
    assert outcome.extra["notes"] == {"answer_match: no reference": 1}
    assert "1 row kept with a remark, answer_match: no reference" in outcome.table
    assert outcome.counts.rejected == {"answer_match": 1}


def test_remarks_count_kept_rows_alone(tmp_path: Path) -> None:
    source = write_lines(
        tmp_path / "rows.jsonl",
        [
            {"id": "a", "output": "Ask a@firma.de about the harbour"},
            {"id": "b", "output": "b@c.de"},
            {"id": "c", "output": "7"},
        ],
    )
    outcome, _ = run(
        tmp_path, [source], config({"pii": {"action": "mask"}}, "answer_match", {"length": {"min_chars": 12}})
    )
    assert outcome.counts.kept == 1 and outcome.counts.rejected == {"length": 2}
    assert outcome.extra["notes"] == {"answer_match: no reference": 1, "pii: masked": 1}


def test_at_least_one_rule_is_needed_and_unknown_names_get_the_nearest() -> None:
    for raw in ({}, {"rules": []}, {"rules": ["lenght"]}):
        misfits: list[Misfit] = []
        assert build(filter_stage.Config, raw, (), misfits) is None
        assert misfits
    assert "length" in misfits[0].next


BROKEN_RULE = """
from synthgen.core.config import Component
from synthgen.filters.contract import KEEP

class Fussy:
    VERSION = 1
    Config = Component
    def __init__(self, config): pass
    def check(self, rows):
        print("rules may print")
        return [KEEP if row["id"] != "0101" else row["nothing"] for row in rows]
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rule_that_raises_is_named_with_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(processes, "HELPS", False)
    (tmp_path / "fussy_rules.py").write_text(BROKEN_RULE)
    monkeypatch.syspath_prepend(tmp_path)
    source = write_lines(tmp_path / "rows.jsonl", some_rows(400))
    with pytest.raises(StageFailed, match="row 0101") as caught:
        filtered(source, 1000, workers, ["fussy_rules:Fussy"])
    assert "KeyError" in str(caught.value)
    assert (
        sum(
            filtered(
                write_lines(tmp_path / "few.jsonl", some_rows(200)), 1000, workers, ["fussy_rules:Fussy"]
            )[2].values()
        )
        == 0
    )


def test_a_field_in_which_no_row_has_text_is_said_with_its_rules(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes(
        b'{"id":"a","instruction":"Say yes"}\n{"id":"b","instruction":"Say no","output":" "}\n'
    )
    chosen = config("refusal", {"length": {"field": "instruction"}}, "url", "pii")
    line = "no row has text in output, which refusal, url looked at"
    for action in ("drop", "report"):
        outcome, _ = run(tmp_path, [source], chosen.model_copy(update={"action": action}))
        assert outcome.table.splitlines()[-1] == line
    other = tmp_path / "other.jsonl"
    other.write_bytes(b'{"id":"c","instruction":"Say maybe","output":"Maybe."}\n')
    outcome, _ = run(tmp_path, [source, other], chosen)
    assert "no row has text" not in outcome.table


def test_wrong_answers_and_missing_ones_are_counted_apart(tmp_path: Path) -> None:
    replies = ["The answer is 7.", "The answer is 8.", "I am not sure.", "The answer is 9."]
    source = write_lines(
        tmp_path / "rows.jsonl",
        [{"id": str(number), "output": text, "reference": "7"} for number, text in enumerate(replies)],
    )
    outcome, out = run(tmp_path, [source], config("answer_match"))
    assert outcome.counts.rejected == {"answer_match": 3}
    assert outcome.extra["reasons"] == {"answer_match": {"no answer": 1, "wrong": 2}}
    lines = outcome.table.splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["answer", "wrong"]
    assert [row["rejection"]["value"] for row in read_rows(out / "rejected.jsonl")] == ["8", "no answer", "9"]
