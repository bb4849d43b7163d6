"""How fast the ledger takes replies of 2 KB and finds them, from 10,000 to 1,000,000 of them.

    python benchmarks/ledger.py [--replies 1000000] [--folder DIR]

Insertion is as in a run: a commit, synchronous to disk, for each group of 32; measured over the last tenth
of each size, of which the first one has only 10,000. Lookups are once in the order in which replies came,
as a rerun has it, once at random, and once of requests that are not there. Beside rates stands the CPU time
of one (all threads), and what was handed to the file system for one, which a busy machine does not change.
"""

import argparse
import random
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from synthgen.store.ledger.key import request_hash
from synthgen.store.ledger.ledger import Ledger, open_ledger
from synthgen.store.ledger.writer import OnCommit
from synthgen.store.ledger.writes import ReplyWrite

GROUP = 32
LOOKUPS = 10_000
SIZES = (10_000, 100_000, 300_000, 1_000_000)


def write_of(number: int) -> ReplyWrite:
    canonical = orjson.dumps(
        {
            "endpoint": "chat",
            "identity": "host",
            "body": {"messages": [{"role": "user", "content": f"question {number} " + "x" * 500}]},
        }
    )
    body = orjson.dumps(
        {"model": "m", "choices": [{"index": 0, "message": {"content": f"answer {number} " + "y" * 2000}}]}
    )
    return ReplyWrite(
        request_hash(canonical), canonical, (0,), body, "m", 100, 500, 0.001, 1.0, "", "bench", 0.001, 600
    )


def handed_over() -> int:
    """Bytes that this process has written so far; 0 where the system does not tell."""
    try:
        counters = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in counters if line.startswith("wchar"))


class Clock:
    """Seconds, CPU seconds and bytes written between `start` and `stop`, added up."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.written = 0

    def start(self) -> None:
        """Goes on."""
        self._started = time.perf_counter(), time.process_time(), handed_over()

    def stop(self) -> None:
        """Stands still."""
        seconds, cpu, written = self._started
        self.seconds, self.cpu, self.written = (
            self.seconds + time.perf_counter() - seconds,
            self.cpu + time.process_time() - cpu,
            self.written + handed_over() - written,
        )


def fill(ledger: Ledger, start: int, end: int) -> Clock:
    """Adds the replies [start, end), group by group; the clock stands still while they are made."""
    clock = Clock()
    for first in range(start, end, GROUP):
        group = [write_of(number) for number in range(first, min(first + GROUP, end))]
        done = threading.Event()
        clock.start()
        for write in group[:-1]:
            ledger.submit(write)
        ledger.submit(group[-1], OnCommit(lambda _, fault, done=done: done.set(), None))
        done.wait()
        clock.stop()
    return clock


def look(ledger: Ledger, digests: list[bytes], expected: bool) -> Clock:
    clock = Clock()
    clock.start()
    assert all(bool(ledger.look_up(digest, 0, 1).samples) == expected for digest in digests)
    clock.stop()
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=int, default=SIZES[-1])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    names = (
        "insert/s",
        "CPU us",
        "KB each",
        "in order/s",
        "CPU us",
        "random/s",
        "CPU us",
        "missing/s",
        "CPU us",
        "file MB",
        "memory MB",
    )
    print(f"{'replies':>10}", *(f"{name:>10}" for name in names))
    rng = random.Random(0)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        ledger = open_ledger(Path(folder) / "ledger")
        written = 0
        for target in [size for size in SIZES if size <= options.replies]:
            tail = target - min(target - written, max(SIZES[0], target // 10))
            fill(ledger, written, tail)
            inserted, written = fill(ledger, tail, target), target
            first = rng.randrange(target - LOOKUPS + 1)
            chosen: list[Callable[[int], int]] = [
                lambda lookup, first=first: first + lookup,
                lambda lookup, target=target: rng.randrange(target),
                lambda lookup: -1 - lookup,
            ]  # type: ignore[misc]
            looked = [
                look(
                    ledger,
                    [write_of(choose(lookup)).hash for lookup in range(LOOKUPS)],
                    choose is not chosen[2],
                )
                for choose in chosen
            ]
            size = sum(path.stat().st_size for path in (Path(folder) / "ledger").iterdir()) / 1e6
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            count = target - tail
            cells = [
                f"{count / inserted.seconds:,.0f}",
                f"{1e6 * inserted.cpu / count:.1f}",
                f"{inserted.written / count / 1e3:.1f}",
            ]
            for clock in looked:
                cells += [f"{LOOKUPS / clock.seconds:,.0f}", f"{1e6 * clock.cpu / LOOKUPS:.1f}"]
            print(
                f"{target:>10,}",
                *(f"{cell:>10}" for cell in (*cells, f"{size:,.0f}", f"{memory:,.0f}")),
                flush=True,
            )
        ledger.close()


if __name__ == "__main__":
    main()
