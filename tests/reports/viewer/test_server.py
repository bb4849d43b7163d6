"""The viewer over real HTTP: who may look, what is shown, and what a mark is worth."""

import gzip
import json

import orjson
import pytest

from synthgen.reports.viewer import overview
from synthgen.reports.viewer.catalogue import Catalogue
from synthgen.reports.viewer.marking import Marking
from synthgen.reports.viewer.pages import Pages
from tests.reports.made_runs import make_run
from tests.reports.viewer.client import Client
from tests.reports.viewer.conftest import Started, made_run


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    """One for all tests that make no mark."""
    started = Started(made_run(tmp_path_factory.mktemp("runs") / "made"), "--reviewer", "anna")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def client(viewer):
    return Client(viewer)


def test_only_this_machines_own_page_with_the_token_is_let_in(client, viewer):
    port = viewer.base.rpartition(":")[2]
    assert client.get("/")[0] == 200
    assert "HttpOnly" in client.cookie_flags and "SameSite=Strict" in client.cookie_flags
    assert client.send("GET", f"/?token={viewer.token}", cookie=False)[1]["Location"] == "/"
    elsewhere = client.send("GET", f"//evil.example/?token={viewer.token}", cookie=False)[1]["Location"]
    assert elsewhere == "/evil.example/"
    refused = [
        client.send("GET", "/", cookie=False),
        client.send("GET", "/?token=wrong", cookie=False),
        client.send("GET", "/?token=%ff", cookie=False),
        client.send("GET", "/static/viewer.js", cookie=False),
        client.send("GET", "/", Host="evil.example"),
        client.send("GET", "/", Host=f"evil.example:{port}"),
        client.send("GET", "/", Host="127.0.0.1:99999999"),
        client.send("GET", f"/?token={viewer.token}", Host=f"evil.example:{port}", cookie=False),
        client.send("GET", "/", Origin="http://evil.example"),
        client.send("GET", "/", Origin="null"),
        client.send("GET", "/", Origin="http://127.0.0.1:1"),
        client.send("POST", "/marks", "{}"),
        client.send("POST", "/marks", "{}", Origin="http://evil.example"),
    ]
    assert [status for status, _, _ in refused] == [403] * len(refused)
    assert all("filter" not in text for _, _, text in refused)


def test_no_address_reaches_outside_the_run(client, viewer):
    run = viewer.target
    (run.parent / "secret.jsonl").write_text('{"instruction": "the secret"}\n')
    (run / "secret.jsonl").write_text('{"instruction": "the secret"}\n')
    paths = [
        "../secret.jsonl",
        "filter/../../secret",
        "..",
        "/etc/passwd",
        "secret",
        "secret.jsonl",
        "filter/rows/..",
        "",
    ]
    for name in paths:
        for status, _, text in (
            client.get("/rows", file=name),
            client.get("/row", file=name, line=1),
            client.get("/duplicates", file=name),
            client.mark(name, 1, "keep"),
        ):
            assert status == 404 and "the secret" not in text, name
    made_run(run.parent.parent / "outside")
    for name in (
        "../outside",
        str(run.parent.parent / "outside"),
        "..",
        "../made",
        "/etc",
        ".",
        "made/../..",
    ):
        assert client.get("/compare", run=name)[0] == 400, name
    for path in (
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/guard.py",
        "/../../etc/passwd",
    ):
        assert client.send("GET", path)[0] == 404, path


def test_rows_are_shown_as_text_and_no_script_is_allowed(client):
    for path, query in (("/rows", {"file": "filter/rows"}), ("/row", {"file": "filter/rows", "line": 9})):
        status, headers, text = client.get(path, **query)
        assert status == 200
        assert "&lt;script&gt;" in text
        for raw in ("<script>w", "<img", "<svg onload", 'href="javascript', "\u202e", "\x1b"):
            assert raw not in text, raw
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"


