"""Lays out a package `vllm` whose server stands in for the real one: real process and HTTP, no model.

It takes the same command line, key variable and endpoints, and misbehaves as a file says:
`die_after` (answers, once), `never_up`, `linger` (a child of its own that ignores SIGTERM).
"""

import json
from pathlib import Path

SERVER = r"""
import argparse, http.server, json, os, signal, subprocess, sys, threading, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--model"); parser.add_argument("--host"); parser.add_argument("--port", type=int)
options, rest = parser.parse_known_args()
folder = Path(os.environ["STANDIN_FOLDER"])
orders = json.loads((folder / "orders.json").read_text())
with open(folder / "starts.jsonl", "a") as log:
    log.write(json.dumps({"pid": os.getpid(), "argv": sys.argv[1:], "port": options.port}) + "\n")
print("INFO loading weights with key", os.environ["VLLM_API_KEY"], flush=True)
if orders.get("linger"):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", deaf])
    (folder / "child").write_text(str(child.pid))
if orders.get("never_up"):
    print("ValueError: no such weights", file=sys.stderr, flush=True)
    sys.exit(3)
lock, served = threading.Lock(), 0

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def send(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def allowed(self):
        if self.headers.get("authorization") == "Bearer " + os.environ["VLLM_API_KEY"]:
            return True
        self.send(401, {"error": "wrong key"})
    def do_GET(self):
        if self.path == "/health" or self.allowed():
            self.send(200, {"data": [{"id": options.model}]})
    def do_POST(self):
        global served
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.allowed(): return
        with lock:
            served += 1
            flag = folder / "died"
            worn_out = orders.get("die_after") and served > orders["die_after"]
            if worn_out and (orders.get("always") or not flag.exists()):
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            with open(folder / "served.jsonl", "a") as log:
                log.write(json.dumps(body["messages"][-1]["content"] if "messages" in body else body) + "\n")
        time.sleep(0.005)
        if "prompt" in body:
            said = "The answer is %d." % len(body["prompt"])
            usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": 4}
            choices = [
                {"index": index, "text": said, "finish_reason": "stop"} for index in range(body.get("n", 1))
            ]
            return self.send(200, {"id": "x", "model": body["model"], "choices": choices, "usage": usage})
        said = "answer to " + body["messages"][-1]["content"]
        message = {"role": "assistant", "content": said}
        choices = [
            {"index": index, "message": message, "finish_reason": "stop"} for index in range(body.get("n", 1))
        ]
        usage = {"prompt_tokens": 3, "completion_tokens": 4}
        self.send(200, {"id": "x", "model": body["model"], "choices": choices, "usage": usage})

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256

Server((options.host, options.port), Handler).serve_forever()
"""


def lay_out(folder: Path, **orders: object) -> dict[str, str]:
    """Writes the package and its orders; returns the environment that a server needs to be this one."""
    place = folder / "standin"
    module = place / "vllm" / "entrypoints" / "openai"
    module.mkdir(parents=True)
    for package in (place / "vllm", place / "vllm" / "entrypoints", module):
        (package / "__init__.py").touch()
    (module / "api_server.py").write_text(SERVER)
    (place / "orders.json").write_text(json.dumps(orders))
    return {"PYTHONPATH": str(place), "STANDIN_FOLDER": str(place)}


def lines(folder: Path, name: str) -> list:
    """The entries of one of its logs."""
    path = folder / "standin" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
