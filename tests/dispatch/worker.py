"""A process for kill tests: asks `rows` chained questions and writes the results.

Arguments: url, ledger, rows, out, concurrency[, cap[, workers[, timeout]]].
"""

import sys
from pathlib import Path

import orjson

from synthgen.core.progress import Reporter
from synthgen.dispatch.sending import retry
from synthgen.dispatch.session import open_sessions
from synthgen.teachers.config import Budget, TeacherConfig
from tests.dispatch.questions import chain, question

retry.FIRST_PAUSE = 0.01
url, ledger, rows, out, concurrency = (
    sys.argv[1],
    Path(sys.argv[2]),
    int(sys.argv[3]),
    Path(sys.argv[4]),
    int(sys.argv[5]),
)
budget = Budget(usd=float(sys.argv[6])) if len(sys.argv) > 6 and float(sys.argv[6]) else None
workers = int(sys.argv[7]) if len(sys.argv) > 7 else 1
timeout = float(sys.argv[8]) if len(sys.argv) > 8 else 2.0
config = TeacherConfig(
    model="m",
    base_url=url,
    limits={"concurrency": concurrency, "workers": workers, "timeout": timeout, "max_attempts": 50},
    sampling={"max_tokens": 64},
    price={"input_per_mtok": 1000, "output_per_mtok": 1000},
)


def conversations():
    for number in range(rows):
        yield chain(number, 2) if number % 5 == 0 else question(number, n=2 if number % 7 == 0 else 1)


with open_sessions(
    {"": config},
    ledger_dir=ledger,
    run="kill",
    budget=budget,
    reporter=Reporter("silent"),
    stopping=lambda: 0,
) as sessions:
    session = sessions.open()
    session.fetch(conversations(), total=rows, stage="generate")
    with open(out, "wb") as file:
        for rendered in session.render(conversations()):
            file.write(orjson.dumps([rendered.state, rendered.result, rendered.keys]) + b"\n")