def test_a_run_is_browsed_filtered_and_searched(client):
    _, _, home = client.get("/")
    assert "answer_match 1" in home and "No marks yet" in home and "base wrong" in home
    _, _, dropped = client.get(
        "/rows", file="filter/rejected", field="rejection.rule", op="is", value="run_on"
    )
    assert dropped.count('<a class="row"') == 1 and "Tom has 10 apples" in dropped
    _, _, hits = client.get("/rows", file="filter/rows", q="Tom has 3 apples")
    assert hits.count('<a class="row"') == 1
    _, _, both = client.get("/rows", file="filter/rows", beside="filter/rejected")
    assert both.count("<section") == 2 and both.count('<a class="row"') == 12
    assert client.get("/rows", file="filter/rows", field="output", op="min", value="many")[0] == 400
    assert client.get("/rows", file="filter/rows", line="x")[0] == 400
    assert client.get("/row", file="filter/rows", line=99)[0] == 404
    _, _, wrong = client.get(
        "/rows", file="evaluate/answers", field="answers.base.right", op="is", value="false"
    )
    assert wrong.count('<a class="row"') == 1


def test_a_row_shows_what_it_matched_other_answers_and_its_story(client):
    _, _, dropped = client.get("/row", file="filter/rejected", line=3)
    assert "The row that it matched" in dropped and "<mark>" in dropped
    _, _, answered = client.get("/row", file="filter/rows", line=1)
    assert "Other answers to this question" in answered
    _, _, pair = client.get("/pair", a="filter/rows", a_line=1, b="filter/rejected", b_line=1)
    assert "Which answer is better?" in pair and "<mark>Seven" in pair
    assert client.get("/pair", a="filter/rows", a_line=1, b="filter/rows", b_line=2)[0] == 400
    _, _, story = client.get("/story", row="b001")
    assert "What became of it" in story and "kept" in story
    _, _, groups = client.get("/duplicates", file="filter/rejected")
    assert "1 group of 1 rejected row that matched another" in groups
    assert '1 like <a href="/row?file=filter%2Frows&amp;line=2">b001</a>' in groups
    _, _, models = client.get("/row", file="evaluate/answers", line=1)
    assert "student" in models and "chip right" in models and "chip wrong" in models
    assert client.get("/compare", run="nothing")[0] == 400
    assert 'class="back" href="/row?file=filter%2Frows&amp;line=2"' in story


def test_two_runs_are_compared_and_the_other_ones_are_offered(tmp_path, start):
    run = make_run(tmp_path / "a", wrong=(3,))
    make_run(tmp_path / "b", wrong=(1, 3), max_words=40)
    for name in ("a", "b"):
        (tmp_path / name / "run.log.jsonl").touch()
    client = Client(start(run, "--runs", tmp_path))
    home = client.get("/")[2]
    assert '<option value="b">' in home and '<option value="a">' not in home
    status, _, text = client.get("/compare", run="b")
    assert status == 200 and "a and b</h1>" in text
    assert "max_words: 50 -&gt; 40" in text and "- b001" in text and 'class="back" href="/"' in text


def test_a_very_long_row_is_shown_in_part_and_marks_of_direction_in_notes_are_not_obeyed(start, tmp_path):
    file = tmp_path / "big.jsonl"
    file.write_bytes(orjson.dumps({"instruction": "Long?", "output": "<b> " * 500_000}) + b"\n")
    client = Client(start(file))
    _, _, page = client.get("/row", file="big.jsonl", line=1)
    assert len(page) < 2_000_000 and "1,800,000 more characters" in page
    noted = client.mark("big.jsonl", 1, "note", text="a\u202eb\x1b[31m")
    assert noted[0] == 200 and json.loads(noted[2])["badges"][0].endswith("note: a b [31m")


