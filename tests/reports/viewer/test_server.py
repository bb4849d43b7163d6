"""The viewer over real HTTP: who may look, what is shown, and what a mark is worth."""

import gzip
import http.client
import json
import signal
import threading
from urllib.parse import urlencode

import orjson
import pytest

from synthgen.store.reviews import read_marks
from tests.reports.viewer.conftest import Started, made_run


class Client:
    """Speaks to a viewer as a browser that holds the cookie; headers can be changed or left out."""

    def __init__(self, viewer):
        self.base = viewer.base
        self.host = viewer.base.removeprefix("http://")
        _, headers, _ = self.send("GET", f"/?token={viewer.token}", cookie=False)
        self.cookie = headers["Set-Cookie"].partition(";")[0]
        self.cookie_flags = headers["Set-Cookie"]

    def send(self, method, path, body=None, cookie=True, **headers):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        given = {"Cookie": self.cookie} if cookie else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers, text

    def get(self, path, **query):
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    def mark(self, file, line, mark, **more):
        body = json.dumps({"file": file, "line": line, "mark": mark, **more})
        return self.send("POST", "/marks", body, Origin=self.base)


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
    refused = [
        client.send("GET", "/", cookie=False),
        client.send("GET", "/?token=wrong", cookie=False),
        client.send("GET", "/?token=%ff", cookie=False),
        client.send("GET", "/static/viewer.js", cookie=False),
        client.send("GET", "/", Host="evil.example"),
        client.send("GET", "/", Host=f"evil.example:{port}"),
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
    assert "1 groups of 1 in 1 rejected rows" in groups
    _, _, models = client.get("/row", file="evaluate/answers", line=1)
    assert "student" in models and "chip right" in models and "chip wrong" in models
    assert client.get("/compare", run="nothing")[0] == 400


def test_a_mark_is_written_before_it_is_answered_and_is_seen_by_another_viewer(run, start):
    client = Client(start(run, "--reviewer", "anna"))
    other = Client(start(run, "--reviewer", "bert"))
    assert json.loads(client.mark("filter/rejected", 1, "keep")[2])["badges"] == ["anna: keep"]
    assert json.loads(other.mark("filter/rejected", 1, "grade", grade=4)[2])["badges"] == [
        "anna: keep",
        "bert: grade 4",
    ]
    first, second = read_marks(run / "reviews.jsonl")
    assert first["who"] == "anna" and first["row"] == "b000-2" and first["at"].endswith("Z")
    assert (first["file"], first["line"]) == ("filter/rejected", 1)
    assert second["grade"] == 4
    reply = client.mark("filter/rows", 1, "prefer", over_file="filter/rejected", over_line=1)
    assert reply[0] == 200
    *_, pair = read_marks(run / "reviews.jsonl")
    assert (pair["row"], pair["over"]) == ("b000", "b000-2") and pair["rejected"] == "Seven. The answer is 7."


@pytest.mark.parametrize(
    "asked",
    [
        {"mark": "delete"},
        {"mark": None},
        {"mark": "grade", "grade": 9},
        {"mark": "fix", "field": "meta", "text": "x"},
        {"mark": "fix", "field": "id", "text": "x"},
        {"mark": "fix", "field": "nothing", "text": "x"},
        {"mark": "fix", "field": "output", "text": 3},
        {"mark": "note", "text": ["x"]},
        {"mark": "prefer", "over_file": "filter/rows", "over_line": 2},
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_and_not_written(client, viewer, asked):
    status, _, _ = client.mark("filter/rows", 1, **asked)
    assert status == 400
    assert not (viewer.target / "reviews.jsonl").exists()


def test_read_only_takes_no_mark(start, run):
    client = Client(start(run, "--read-only"))
    status, _, text = client.mark("filter/rows", 1, "keep")
    assert status == 400 and "--read-only" in text and not (run / "reviews.jsonl").exists()
    assert "Reject" not in client.get("/row", file="filter/rows", line=1)[2]


def test_kill_9_in_the_middle_loses_no_acknowledged_mark_of_two_reviewers(start, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(orjson.dumps({"id": f"r{at}", "output": "x"}) + b"\n" for at in range(100)))
    viewers = [start(file, "--reviewer", who) for who in ("anna", "bert")]
    clients = [Client(viewer) for viewer in viewers]
    acknowledged: list[tuple[str, str]] = []

    def click(client, who):
        for line in range(1, 101):
            try:
                if client.mark("rows.jsonl", line, "reject")[0] == 200:
                    acknowledged.append((who, f"r{line - 1}"))
            except (OSError, http.client.HTTPException):
                return
            if who == "anna" and line == 60:
                viewers[0].process.send_signal(signal.SIGKILL)

    people = [
        threading.Thread(target=click, args=pair) for pair in zip(clients, ("anna", "bert"), strict=True)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    found = [(mark["who"], mark["row"]) for mark in read_marks(tmp_path / "rows.jsonl.reviews.jsonl")]
    assert set(acknowledged) <= set(found)
    assert sum(who == "bert" for who, _ in acknowledged) == 100
    assert 60 <= sum(who == "anna" for who, _ in acknowledged) < 100


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
