"""A programmatic teacher for trying the pipeline without a key or a GPU.

It is no language model. It writes arithmetic and logic word problems and simple instructions, works them out
from their text alone, and makes the mistakes that real teachers make, at rates that the request states. It is
reached over HTTP like any other teacher (`server.py`), and imports nothing else of synthgen. Its replies
depend on nothing but the request's body and the sample's index.
"""

VERSION = 2
"""Raised when the same request would get another reply; part of the ledger key."""

MODEL = "builtin-1"
"""The model name it serves under."""

DEFAULT_RATES = {
    "wrong_answer": 0.06,
    "run_on": 0.02,
    "refusal": 0.01,
    "truncated": 0.01,
    "near_duplicate": 0.02,
    "malformed_list": 0.02,
}
"""Share of replies with each mistake, where the request's `mistakes` names none."""
