"""What a client asks, read from its body."""

import pytest

from synthgen.operations.serve.request import Refused, read_request

BODY = {"messages": [{"role": "user", "content": "Who?"}]}


@pytest.mark.parametrize(
    ("options", "temperature"),
    [
        ({"temperature": 1e-300}, 0.0),
        ({"temperature": 1e-40}, 0.0),
        ({"temperature": 1.9, "top_p": 0}, 0.0),
        ({"temperature": 0.01}, 0.01),
        ({"temperature": 1, "top_p": 0.5}, 1.0),
        ({}, 0.0),
    ],
)
def test_what_leaves_the_likeliest_token_alone_is_greedy(options, temperature):
    assert read_request({**BODY, **options}, "m", True).temperature == temperature


@pytest.mark.parametrize("stream", ["yes", 1, [], {"on": True}])
def test_a_stream_is_asked_for_by_true_or_false(stream):
    with pytest.raises(Refused, match="stream must be true or false"):
        read_request({**BODY, "stream": stream}, "m", True)