def test_only_a_part_of_a_very_long_file_of_duplicates_is_read_and_the_page_says_so(run, monkeypatch):
    monkeypatch.setattr(overview, "MOST_READ", 2)
    catalogue = Catalogue(run)
    file = catalogue.get("filter/rejected")
    assert file is not None
    page = Pages(catalogue, Marking(run / "reviews.jsonl", "anna"), "made").render(
        "duplicates.html.jinja", **overview.duplicates(catalogue, file)
    )
    assert "Only the first 2 lines of this file were read; 1 were not." in page


@pytest.mark.parametrize(
    "asked",
    [
        {"mark": "delete"},
        {"mark": None},
        {"mark": "grade", "grade": 9},
        {"mark": "grade", "grade": True},
        {"mark": "grade", "grade": 4.0},
        {"mark": "fix", "field": "meta", "text": "x"},
        {"mark": "fix", "field": "id", "text": "x"},
        {"mark": "fix", "field": "nothing", "text": "x"},
        {"mark": "fix", "field": "output", "text": 3},
        {"mark": "note", "text": ["x"]},
        {"mark": "prefer", "over_file": "filter/rows", "over_line": 2},
        {"mark": "prefer", "over_file": "filter/rows", "over_line": 1},
        {"mark": "keep", "seen": "0123456789abcdef"},
        {"mark": "keep", "seen": None},
        {"mark": "prefer", "over_file": "filter/rejected", "over_line": 1, "over_seen": "0123456789abcdef"},
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_and_not_written(client, viewer, asked):
    status, _, _ = client.mark("filter/rows", 1, **asked)
    assert status == 400
    assert not (viewer.target / "reviews.jsonl").exists()


ODD_ROWS = [
    {"messages": [1, None, {"role": 3, "content": None}], "meta": "x", "rejection": "y"},
    {"messages": "text", "instruction": 5, "output": ["a"], "meta": {"scores": {"judge": "high"}}},
    {
        "messages": [{"role": "user", "content": [{"type": "text"}]}],
        "rejection": {"matched_id": 3, "rule": None},
    },
    {"messages": {"a": 1}, "answers": {"base": 1, "student": {"right": [], "text": None, "parsed": {}}}},
    {"id": 7, "question": 3, "answers": [], "prompt": {}, "chosen": None, "rejected": 1.5},
    {"id": None, "instruction": "\ud800 half", "": "no name", "items": "keys", "get": 1},
    {},
]


def test_rows_of_any_shape_are_shown_and_can_be_marked(start, tmp_path):
    file = tmp_path / "odd.jsonl"
    lines = [json.dumps(row).encode() for row in ODD_ROWS] + [b"", b"[1]", b"\xff\xfe", b'{"a": 1', b"null"]
    file.write_bytes(b"\n".join(lines))
    client = Client(start(file))
    status, _, text = client.get("/rows", file="odd.jsonl")
    assert status == 200 and text.count('<a class="row"') == len(lines) - 1
    for number, line in enumerate(lines, 1):
        assert client.get("/row", file="odd.jsonl", line=number)[0] == 200, line
        status, _, said = client.mark("odd.jsonl", number, "keep")
        is_row = line.startswith(b"{") and line.endswith(b"}")
        assert status == (200 if is_row and b"ud800" not in line else 400), (line, said)


def test_a_packed_file_is_shown_and_its_copy_is_gone_afterwards(start, tmp_path, monkeypatch):
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setenv("TMPDIR", str(spare))
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"instruction": "What is packed?"}\n[1]\nno json\n'))
    viewer = start(file)
    _, _, text = Client(viewer).get("/rows", file="rows.jsonl.gz")
    assert "What is packed?" in text and "no json" in text
    viewer.stop()
    assert viewer.process.returncode == 0 and list(spare.iterdir()) == []


def test_what_it_cannot_show_is_said_at_the_start(start, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n")
    viewer = start(tmp_path / "rows.csv")
    _, errors = viewer.process.communicate(timeout=20)
    assert viewer.process.returncode == 2 and "a viewer shows .jsonl" in errors
