"""What it takes to look at a large file with `synthgen view`: open, page, search, memory.

    python -m benchmarks.viewing --rows 1000000

Makes a file of about 514 bytes a row, starts the viewer as its users do, and asks over HTTP. The first page
counts from the start of the process, Python's own start included.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode


def make_file(path: Path, rows: int) -> None:
    """Rows of 64 made-up words, numbered."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnoprstuv", k=draw.randint(2, 9))) for _ in range(5000)]
    with open(path, "w", encoding="utf-8", buffering=1 << 20) as file:
        for number in range(rows):
            row = {
                "id": f"{number * 7919:016x}",
                "instruction": " ".join(draw.choices(words, k=20)),
                "output": " ".join(draw.choices(words, k=44)),
                "meta": {"source": "made", "scores": {"judge": number % 6}},
            }
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


class Viewer:
    """A viewer of a file, in a process of its own."""

    def __init__(self, path: Path) -> None:
        self.began = time.monotonic()
        command = [sys.executable, "-m", "synthgen", "view", str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        self.host, _, token = address.removeprefix("http://").partition("/?token=")
        self.file, self.cookie = path.name, ""
        self.cookie = self._send(f"/?token={token}")[0]["Set-Cookie"].partition(";")[0]

    def _send(self, path: str) -> tuple[http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection(self.host, timeout=120)
        connection.request("GET", path, headers={"Cookie": self.cookie} if self.cookie else {})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        if reply.status >= 400:
            raise RuntimeError(f"{path}: {reply.status} {text}")
        return reply.headers, text

    def rows(self, **query: str | int) -> tuple[float, str]:
        """Seconds that a page of rows took, and its text."""
        began = time.monotonic()
        _, text = self._send(f"/rows?{urlencode({'file': self.file, **query})}")
        return time.monotonic() - began, text

    def memory(self) -> float:
        """Peak, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> None:
        """Ends it, as Ctrl-C does."""
        self.process.terminate()
        self.process.wait()


def measure(path: Path, rows: int, words: bool = True) -> dict[str, float]:
    """Seconds and MB, by name."""
    viewer = Viewer(path)
    try:
        _, text = viewer.rows()
        figures = {"first page": time.monotonic() - viewer.began}
        while "still counting" in text:
            time.sleep(0.05)
            text = viewer.rows()[1]
        figures["lines counted"] = time.monotonic() - viewer.began
        draw = random.Random(1)
        times = [viewer.rows(line=draw.randrange(1, max(2, rows - 50)))[0] for _ in range(50)]
        figures |= {"page anywhere, median": statistics.median(times), "page anywhere, longest": max(times)}
        figures["search, the last row"] = viewer.rows(q=f"{(rows - 1) * 7919:016x}")[0]
        figures["search, nothing there"] = viewer.rows(q="nothing like it")[0]
        figures["a rare field by its value"] = viewer.rows(field="meta.source", op="is", value="other")[0]
        figures["peak memory without words, MB"] = viewer.memory()
        if words:
            began = time.monotonic()
            while "being indexed" in viewer.rows(q="nothing", words="yes")[1]:
                time.sleep(0.2)
            figures["words indexed"] = time.monotonic() - began
            figures["search for two words"] = viewer.rows(q="at by", words="yes")[0]
            figures["peak memory, MB"] = viewer.memory()
        return figures
    finally:
        viewer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the file is made, and deleted again")
    parser.add_argument("--no-words", action="store_true", help="leave out the index of words")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "rows.jsonl"
        make_file(path, given.rows)
        print(f"{given.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        for name, value in measure(path, given.rows, not given.no_words).items():
            print(f"{name:<32} {value:>10.3f}{'' if name.endswith('MB') else ' s'}")


if __name__ == "__main__":
    main()
