"""Batches under way: submitted and watched through the openai client, their results collected.

Nothing is paid twice. A part is noted as `submitting` before it is sent, and looked for at the provider by
its hash before it is sent again. A reply that the ledger has is not stored again. What a batch did not
answer (expired, cancelled, failed) is missing to the next `prepare`. Results that `vllm run-batch` wrote
beside the requests are collected in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from synthgen.dispatch.batch.book import BatchBook, BatchPart
from synthgen.dispatch.batch.provider import BatchProviders, none_was_made
from synthgen.dispatch.batch.results import ResultsReader
from synthgen.dispatch.batch.sessions import BATCH_SHARE
from synthgen.dispatch.sending.budget import BudgetAccount
from synthgen.dispatch.sending.cost import Cost
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.ledger.writes import ChargeWrite
from synthgen.teachers.config import Budget, TeacherConfig

FINAL = ("completed", "failed", "expired", "cancelled")
MARK = "synthgen-sha256"  # in a batch's metadata


class Batches:
    """The batches of one run.

    Args:
        book: the run's batch files.
        teachers: by their names in the pipeline file.
        ledger: where replies are recorded.
        run: the run's name, which is charged.
        budget: its cap, or None.
    """

    def __init__(
        self,
        book: BatchBook,
        teachers: Mapping[str, TeacherConfig],
        ledger: Ledger,
        run: str,
        budget: Budget | None = None,
    ) -> None:
        self._book, self._ledger, self._run, self._budget = book, ledger, run, budget
        self.providers = BatchProviders(teachers)
        self._results = ResultsReader(book, teachers, self.providers, ledger, run)

    def submit(self) -> list[BatchPart]:
        """Sends every prepared part; returns those that are submitted now.

        Raises:
            BudgetReached: a part's worst case, at half the price, does not fit under the cap. Those before
                it are sent.
            TeacherFailed: the provider refuses, or takes no batches.
        """
        submitted = []
        for part in self._book.parts("submitting", "prepared"):
            with self.providers.errors(part.teacher):
                batch = self._find_earlier(part) if part.state == "submitting" else None
                if part.state == "prepared":
                    self._check_fits(part)
                if batch is None:
                    batch = self._send(part)
            remote = self.providers.state(part.teacher, batch)
            self._book.note(part.number, batch=batch.id, remote=remote, state="submitted")
            submitted.append(part.number)
        return [part for part in self._book.parts("submitted") if part.number in submitted]

    def status(self) -> list[BatchPart]:
        """All parts; those under way with what the provider says of them now."""
        for part in self._book.parts("submitted"):
            with self.providers.errors(part.teacher):
                batch = self.providers.client(part.teacher).batches.retrieve(part.batch)
                self._book.note(part.number, remote=self.providers.state(part.teacher, batch))
        return self._book.parts()

    def under_way(self) -> int:
        """How many parts were sent and have not been collected, as of the last look."""
        return len(self._book.parts("submitted"))

    def collect(self) -> list[BatchPart]:
        """Takes in the results of every part that has ended or whose results lie in the folder.

        Returns:
            Those parts.

        Raises:
            InputError: a file holds something else than results.
        """
        self.status()
        taken = []
        for part in self._book.parts():
            if part.state == "submitted" and part.remote.get("status") in FINAL:
                self._download(part)
                self._results.take(part, BATCH_SHARE)
                self._ledger.commit(ChargeWrite(self._run, -part.usd, -part.tokens, -part.requests))
            elif (
                part.state in ("prepared", "submitting", "replaced")
                and self._book.file("results", part.number).exists()
            ):
                self._results.take(part, 1.0)
            else:
                continue
            taken.append(part.number)
        return [part for part in self._book.parts() if part.number in taken]

    def _check_fits(self, part: BatchPart) -> None:
        if self._budget is not None:
            account = BudgetAccount(self._budget, self._ledger, self._run)
            cap = self._budget.requests
            over_requests = cap is not None and account.requests + part.requests > cap
            if over_requests or not account.fits(Cost(part.usd, part.tokens)):
                raise account.reached()

    def _send(self, part: BatchPart) -> Any:
        """Uploads a part, which costs nothing, and makes a batch of it, which is charged on disk before.

        If it is certain that no batch was made, the charge is taken back; otherwise it stays, and the batch
        is looked for next time.
        """
        client, charged = self.providers.client(part.teacher), part.state == "submitting"
        with open(self._book.file("requests", part.number), "rb") as file:
            uploaded = client.files.create(file=file, purpose="batch")
        if not charged:
            self._ledger.commit(ChargeWrite(self._run, part.usd, part.tokens, part.requests))
            self._book.note(part.number, state="submitting")
        try:
            # Not retried: a batch may have been made though no answer came.
            return client.with_options(max_retries=0).batches.create(
                input_file_id=uploaded.id,
                endpoint=self._endpoint(part),
                completion_window="24h",
                metadata={MARK: part.sha256},
            )
        except Exception as fault:
            if none_was_made(fault):
                self._book.note(part.number, state="prepared")
                self._ledger.commit(ChargeWrite(self._run, -part.usd, -part.tokens, -part.requests))
            raise

    def _find_earlier(self, part: BatchPart) -> Any:
        """The batch that was made of a part before an interruption, or None."""
        client = self.providers.client(part.teacher)
        for number, batch in enumerate(client.batches.list(limit=100)):
            if (batch.metadata or {}).get(MARK) == part.sha256:
                return batch
            if number >= 1000:
                break
        return None

    def _download(self, part: BatchPart) -> None:
        for kind, file in (
            ("results", part.remote.get("output_file")),
            ("errors", part.remote.get("error_file")),
        ):
            path = self._book.file(kind, part.number)
            if file and not path.exists():
                self.providers.download(part.teacher, file, path)

    def _endpoint(self, part: BatchPart) -> str:
        with open(self._book.file("requests", part.number), "rb") as file:
            return str(orjson.loads(file.readline())["url"])
