"""A small world that drifts: three topics whose questions have one answer each, which a server may change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests.evaluation.tiny_models import tiny_model
from tests.stages.chat_server import ChatServer

TOPICS = ("bread", "law", "rivers")
TRUTH = {"bread": 3, "law": 5, "rivers": 8}
QUIET = Reporter("silent")
PIPELINE = """
name: watched
teacher: {{provider: openai, model: m-1, base_url: "{url}"}}
stages:
  - generate: {{id: questions, task: attributes, attributes: {{topic: [bread, law, rivers]}},
      num_rows: {rows}, num_tasks: 1, novelty: null}}
  - split: {{test: {test}}}
  - generate: {{id: answers, task: respond}}
  - load: {{id: extra, sources: [extra.jsonl]}}
  - decontaminate: {{id: clean, input: [answers, extra]}}
  - sft: {{id: student, student: {{model: base}}, trainer: {{max_steps: 1}}, learning_rate: 1e-9,
      batch_size: 4, threads: 1}}
  - evaluate: {{models: [students, teacher], reference: output, by: [meta.attributes.topic],
      max_new_tokens: 4, threads: 1}}
"""


class World:
    """A teacher that makes questions and answers them; `truth` may change, and requests are counted."""

    def __init__(self):
        self.truth = dict(TRUTH)
        self.asked = Counter()
        self.made = Counter()
        self.number = 0
        self.server = ChatServer(self.reply, slowest=0.0)

    def reply(self, text, draw):
        topic = next(name for name in TOPICS if name in text)
        if "Write 1 task" in text:
            self.made[topic] += 1
            self.number += 1
            return (
                f"###\n1. Instruction: {topic}, number {self.number}?\n1. Input:\n<noinput>\n"
                f"1. Output:\n{self.truth[topic]}"
            )
        self.asked[topic] += 1
        return str(self.truth[topic])

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)

    def pipeline(self, rows=120, test=90):
        Path("extra.jsonl").write_text('{"instruction": "Say it is so.", "output": "So it is."}\n')
        Path("watched.yaml").write_text(PIPELINE.format(url=self.server.url, rows=rows, test=test))
        return load_pipeline(Path("watched.yaml"))

    def trained(self, **sizes):
        """The folder of a run whose student knows all answers."""
        made = self.pipeline(**sizes)
        run_pipeline(made, RunOptions(), QUIET)
        return Path("data/runs/watched")


def base(folder):
    """A model that knows the answers of each topic."""
    taught = {
        f"{topic}, number {number}?": str(TRUTH[topic])
        for topic in TOPICS
        for number in (3, 18, 92, 140, 215, 377)
    }
    tiny_model(folder, taught, positions=256, steps=200)
