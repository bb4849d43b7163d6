"""Rows from a teacher without latency, by one process and by shards at the same time, over one ledger each.

    python -m benchmarks.shards [--rows 500000] [--shards 4] [--in-flight 64] [--teachers 1] [--locks no]

Timed is from the start of the processes to the end of the last one, merge apart; CPU is that of synthgen's
processes, memory the peak of each. The teachers are processes of their own, and count what reaches them.
`--locks no` has the ledger written as in a folder without file locks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.environments import ROOT
from tests import sharded


@contextlib.contextmanager
def teachers(number: int) -> Iterator[list[str]]:
    """So many servers, by their addresses."""
    command = [sys.executable, "-m", "benchmarks.teacher"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(number)
    ]
    try:
        yield [process.stdout.readline().strip() for process in processes if process.stdout]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def requests(urls: Sequence[str]) -> int:
    """How many requests have reached the teachers."""
    total = 0
    for url in urls:
        with urllib.request.urlopen(url.removesuffix("/v1") + "/_counts") as reply:
            total += json.load(reply)["requests"]
    return total


def wait(processes: Sequence[subprocess.Popen[bytes]]) -> tuple[float, list[float]]:
    """CPU seconds of all, and each one's peak memory in MB.

    Raises:
        SystemExit: one of them failed.
    """
    cpu, peaks = 0.0, list[float]()
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{process.args}: exit code {process.returncode}")
        cpu += usage.ru_utime + usage.ru_stime
        peaks.append(usage.ru_maxrss / 1024)
    return cpu, peaks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=64, help="of each process")
    parser.add_argument("--teachers", type=int, default=1)
    parser.add_argument("--locks", choices=("yes", "no"), default="yes")
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    more = {"SYNTHGEN_LEDGER_LOCKS": options.locks}
    print(f"{'':<22}{'wall s':>9}{'rows/s':>9}{'CPU ms/row':>12}{'requests':>11}  peak MB of each")
    with tempfile.TemporaryDirectory(dir=options.scratch) as name, teachers(options.teachers) as urls:
        folder, sums = Path(name), []
        for of in (1, options.shards):
            run, before = f"of-{of}", requests(urls)
            address = json.dumps(urls).strip("[]").replace('", "', "|").strip('"')
            sharded.lay_out(folder, address, options.rows, options.in_flight)
            if len(urls) > 1:
                text = (folder / "p.yaml").read_text().replace(f'"{address}"', json.dumps(urls))
                (folder / "p.yaml").write_text(text)
            wait([sharded.start(folder, run, "--until", "load", LEDGER=run)])
            began = time.monotonic()
            arguments = [("--only", "generate")] if of == 1 else [sharded.shard(i + 1, of) for i in range(of)]
            cpu, peaks = wait([sharded.start(folder, run, *each, LEDGER=run, **more) for each in arguments])
            seconds = time.monotonic() - began
            _line(
                f"{of} process{'es' * (of > 1)}", options.rows, seconds, cpu, requests(urls) - before, peaks
            )
            if of > 1:
                began = time.monotonic()
                cpu, peaks = wait([sharded.start(folder, run, "merge")])
                _line("merge", options.rows, time.monotonic() - began, cpu, 0, peaks)
            sums.append(sharded.sha256(folder, run))
    print(f"rows {'the same' if sums[0] == sums[-1] else 'DIFFER'} ({sums[-1][0][:16]})")
    sys.exit(sums[0] != sums[-1])


def _line(name: str, rows: int, seconds: float, cpu: float, asked: int, peaks: Sequence[float]) -> None:
    print(
        f"{name:<22}{seconds:>9,.1f}{rows / seconds:>9,.0f}{1e3 * cpu / rows:>12.3f}{asked:>11,}  "
        + ", ".join(f"{peak:,.0f}" for peak in peaks),
        flush=True,
    )


if __name__ == "__main__":
    main()
