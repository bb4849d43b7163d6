"""Takes a batch's results into the ledger, and counts what became of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError
from synthgen.dispatch.batch.book import BatchBook, BatchPart
from synthgen.dispatch.batch.file import BatchId, BatchResult, read_results
from synthgen.dispatch.batch.provider import BatchProviders
from synthgen.dispatch.sending.attempt import AttemptFailure, AttemptResult, classify
from synthgen.dispatch.sending.cost import real_cost
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.ledger.writes import RefusalWrite, ReplyWrite
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.replies import good_choices
from synthgen.teachers.transports.base import Answer


class ResultsReader:
    """Takes the results of parts into the ledger.

    Args:
        book: the run's batch files.
        teachers: by their names in the pipeline file.
        providers: take keys out of texts.
        ledger: where replies and refusals are recorded.
        run: the run that is charged.
    """

    def __init__(
        self,
        book: BatchBook,
        teachers: Mapping[str, TeacherConfig],
        providers: BatchProviders,
        ledger: Ledger,
        run: str,
    ) -> None:
        self._book, self._teachers, self._providers = book, teachers, providers
        self._ledger, self._run = ledger, run

    def take(self, part: BatchPart, share: float) -> None:
        """Takes in a part's results and errors; then, and only then, the part is collected.

        `share` is what a reply costs of the price of a live one.
        """
        outcome: dict[str, Any] = {"answered": 0, "known": 0, "refused": {}, "again": {}}
        for kind in ("results", "errors"):
            path = self._book.file(kind, part.number)
            if path.exists():
                for result in read_results(path):
                    self._take_one(result, part.teacher, share, outcome, path)
        self._ledger.barrier()
        answers = (
            outcome["answered"]
            + outcome["known"]
            + sum(outcome["refused"].values())
            + sum(outcome["again"].values())
        )
        outcome["missing"] = max(0, part.requests - answers)
        self._book.note(part.number, outcome=outcome, state="collected")

    def _take_one(
        self, result: BatchResult, teacher: str, share: float, outcome: dict[str, Any], path: Path
    ) -> None:
        redact = self._providers.redactor(teacher)
        canonical = self._book.canonical(result.id.digest)
        if canonical is None:
            raise InputError(
                f"{result.id.text} was not asked for in this run",
                str(path),
                "collect results in the run that prepared them",
            )
        if not result.status:
            _count(outcome["again"], redact(result.code)[:80])
            return
        attempt = classify(Answer(result.status, {}, result.body), redact)
        if attempt.failure is not None:
            self._refuse(result.id, canonical, attempt.failure, outcome)
        else:
            self._keep_reply(result.id, canonical, attempt, self._teachers[teacher], share, outcome)

    def _refuse(
        self, id: BatchId, canonical: bytes, failure: AttemptFailure, outcome: dict[str, Any]
    ) -> None:
        """Records a permanent refusal; what can be tried again is only counted."""
        if failure.kind != "row":
            _count(outcome["again"], failure.reason)
            return
        _count(outcome["refused"], failure.reason)
        self._ledger.submit(RefusalWrite(id.digest, canonical, failure.reason, failure.detail))

    def _keep_reply(
        self,
        id: BatchId,
        canonical: bytes,
        attempt: AttemptResult,
        config: TeacherConfig,
        share: float,
        outcome: dict[str, Any],
    ) -> None:
        assert attempt.parsed is not None
        lookup = self._ledger.look_up(id.digest, id.start, id.n)
        choices = good_choices(attempt.parsed)[: len(id.samples)]
        samples = id.samples[: len(choices)]
        if all(sample in lookup.samples for sample in samples):
            outcome["known"] += 1
            return
        real = real_cost(attempt.parsed, config.price)
        cost = None if real.usd is None else real.usd * share
        outcome["answered"] += 1
        self._ledger.submit(
            ReplyWrite(
                hash=id.digest,
                canonical=canonical,
                samples=samples,
                body=attempt.body,
                model=str(attempt.parsed.get("model") or ""),
                prompt_tokens=real.prompt_tokens,
                completion_tokens=real.completion_tokens,
                cost_usd=cost,
                latency=0.0,
                headers="",
                run=self._run,
                charged_usd=cost or 0.0,
                charged_tokens=(real.prompt_tokens or 0) + (real.completion_tokens or 0),
                choices=choices,
            )
        )


def _count(counts: dict[str, int], reason: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1
