"""A child process ends with the process that started it, also when that one is killed.

`python -m synthgen.store.orphans PARENT PROGRAM WORD…` does that for a program that knows nothing of it;
where PARENT is 0, it is whoever started this.
"""

from __future__ import annotations

import os
import signal
import sys

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def end_with(parent: int) -> None:
    """Has the kernel kill this process when the thread that started it ends; Linux only, else nothing.

    It works whatever this process is doing, even within one call of a library. Call it only where the thread
    that started this process lives as long as its process does: the main thread.

    Args:
        parent: the process id that the parent has, or had: if it has ended already, so does this process.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    end_with(int(sys.argv[1]) or os.getppid())
    os.execvp(sys.argv[2], sys.argv[2:])  # the kernel remembers
