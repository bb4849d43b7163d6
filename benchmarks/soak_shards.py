"""Shards killed at random and requeued, in a folder without file locks; what they made against a calm run.

    python -m benchmarks.soak_shards [--kills 20] [--shards 4] [--rows 8000] [--machines] [--locks yes]

Every lock is granted to everybody (a library that is loaded first), unless `--locks yes`. With `--machines`
each process is in a namespace of its own for host names and process ids, as on another machine. That needs
root, and after each kill the shard is free again when its lock is 90 seconds old. Each shard is started
twice: two processes for the same work, of which one has to give way. After so many kills the shards are run
to their end and merged. Then another run asks the same of the same ledger.

Counted is what the server saw. Nothing is lost and nothing is written twice where the merged rows are those
of a calm run, and every reply is in the ledger once. At most what was under way at a kill is asked again.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import sharded
from tests.servers.misbehaving import MisbehavingTeacher

HELD = 5  # the exit code of a process that finds its work in another one's hands


class Worker:
    """One shard's process, and whether it is in a namespace of its own."""

    def __init__(self, folder: Path, number: int, of: int, extra: dict[str, str], host: str) -> None:
        self.number, self.host = number, host
        self.asks_until = 0  # so many requests of all have to come before it is killed
        self.process = sharded.start(folder, "killed", *sharded.shard(number, of), HOST=host, **extra)

    def kill(self) -> None:
        """`kill -9`, of what is in its namespace, too."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--locks", choices=("yes", "no"), default="no")
    parser.add_argument("--machines", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with (
        tempfile.TemporaryDirectory(dir=options.scratch) as name,
        MisbehavingTeacher(latency=(0.0, 0.2)) as teacher,
    ):
        folder = Path(name)
        extra = {} if options.locks == "yes" else sharded.without_locks(folder)
        if extra is None:
            parser.error("a folder without locks needs Linux and a C compiler")
        sharded.lay_out(folder, teacher.url, options.rows, options.concurrency)
        assert sharded.start(folder, "calm", LEDGER="calm").wait() == 0
        needed = teacher.requests
        assert sharded.start(folder, "killed", "--until", "load").wait() == 0
        kills, ends = killing(folder, options, extra, rng, teacher)
        beyond = teacher.requests - 2 * needed
        merged = sharded.start(folder, "killed", "merge").wait()
        again = sharded.start(folder, "again", **extra).wait()
        beyond_again = teacher.requests - 2 * needed - beyond
        same = (
            sharded.sha256(folder, "calm")
            == sharded.sha256(folder, "killed")
            == sharded.sha256(folder, "again")
        )
        twice, files = replies_twice(folder / "ledger", extra)
    allowed = kills * options.concurrency
    fine = merged == again == beyond_again == 0 and same and beyond <= allowed and twice <= allowed
    print(f"{kills} kills of {options.shards} shards, {options.rows:,} rows, {needed:,} requests needed")
    print(f"  {beyond:,} asked again, at most {allowed:,} were under way; {beyond_again:,} by a later run")
    print(f"  {twice:,} samples twice in {files} files; exit codes {dict(ends)}")
    print(f"  rows {'the same' if same else 'DIFFER'}")
    return 0 if fine else 1


def killing(
    folder: Path,
    options: argparse.Namespace,
    extra: dict[str, str],
    rng: random.Random,
    teacher: MisbehavingTeacher,
) -> tuple[int, collections.Counter[int]]:
    """Runs all shards to their end, with kills in between; how many there were, and how processes ended."""
    ends: collections.Counter[int] = collections.Counter()
    kills, started, done = 0, 0, set[int]()
    workers: list[Worker] = []
    while len(done) < options.shards:
        for number in set(range(1, options.shards + 1)) - done:
            while sum(worker.number == number for worker in workers) < 2:
                started += 1
                host = f"node{started}" if options.machines else ""
                workers.append(Worker(folder, number, options.shards, extra, host))
        time.sleep(0.05)
        for worker in list(workers):
            if worker.process.poll() is not None:
                workers.remove(worker)
                ends[worker.process.returncode] += 1
                if worker.process.returncode == 0:
                    done.add(worker.number)
                elif worker.process.returncode != HELD:
                    raise SystemExit((folder / "killed.log").read_text()[-2000:])
        for worker in list(workers):
            if kills < options.kills and worker.number not in done and asks(folder, worker):
                # To kill a process that only starts would show nothing.
                worker.asks_until = worker.asks_until or teacher.requests + rng.randrange(400)
                if teacher.requests > worker.asks_until:
                    worker.kill()
                    workers.remove(worker)
                    kills += 1
    for worker in workers:
        worker.process.wait()
    return kills, ends


def asks(folder: Path, worker: Worker) -> bool:
    """Whether a process is the one that works on its shard, and has come so far that it asks."""
    with contextlib.suppress(FileNotFoundError):
        owners = os.listdir(folder / "ledger" / "owners")
        own = f"{worker.host}-" if worker.host else f"-{worker.process.pid}-"
        return any(own in name for name in owners)
    return False


def replies_twice(ledger: Path, extra: dict[str, str]) -> tuple[int, int]:
    """How many samples the ledger holds more than once, and in how many files it lies."""
    code = (
        "import sys,pathlib,collections,orjson\n"
        "from synthgen.store.ledger.ledger import open_ledger\n"
        "folder=pathlib.Path(sys.argv[1]); ledger=open_ledger(folder); out=folder/'all.jsonl'\n"
        "ledger.export(out); keys=[orjson.loads(line)['key'] for line in open(out,'rb')]\n"
        "print(len(keys)-len(set(keys)), ledger.stats()['files'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ledger)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(sharded.ROOT), **extra},
    )
    twice, files = done.stdout.split()
    return int(twice), int(files)


if __name__ == "__main__":
    sys.exit(main())
