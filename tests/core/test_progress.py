"""A bar on a terminal, plain lines elsewhere, nothing on stdout, a status file that is always whole."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from synthgen.core import progress as module
from synthgen.core.progress import Reporter
from synthgen.core.text import duration

SCRIPT = """
import sys, time
from synthgen.core.progress import Reporter
reporter = Reporter()
with reporter.stage("generate", 300) as progress:
    progress.started -= 10
    for done in (100, 200, 300):
        progress.update(done=done, tokens=done * 50, cost=done / 100, cap=20, failed=3)
        time.sleep(0.12)
reporter.say("generate: done")
"""


def on_a_terminal(**environment):
    """What the script writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(slave)
    written = b""
    while True:
        try:
            block = os.read(master, 4096)
        except OSError:
            break
        if not block:
            break
        written += block
    assert process.wait() == 0 and process.stdout.read() == b""
    return written.decode()


def test_on_a_terminal_one_line_is_rewritten():
    text = on_a_terminal()
    assert (
        "\r\x1b[2K" in text
        and "generate 200/300" in text
        and "$2.00 of $20" in text
        and "3 failed" in text
        and "left" in text
    )
    assert text.rstrip().endswith("generate: done")


def test_a_log_in_json_is_an_object_a_line_on_a_terminal_too():
    lines = on_a_terminal(SYNTHGEN_LOG_FORMAT="json").splitlines()
    entries = [json.loads(line) for line in lines]
    assert max(map(len, lines)) > 80 and "\x1b" not in "".join(lines)
    assert [entry["event"] for entry in entries][-1] == "note" and entries[-1]["text"] == "generate: done"


def test_in_a_notebook_one_line_is_rewritten_without_control_sequences(monkeypatch):
    import io
    import sys
    from types import SimpleNamespace

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    reporter = Reporter()
    with reporter.stage("filter", 10) as progress:
        progress.update(done=3)
    reporter.say("done")
    written = stderr.getvalue()
    assert reporter.mode == "notebook" and "\x1b" not in written and written.endswith("\rdone\n")
    lines = written.split("\r")
    assert lines[1].strip() == "filter 0/10" and len({len(line) for line in lines[1:-1] if line}) == 1


def test_elsewhere_lines_are_plain():
    done = subprocess.run(
        [sys.executable, "-c", "import synthgen.core.progress as p; p.PLAIN_SECONDS = 0\n" + SCRIPT],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "" and "\x1b" not in done.stderr and "\r" not in done.stderr
    assert "generate 100/300 · " in done.stderr and done.stderr.endswith("generate: done\n")


@pytest.mark.parametrize(
    ("cost", "cap", "shown"),
    [
        (3.123, 20, "$3.12 of $20"),
        (0.0123, 0.49, "$0.01 of $0.49"),
        (0.00045, 0.002, "$0.00045 of $0.0020"),
        (1.5, 1500.0, "$1.50 of $1,500"),
    ],
)
def test_small_budgets_are_shown_to_the_cent_and_below(cost, cap, shown):
    line = Reporter("silent").stage("generate", 10)
    line.update(done=1, cost=cost, cap=cap)
    assert shown in line.line()


def test_the_rate_counts_what_was_asked_now_and_not_what_was_in_the_ledger():
    line = Reporter("silent").stage("generate", 1000)
    line.started -= 10
    line.update(done=600, reused=500)
    assert ("10 rows/s" in line.line() or "10.0 rows/s" in line.line()) and "40 s left" in line.line()


def test_the_status_file_is_whole_whenever_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STATUS_SECONDS", 0.0)
    reporter = Reporter("silent", tmp_path / "status.json")
    with reporter.stage("filter", 10) as progress:
        for done in range(10):
            progress.update(done=done)
            assert json.loads((tmp_path / "status.json").read_bytes())["done"] == done
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0 s"), (40, "40 s"), (840, "14 min"), (7500, "2 h 05 min")]
)
def test_durations_as_people_say_them(seconds, shown):
    assert duration(seconds) == shown


def test_the_rate_is_of_what_was_timed_and_the_time_left_is_what_the_caller_knows():
    line = Reporter("silent").stage("sft", 300, "steps")
    line.update(done=110, reused=100, tokens=5000, seconds=20.0)
    assert line.line() == "sft 110/300 · 0.5 steps/s · 250 tok/s · 6 min left"
    line.update(left=1800.0)
    assert line.line() == "sft 110/300 · 0.5 steps/s · 250 tok/s · 30 min left"
    line.update(done=300, left=0.0)
    assert "left" not in line.line()
