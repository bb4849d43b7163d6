"""Airflow: a DAG of BashOperators that knows the exit codes; shards are mapped tasks.

https://airflow.apache.org/docs/apache-airflow-providers-standard/stable/operators/bash.html. The operator
skips a task on chosen exit codes; the DAG makes failures of these, which Airflow does not try again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from synthgen.operations.jobs.files import Work, render

RETRIES = 20


def files(work: Work, place: Path, at_once: int = 8) -> dict[str, str]:
    """The DAG's file: name -> text.

    Args:
        work: the pipeline.
        place: the project's folder on the workers.
        at_once: how many shards may run at the same time.
    """
    steps: list[dict[str, Any]] = []
    for number, part in enumerate(work.parts, 1):
        sharded = part.shards > 1
        line = _plain(work.run(part)) + " "  # Airflow takes a command that ends in .sh for a file's name
        steps.append({"name": f"part_{number}", "task": part.label, "shards": part.shards, "command": line})
        if sharded:
            task, line = f"{part.label}-merge", _plain(work.merge(part)) + " "
            steps.append({"name": f"merge_{number}", "task": task, "shards": 1, "command": line})
    return {
        f"{work.slug}_dag.py": render(
            "dag.py",
            name=work.name.replace("\\", " ").replace('"', "'"),
            slug=work.slug,
            place=str(place),
            setup=_plain(work.setup),
            retries=RETRIES,
            at_once=at_once,
            steps=steps,
        )
    }


def _plain(line: str) -> str:
    """Shell that Airflow's templates leave as it is: they fill in what is in {{ … }}, {% … %} and {# … #}."""
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", line)
