"""In the tool's own process: asks, reads the answers back from disk, counts them, and prints one line of JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.asking import DISTRIBUTIONS, Clock, ask_of


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    options = parser.parse_args()
    if not options.url.startswith("http://127."):
        raise SystemExit("the server of this benchmark is on this machine")
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        answers = ask_of(options.tool)(options.url, options.rows, options.in_flight, Path(folder), clock)
        # The server's answers differ from question to question, so that a row that is there twice does not count twice.
        answered = len({answer for answer in answers if isinstance(answer, str) and answer.startswith("answer ")})
    try:
        release = version(DISTRIBUTIONS.get(options.tool, options.tool))
    except PackageNotFoundError:
        release = ""
    found = {"began": clock.began, "finished": clock.finished, "cpu": clock.cpu, "memory": clock.memory, "answered": answered, "version": release}
    sys.stdout.write("\nRESULT " + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
