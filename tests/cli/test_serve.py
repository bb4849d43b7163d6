"""`synthgen serve` as a process: its first line, its answers, and its end by a signal."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.operations.serve.conftest import made_run

pytestmark = pytest.mark.slow
__all__ = ["made_run"]


def test_it_serves_until_a_signal(made_run):
    command = [sys.executable, "-m", "synthgen", "serve", str(made_run), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        ready = json.loads("".join(lines))
        assert ready["model"] == "tutor" and ready["parameters"] == 74640
        assert ready["vllm"].startswith(f"vllm serve {made_run / 'tutor' / 'model'} ")
        body = json.dumps({"messages": [{"role": "user", "content": "What is 1 and 2?"}]}).encode()
        with urllib.request.urlopen(f"{ready['base_url']}/chat/completions", body) as answer:
            assert json.loads(answer.read())["choices"][0]["message"]["content"] == "The answer is 3."
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()


def test_what_is_wrong_is_one_line(synthgen, made_run):
    code, _, told = synthgen("serve", str(made_run), "--model", "tutr")
    assert code == 2 and "the run has no model 'tutr'" in told and "did you mean 'tutor'?" in told
