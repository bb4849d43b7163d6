"""What it costs that a node dies in the middle of `run --executor ray`.

    python -m benchmarks.ray_node [--rows 3600] [--latency 0.5] [--cpus 2] [--shards 3]

A Ray cluster of three nodes is started on this machine, and a pipeline run on it three times: without Ray,
with Ray, and with Ray and a node that is killed when 40% of the requests have come. The teacher is a real
HTTP server that answers after `--latency`, and counts. With `--shards 3` and 2 CPUs a node there is room for
what the dead node did; with one CPU the cluster is full, and a third of it is gone. Needs the extra `[ray]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from tests import ROOT
from tests.operations.ray.site import Site, ray_site
from tests.servers.misbehaving import MisbehavingTeacher

PIPELINE = """
version: 1
name: asked
teacher:
  provider: openai
  model: m
  base_url: {url}
  api_key_env: ASKED_KEY
  sampling: {{max_tokens: 64}}
  limits: {{concurrency: {concurrency}}}
stages:
- load: {{sources: [rows.jsonl]}}
- generate: {{task: respond}}
- filter: {{rules: [{{length: {{field: output, min_words: 1}}}}]}}
- dedup: {{methods: [exact]}}
"""

KILLED_AT = 0.4  # of the requests; at the half, all of two waves of shards would begin anew


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=3600)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds")
    parser.add_argument("--concurrency", type=int, default=8, help="requests in flight, of each shard")
    parser.add_argument("--cpus", type=int, default=2, help="of a node")
    parser.add_argument("--shards", type=int)
    options = parser.parse_args()
    os.environ.update(PYTHONPATH=str(ROOT), ASKED_KEY="k")
    print(f"{'':<20}{'seconds':>8}{'requests':>10}{'asked twice':>13}{'in flight':>11}  rows")
    for name in ("without Ray", "undisturbed", "one node killed"):
        with tempfile.TemporaryDirectory() as folder, ray_site(options.cpus) as site:
            os.chdir(folder)
            _measure(name, options, site)
            os.chdir(ROOT)


def _measure(name: str, options: argparse.Namespace, site: Site) -> None:
    rows = [{"instruction": f"What is {number}?"} for number in range(options.rows)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    command = [sys.executable, "-m", "synthgen", "run", "asked.yaml"]
    nodes = [site.add_node() for _ in range(3)]
    if name != "without Ray":
        command += ["--executor", "ray", "--ray-address", site.address]
        command += ["--shards", str(options.shards)] if options.shards else []
    with MisbehavingTeacher(latency=options.latency) as teacher:
        Path("asked.yaml").write_text(PIPELINE.format(url=teacher.url, concurrency=options.concurrency))
        began, in_flight = time.monotonic(), 0
        with open("log", "w") as log:
            run = subprocess.Popen(command, stdout=log, stderr=log)
            if name == "one node killed":
                while teacher.requests < KILLED_AT * options.rows and run.poll() is None:
                    time.sleep(0.01)
                in_flight = options.concurrency * site.shards_on(nodes[0])
                site.lose(nodes[0], all_of_it=True)
            code = run.wait()
        seconds = time.monotonic() - began
        assert code == 0, Path("log").read_text()
        digest = hashlib.sha256()
        for stage in ("generate", "filter", "dedup"):
            digest.update(Path("data/runs/asked", stage, "rows.jsonl").read_bytes())
        twice = teacher.requests - options.rows
        print(
            f"{name:<20}{seconds:>8.1f}{teacher.requests:>10,}{twice:>13}{in_flight:>11}  "
            f"{digest.hexdigest()[:12]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
