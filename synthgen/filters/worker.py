"""A worker process of `synthgen.filters.pool`: reads blocks from its stdin, writes what became of them to its stdout."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys

from synthgen.errors import StageFailed, SynthgenError
from synthgen.filters.apply import RuleSet, build_rules
from synthgen.filters.judging import Judged, judge_block


def serve() -> None:
    """Judges blocks until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    gc.set_threshold(100_000, 20, 50)  # rows hold no cycles: looking for some at every 700th object takes a fifth of the time
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a rule that prints must not write into the answers
    questions = sys.stdin.buffer
    choices, stage, action, values = pickle.load(questions)
    rules: RuleSet | None = None
    while True:
        try:
            data, first_line, source = pickle.load(questions)
        except EOFError:
            return
        answer: Judged | SynthgenError
        try:
            rules = rules or RuleSet(build_rules(choices), stage)
            answer = judge_block(rules, data, first_line, source, action, values)
        except SynthgenError as fault:
            answer = StageFailed(fault.faults[0].what, fault.faults[0].where, fault.faults[0].next)
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    serve()
