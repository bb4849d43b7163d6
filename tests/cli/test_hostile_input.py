"""Files, rows and names made to do harm: a documented exit code, no traceback, a terminal obeys nothing."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CODES = {0, 1, 2, 3, 4, 5}
GOOD = {"instruction": "Name a colour.", "output": "Blue."}
CONTROLS = (
    "\x1b[2J\x1b]0;t\x07\x1b]8;;http://e\x1b\\x\x1b]52;c;aGk=\x07\x1bP1$r\x1b\\"  # CSI, OSC, DCS
    "\r\x08\x00\x7f\x9b31m\x85"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\u200e\u200f\u200b\u2028\u2029\ufeff"
)
MARKED_UP = "[bold]b[/bold] [link=http://e] <script>alert(1)</script>"
EVIL = CONTROLS + MARKED_UP


def obeyed(text: str) -> set[str]:
    """What of a text a terminal would obey; lines and tabs are meant, and two joiners shape letters."""
    return {
        sign
        for sign in text
        if sign not in "\n\t\u200c\u200d" and unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def evil_row(number: int = 0) -> dict[str, object]:
    return {
        "id": f"{EVIL}{number}",
        "instruction": f"{EVIL}{number}",
        "output": f"{EVIL} It is {number}.",
        EVIL: EVIL,
        "meta": {"source": EVIL, EVIL: EVIL},
    }


def pipeline(source: str) -> str:
    Path("p.yaml").write_text(
        f"name: p\nstages:\n  - load: {{sources: [{json.dumps(source)}]}}\n  - filter: {{rules: [refusal, "
        "length: {field: output, min_words: 2}]}\n"
    )
    return "p.yaml"


@pytest.fixture
def attacked(synthgen):
    """Runs a command; its exit code is one of the documented ones, and what it says is harmless."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code, out, err = synthgen(*arguments)
        assert code in CODES, err
        assert not obeyed(out) and not obeyed(err), (arguments, obeyed(out + err))
        assert not code or err
        return code, out, err

    return call


FILES = {
    "empty": b"",
    "mark alone": b"\xef\xbb\xbf",
    "UTF-16": (json.dumps(GOOD) + "\n").encode("utf-16"),
    "zeros": bytes(1000),
    "picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
    "packed": gzip.compress(lines(GOOD)),
    "cut short": gzip.compress(lines(*[GOOD] * 500))[:-20],
    "deep list": b"[" * 10_000 + b"]" * 10_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep in a row": b'{"instruction":"q","output":"a","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n",
    "one long line": b"a" * 3_000_000,
    "half a pair": b'{"instruction": "\\ud800 x", "output": "\\udfff"}\n',
    "no number": b'{"instruction": NaN, "output": 1e999}\n{"instruction": "q", "output": "a", "n": 1%s}\n'
    % (b"0" * 400),
    "rows": lines(evil_row(), GOOD, *map(evil_row, range(1, 9))),
    "raw rows": orjson.dumps(evil_row()) + b"\n" + EVIL.encode() + b"\n" + lines(GOOD),
    "kinds": lines(*[{**GOOD, "instruction": odd, "meta": odd} for odd in (None, 3, [], {}, [EVIL])]),
    "columns": lines({EVIL: EVIL}),
    "turns": lines({"messages": [{"role": EVIL, "content": EVIL}, {"role": "user", "content": EVIL}]}),
}


ENDINGS = (".json", ".csv", ".parquet", ".jsonl.gz", ".jsonl.zst", ".yaml")


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        *((name, ".jsonl") for name in FILES),
        *((name, ENDINGS[number % len(ENDINGS)]) for number, name in enumerate(FILES)),
        *((name, ".yaml") for name in ("zeros", "UTF-16", "deep list", "deep object", "raw rows")),
    ],
)
def test_a_hostile_file(attacked, name, ending):
    file = f"x{ending}"
    Path(file).write_bytes(FILES[name])
    Path("good.jsonl").write_bytes(lines(GOOD))
    attacked("inspect", file)
    if ending == ".yaml":
        attacked("run", file)
        attacked("prompts", "show", file)
        attacked("run", pipeline("good.jsonl"), "--values", file)
        attacked("run", pipeline("good.jsonl"), "--env-file", file)
        return
    attacked("filter", file, "--rule", "refusal", "-o", "clean")
    if ending == ".jsonl":
        attacked("diff", file, "good.jsonl")
        attacked("prompts", "show", "rationale/zero_shot", "--row", file)
        attacked("ledger", "import", file, "--ledger", "ledger")


