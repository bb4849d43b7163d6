"""`synthgen run` of a dedup that keeps columns on disk: killed, on a full disk, without a size."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson

from synthgen.similarity.columns import Column
from tests.similarity.test_stored_scan import rows_of

KILLED = """
import os, signal, sys
from synthgen.similarity import linked_rows
from synthgen.similarity.chosen import ChosenMethod
from synthgen.similarity.columns import Column

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

linked_rows.LinkedRows.parts = killed
sys.argv = ["synthgen", "run", "p.yaml"]
from synthgen.cli import main
main()
"""


PIPELINE = """
name: p
stages:
  - load: {sources: [rows.jsonl]}
  - dedup: {methods: [exact, minhash], memory: 1KB}
"""


def lay_out(memory="1KB"):
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows_of(3, 200)))
    Path("p.yaml").write_text(PIPELINE.replace("1KB", memory))


def test_a_kill_leaves_no_column_behind_and_a_rerun_writes_the_same(synthgen):
    lay_out()
    Path("q.yaml").write_text(PIPELINE.replace("1KB", "2GB"))
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not [path for path in Path("data/runs/p").glob("*dedup*/*")]
    assert synthgen("run", "p.yaml")[0] == synthgen("run", "q.yaml", "--runs", "elsewhere")[0] == 0
    for name in ("rows.jsonl", "rejected.jsonl"):
        after = Path(f"data/runs/p/dedup/{name}").read_bytes()
        assert after == Path(f"elsewhere/p/dedup/{name}").read_bytes() != b""
    assert not Path("data/runs/p/.new-dedup").exists()


def test_a_full_disk_is_told_with_what_to_do(synthgen, monkeypatch):
    init = Column.__init__

    def full(self, folder):
        init(self, folder)
        with open("/dev/full", "wb") as device:
            os.dup2(device.fileno(), self._file.fileno())

    monkeypatch.setattr(Column, "__init__", full)
    lay_out()
    code, _, err = synthgen("run", "p.yaml")
    assert code == 1 and "the disk is full" in err and "make room and give the same command" in err
    assert not Path("data/runs/p/dedup").exists()


def test_a_size_that_is_none_is_told_with_an_example(synthgen):
    lay_out("2 gigs")
    code, _, err = synthgen("run", "p.yaml")
    assert code == 2 and "500MB" in err and "p.yaml:5" in err
