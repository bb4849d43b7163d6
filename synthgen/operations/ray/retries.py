"""What follows when a task's process has ended: the exit codes' own words, with a limit on each.

A node that dies is none of this: Ray starts its task again elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.core.errors import RunLocked
from synthgen.core.exit_codes import EXIT_CODES
from synthgen.store.lock import STALE_SECONDS

FAILURES = 3
"""How often a task may fail, or be killed (out of memory, say), before its failure stands."""
INTERRUPTIONS = 100
"""How often somebody else may interrupt it."""
HELD_SECONDS = STALE_SECONDS + 60
"""How long a task waits for a process that holds its work: longer than a dead node's lock is believed."""
SECONDS_LATER = 5.0
"""Between two tries where another makes sense later."""
OWN_SHARE = (3, 4)
"""Exit codes about one shard's part of the budget, or its rows: the other shards go on."""

_AGAIN = {one.code: one.again for one in EXIT_CODES}


@dataclass
class Tries:
    """What has become of one task so far."""

    failures: int = 0
    interruptions: int = 0
    held_since: float | None = None

    def after(self, code: int, now: float) -> float | None:
        """Seconds until the next try, or None where there is none.

        Args:
            code: what its process has ended with; codes that no table has are failures.
            now: seconds on a clock that only goes forward.
        """
        again = _AGAIN.get(code, "later")
        if code == RunLocked.exit_code:
            self.held_since = now if self.held_since is None else self.held_since
            return SECONDS_LATER if now - self.held_since < HELD_SECONDS else None
        self.held_since = None
        if again == "at once":
            self.interruptions += 1
            return 0.0 if self.interruptions < INTERRUPTIONS else None
        if again == "later":
            self.failures += 1
            return SECONDS_LATER if self.failures < FAILURES else None
        return None