def test_hostile_rows_through_a_run_and_what_shows_it(attacked):
    Path("rows.jsonl").write_bytes(FILES["rows"] + b"{broken " + EVIL.encode() + b"\n")
    assert attacked("run", pipeline("rows.jsonl"))[0] == 0
    for command in ("inspect", "status", "report"):
        attacked(command, "p")
    code, shown, _ = attacked("inspect", "p", "--json")
    assert code == 0 and json.dumps(EVIL)[1:-1] in json.dumps(json.loads(shown))
    page = Path("data/runs/p/report.html").read_text()
    assert "<script>alert" not in page and "[bold]b[/bold]" in page and not obeyed(page)
    for file in Path("data/runs/p").rglob("*.jsonl"):
        for row in map(orjson.loads, file.read_bytes().splitlines()[:2]):
            if "id" in row:
                attacked("why", "p", row["id"].replace("\0", ""))


NAMES = [
    "\x1b[31m\u202e\r[bold]",
    "a\nb",
    "../x",
    "..",
    "-x",
    "n" * 300,
    "\x9b31m",
    "a\u2028b",
    "{x}",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name(attacked, name):
    Path("rows.jsonl").write_bytes(lines(GOOD, {"x": 1}))
    Path("below").mkdir()
    os.chdir("below")
    for command in (
        ["run", name],
        ["inspect", name],
        ["why", name, name],
        ["filter", name, "-o", "out"],
        ["filter", "../rows.jsonl", "--rule", name, "-o", "out"],
        ["filter", "../rows.jsonl", "--rule", f"length:field={name},min_words=1", "-o", "out1"],
        ["dedup", "../rows.jsonl", "--method", name, "-o", "out"],
        ["prompts", "show", name],
        ["list", name],
        [name],
        ["run", f"--{name}"],
        ["run", pipeline("../rows.jsonl"), "--set", f"load.{name}=1"],
        ["run", "p.yaml", "--until", name],
    ):
        attacked(*command)
    for text in (
        "name: {}\nstages: [load: {{sources: [../rows.jsonl]}}]\n",
        "name: p\nstages: [load: {{sources: [../rows.jsonl], id: {}}}]\n",
        "name: p\nstages: [{}: {{a: 1}}]\n",
        "name: p\n{}: 1\nstages: [load: {{sources: [../rows.jsonl]}}]\n",
    ):
        Path("q.yaml").write_bytes(text.format(json.dumps(name)).encode())
        assert attacked("run", "q.yaml")[0] == 2 or name in ("-x", "{x}")
    assert sorted(path.name for path in Path("..").iterdir()) == ["below", "rows.jsonl"]


@settings(
    derandomize=True,
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(text=st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Co", "Ll"]), min_size=1, max_size=30))
def test_no_character_of_a_row_is_obeyed(attacked, text):
    Path("rows.jsonl").write_bytes(lines({"instruction": f"q{text}", "output": text, text: text}, GOOD))
    attacked("inspect", "rows.jsonl")
    code, shown, _ = attacked("inspect", "rows.jsonl", "--json")
    assert code == 0 and json.loads(shown)


ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        f"name: p\nstages: []\n{ALIASES}",
        "name: p\nseed: &a [*a]\nstages: []\n",
        "name: p\nstages: !!python/object/apply:os.system ['touch pwned']\n",
    ],
)
def test_yaml_that_is_made_to_do_harm(attacked, text):
    Path("x.yaml").write_text(text)
    Path("rows.jsonl").write_bytes(lines(GOOD))
    for command in (["run", "x.yaml"], ["prompts", "show", "x.yaml"]):
        assert attacked(*command)[0] == 2
    assert attacked("run", pipeline("rows.jsonl"), "--values", "x.yaml")[0] == 2
    assert not Path("pwned").exists()


def on_terminal(*arguments: str) -> bytes:
    """What a real process writes to a terminal."""
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "synthgen", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1"},
    )
    os.close(its)
    written = b""
    try:
        while read := os.read(mine, 1 << 16):
            written += read
    except OSError:  # Linux says so at the end
        pass
    os.close(mine)
    process.wait()
    return written


def test_a_real_terminal_gets_the_bar_and_nothing_of_the_rows(in_tmp):
    Path("rows.jsonl").write_bytes(FILES["rows"])
    for command in (["run", pipeline("rows.jsonl")], ["inspect", "p"], ["run", "\x1b]0;t\x07.yaml"]):
        shown = on_terminal(*command).decode().replace("\r\x1b[2K", "").replace("\r\n", "\n")
        assert shown and not obeyed(shown), obeyed(shown)


def test_a_long_file_that_is_no_env_file_is_told_shortly(attacked):
    Path("rows.jsonl").write_bytes(lines(GOOD))
    Path("x.env").write_text("no such line\n" * 1000)
    code, _, err = attacked("run", pipeline("rows.jsonl"), "--env-file", "x.env")
    assert code == 2 and "x.env:20" in err and "x.env:21" not in err and "980 more lines" in err
