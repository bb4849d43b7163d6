"""Shards as processes of their own, over one shared ledger: what tests and benchmarks start them with."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import ROOT

PIPELINE = """
version: 1
name: p
teacher:
  provider: builtin
  base_url: "URL"
  limits: {concurrency: CONCURRENCY, timeout: 60}
stages:
  - load: {sources: [rows.jsonl]}
  - generate: {task: respond}
"""
APART = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
FILES = ("rows.jsonl", "rejected.jsonl")
NO_LOCKS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}
static int answer(const char *name, int file, int command, void *value) {
    if (is_lock(command)) return 0;  /* everybody gets every lock */
    if (command == F_GETLK || command == F_OFD_GETLK) {
        ((struct flock *)value)->l_type = F_UNLCK;
        return 0;
    }
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    return real(file, command, value);
}
int fcntl(int file, int command, ...) {
    va_list rest; va_start(rest, command); void *value = va_arg(rest, void *); va_end(rest);
    return answer("fcntl", file, command, value);
}
int fcntl64(int file, int command, ...) {
    va_list rest; va_start(rest, command); void *value = va_arg(rest, void *); va_end(rest);
    return answer("fcntl64", file, command, value);
}
int flock(int file, int operation) { return 0; }
"""


def lay_out(folder: Path, url: str, rows: int, concurrency: int) -> None:
    """Writes the rows and the pipeline; one question in ten comes twice, half the rows apart."""
    with open(folder / "rows.jsonl", "w") as file:
        for row in range(rows):
            question = row - rows // 2 if row >= rows // 2 and row % 10 == 0 else row
            file.write(f'{{"id": "{row}", "instruction": "What is {question} and {question % 97}?"}}\n')
    text = PIPELINE.replace("URL", url).replace("CONCURRENCY", str(concurrency))
    (folder / "p.yaml").write_text(text)


def start(folder: Path, run: str, *more: str, **environment: str) -> subprocess.Popen[bytes]:
    """Starts `synthgen run`, or `merge` where that is the first of `more`; what it says goes to a file.

    Args:
        folder: where the pipeline lies.
        run: the run's name.
        more: further arguments.
        environment: variables; LEDGER is the ledger's folder, and HOST the name of a machine of its own.
    """
    host = environment.pop("HOST", "")
    apart = [*APART, "sh", "-c", 'hostname "$0" && exec "$@"', host] if host else []
    verb, rest = ("merge", more[1:]) if more[:1] == ("merge",) else ("run", more)
    command = [sys.executable, "-m", "synthgen", verb, "p.yaml", "--run-dir", f"runs/{run}"]
    command += [] if verb == "merge" else ["--ledger", environment.pop("LEDGER", "ledger")]
    environment.pop("LEDGER", None)
    with open(folder / f"{run}.log", "ab") as log:
        return subprocess.Popen(
            [*apart, *command, *rest],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )


def shard(number: int, of: int) -> tuple[str, ...]:
    """The arguments of one shard."""
    return "--only", "generate", "--shard", f"{number}/{of}"


def sha256(folder: Path, run: str) -> list[str]:
    """The hashes of what a run's `generate` made."""
    files = [folder / "runs" / run / "generate" / name for name in FILES]
    return [hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "" for file in files]


def without_locks(folder: Path) -> dict[str, str] | None:
    """An environment in which every file lock is granted to everybody; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    (folder / "no_locks.c").write_text(NO_LOCKS)
    library = folder / "no_locks.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(folder / "no_locks.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return {"LD_PRELOAD": str(library), "SYNTHGEN_LEDGER_LOCKS": "no"}
