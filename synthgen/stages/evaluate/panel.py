"""The regression panel in evaluate: students and their bases are asked its items, and each reply is checked.

Writes `panel.jsonl`: every item, its check, and each model's reply with whether it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row
from synthgen.evaluation.asking import Account, total_account
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.local import FIRST_WEIGHTS, Local, locals_of
from synthgen.evaluation.panel.checks import passes
from synthgen.evaluation.panel.forgetting import Examined, PanelTerms, Question, panel_report
from synthgen.evaluation.panel.harness import HarnessRun, Scores, cuda_is_there, run_tasks
from synthgen.evaluation.panel.items import Item, panel_items
from synthgen.stages.contract import Context
from synthgen.stages.evaluate.panel_options import HarnessOptions, PanelOptions
from synthgen.store.jsonl import RowWriter

FROM_SCRATCH = "it started from random weights, which know nothing that could be forgotten"
NO_ROOM = "they leave no room for a reply in its window; lower max_new_tokens of the panel"
NO_IDENTIFIER = "py3langid is not installed: pip install 'synthgen-pipeline[curate]'"

Ask = Callable[[Local, Sequence[Row], int], tuple[ModelAnswers, Account | None]]
"""Asks a model rows, with at most so many new tokens; the account is of what a server was asked."""


@dataclass(frozen=True)
class PanelAnswers:
    """What the panel gave."""

    figures: dict[str, Any]
    """As `metrics.json` has them, with whom was not asked and why."""
    rows: int
    """Of its file."""
    account: Account | None
    """Of what servers were asked; None where there was none."""


def ask_panel(
    students: Sequence[Artefact],
    models: Sequence[str],
    options: PanelOptions,
    context: Context,
    ask: Ask,
    file: Path,
) -> PanelAnswers:
    """Asks the panel, and compares each student with its base.

    Args:
        students: the trained models.
        models: whom evaluate compares; bases are asked in any case.
        options: which parts, and what counts as forgotten.
        context: of the run; what lm_eval logs stays in its work folder.
        ask: how a model is asked.
        file: where the replies are written.

    Raises:
        ConfigError, StageFailed, Interrupted: as asking a model and lm_eval say.
    """
    parts, not_asked = list(options.parts), {}
    if "language" in parts and find_spec("py3langid") is None:
        parts.remove("language")
        not_asked["staying in the language"] = NO_IDENTIFIER
    items = panel_items(parts)
    chosen = locals_of(students, (*models, "base"))
    bases = {one.name: one for one in chosen if one.role == "base"}
    asked = []
    for one in (one for one in chosen if one.role == "student"):
        if bases[one.base or ""].source == FIRST_WEIGHTS:
            not_asked[one.name] = FROM_SCRATCH
        else:
            asked.append(one)
    wanted = [one for name, one in bases.items() if any(student.base == name for student in asked)]
    rows: list[Row] = [{"id": item.id, "instruction": item.ask} for item in items]
    told = {one.name: ask(one, rows, options.max_new_tokens) for one in (*wanted, *asked) if rows}
    replies = {name: model for name, (model, _) in told.items()}
    accounts = [account for _, account in told.values() if account is not None]
    not_asked |= {
        f"{number:,} questions of {name}": NO_ROOM
        for name, model in replies.items()
        if (number := sum(answer.ending == "prompt_too_long" for answer in model.answers))
    }
    passed = {
        name: [passes(item, answer) for item, answer in zip(items, model.answers, strict=True)]
        for name, model in replies.items()
    }
    written = _write(file, items, replies, passed)
    tasks = {one.name: _tasks(one, options.lm_eval, context) for one in (*wanted, *asked) if options.lm_eval}
    documents = _shared(tasks)
    scores = {
        one.name: [
            *(float(one) for one in passed.get(one.name, ())),
            *(tasks[one.name][task][document] for task, document in documents),
        ]
        for one in (*wanted, *asked)
    }
    questions = [
        *(Question(item.id, item.part) for item in items),
        *(Question(f"{task}-{document}", task) for task, document in documents),
    ]
    report = panel_report(questions, _examined(asked, scores), PanelTerms(options.margin, options.confidence))
    more = {"max_new_tokens": options.max_new_tokens, **({"not_asked": not_asked} if not_asked else {})}
    return PanelAnswers({**report, **more}, written, total_account(accounts) if accounts else None)


def _tasks(local: Local, options: HarnessOptions, context: Context) -> Scores:
    """A model's scores on the tasks of lm_eval."""
    run = HarnessRun(
        options.tasks,
        options.include_path,
        options.command,
        options.limit,
        options.batch_size,
        "cuda" if cuda_is_there() else "cpu",
    )
    model = {
        "pretrained": local.path,
        "tokenizer": local.tokenizer,
        **({"revision": local.revision} if local.revision else {}),
        **({"trust_remote_code": True} if local.trusted else {}),
    }
    folder = context.work / f"{value_hash([local.name, local.digest])}.lm_eval"
    with context.reporter.stage(f"{context.stage_id} {local.name} lm_eval") as progress:
        progress.update(note=", ".join(options.tasks))
        return run_tasks(run, model, folder, context.stopping)


def _shared(tasks: Mapping[str, Scores]) -> list[tuple[str, int]]:
    """The documents of lm_eval's tasks for which all models have a score, in order."""
    of_all = [
        {(task, document) for task, of_task in scores.items() for document in of_task}
        for scores in tasks.values()
    ]
    return sorted(set.intersection(*of_all)) if of_all else []


def _examined(students: Sequence[Local], scores: Mapping[str, Sequence[float]]) -> list[Examined]:
    """Students, those of one stage's seeds as one."""
    groups: dict[str, list[Local]] = {}
    for one in students:
        groups.setdefault(one.seed_of or one.name, []).append(one)
    return [
        Examined(
            name if len(group) > 1 else group[0].name,
            tuple(one.name for one in group),
            group[0].base or "",
            tuple(scores[one.name] for one in group),
            scores[group[0].base or ""],
        )
        for name, group in groups.items()
    ]


def _write(
    file: Path,
    items: Sequence[Item],
    replies: Mapping[str, ModelAnswers],
    passed: Mapping[str, Sequence[bool]],
) -> int:
    with RowWriter(file) as out:
        for place, item in enumerate(items if replies else ()):
            out.write(
                {
                    "id": item.id,
                    "part": item.part,
                    "question": item.ask,
                    "check": dict(item.check),
                    "answers": {
                        name: {
                            "text": model.answers[place].text,
                            "ending": model.answers[place].ending,
                            "passes": passed[name][place],
                        }
                        for name, model in replies.items()
                    },
                }
            )
    return out.rows
