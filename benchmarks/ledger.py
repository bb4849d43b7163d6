"""How fast the ledger takes replies and finds them, at 10,000, 100,000 and 1,000,000 replies of 2 KB.

    python benchmarks/ledger.py [--replies 1000000] [--folder DIR]

Insertion is as in a run: a commit, synchronous to disk, for each group of 32. Lookups are of random keys, cold and warm alike.
Beside rates stands the CPU time of one (all threads), which a busy machine does not change.
"""

import argparse
import random
import resource
import tempfile
import threading
import time
from pathlib import Path

import orjson

from synthgen.store.ledger import open_ledger, request_hash
from synthgen.store.ledger_writer import ReplyWrite

GROUP = 32


def write_of(number: int) -> ReplyWrite:
    canonical = orjson.dumps({"endpoint": "chat", "identity": "host", "body": {"messages": [{"role": "user", "content": f"question {number} " + "x" * 500}]}})
    body = orjson.dumps({"model": "m", "choices": [{"index": 0, "message": {"content": f"answer {number} " + "y" * 2000}}]})
    return ReplyWrite(request_hash(canonical), canonical, (0,), body, "m", 100, 500, 0.001, 1.0, "", "bench", 0.001, 600)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        ledger = open_ledger(Path(folder) / "ledger")
        rng = random.Random(0)
        written = 0
        print(f"{'replies':>10} {'insert/s':>9} {'CPU us':>7} {'lookup/s':>9} {'CPU us':>7} {'missing/s':>10} {'file MB':>8} {'memory MB':>9}")
        for target in [size for size in (10_000, 100_000, 300_000, 1_000_000) if size <= options.replies]:
            tail = max(written, target - 10_000)
            seconds = cpu = 0.0
            while written < target:
                group = [write_of(number) for number in range(written, min(written + GROUP, target))]
                done = threading.Event()
                started, used = time.perf_counter(), time.process_time()
                for write in group[:-1]:
                    ledger.submit(write)
                ledger.submit(group[-1], lambda writes, fault, done=done: done.set())
                done.wait()
                if written >= tail:
                    seconds += time.perf_counter() - started
                    cpu += time.process_time() - used
                written += len(group)
            rate = (target - tail) / seconds
            wanted = [write_of(rng.randrange(written)).hash for _ in range(5000)]
            started, used = time.perf_counter(), time.process_time()
            assert all(ledger.look(digest, 0, 1).samples for digest in wanted)
            found, found_cpu = 5000 / (time.perf_counter() - started), (time.process_time() - used) / 5000
            absent = [write_of(-1 - number).hash for number in range(5000)]
            started = time.perf_counter()
            assert not any(ledger.look(digest, 0, 1).samples for digest in absent)
            missing = 5000 / (time.perf_counter() - started)
            size = sum(path.stat().st_size for path in (Path(folder) / "ledger").iterdir()) / 1e6
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{target:>10,} {rate:>9,.0f} {1e6 * cpu / (target - tail):>7.0f} {found:>9,.0f} {1e6 * found_cpu:>7.0f} {missing:>10,.0f} {size:>8,.0f} {memory:>9,.0f}", flush=True)
        ledger.close()


if __name__ == "__main__":
    main()
