"""Logged chats as rows, with keys and personal data masked; every line is a row, or told why it is none."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Counts
from synthgen.core.errors import EmptyResult
from synthgen.core.hashing import file_sha256, value_hash
from synthgen.core.redact import Redact, make_redactor
from synthgen.core.rows import Row, RowIds, ordered, rejected
from synthgen.core.secrets import without_keys
from synthgen.core.text import amount, shortened
from synthgen.filters.rules.pii import Pii, PiiConfig
from synthgen.filters.said_data import mask_said
from synthgen.formats.containers.read import read_file
from synthgen.formats.containers.records import Record
from synthgen.formats.contract import Unfit
from synthgen.formats.logged_chats import is_batch_request, read_logged
from synthgen.operations.curate_files import check_files, check_out
from synthgen.operations.logged_requests import DUPLICATE, LoggedRequests
from synthgen.store.jsonl import RowWriter
from synthgen.store.manifest import Manifest, record_outputs, write_manifest
from synthgen.store.publish import publish

VERSION = 2
STAGE = "import-log"
LONGEST = 4_000_000
"""Characters of a chat: no model reads more, and masking takes minutes for a hundred million."""
LISTS = ("data", "runs", "items", "observations", "logs")
"""Under which an API's answer lists records."""
_SECRET = re.compile(r"_(?:API_)?(?:KEY|TOKEN|SECRET)\Z")


def import_log(
    files: Sequence[Path], out: Path, *, keep: Sequence[str] = (), overwrite: bool = False
) -> Manifest:
    """Makes rows of logged chats: `out` holds rows.jsonl, rejected.jsonl and manifest.json.

    Lines that are no row are listed by number and reason alone, since what they hold is not masked. A line
    that was logged twice, with the same id and the same words, is one row. Memory: the requests of Batch
    files, which other lines answer, and some 200 bytes for each row with an id of its own.

    Args:
        files: logs, as docs/drift.md lists them.
        out: the folder to publish; it must not exist, unless `overwrite`.
        keep: names under which senders told something of a request, which go into `meta`.
        overwrite: replace `out`.

    Returns:
        The manifest: `counts`, and how much was masked of each kind in `extra`.

    Raises:
        InputError: a file is not there, or cannot be read at all.
        EmptyResult: no line is a chat.
    """
    check_files(files)
    check_out(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    counts, mask = Counts(), Mask()
    requests, seen = LoggedRequests(_records(files)), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        staging = Path(scratch) / "rows"
        staging.mkdir()
        with RowWriter(staging / "rows.jsonl") as rows, RowWriter(staging / "rejected.jsonl") as refused:
            ids = RowIds()
            for path, record in _records(files):
                if record.fields is not None and is_batch_request(record.fields):
                    continue  # a row, or a rejected line, once all answers are known
                counts.in_ += 1
                try:
                    row = _row(record, requests, keep)
                except Unfit as fault:
                    counts.reject(fault.rule)
                    meta = {"source": path.name, "line": record.number}
                    refused.write(rejected({"meta": meta}, stage=STAGE, rule=fault.rule, value=fault.value))
                    continue
                same = value_hash([row["messages"], name]) if (name := row["meta"].get("source_id")) else ""
                if same in seen:
                    counts.reject(DUPLICATE)
                    meta = {"source": path.name, "line": record.number}
                    refused.write(
                        rejected({"meta": meta}, stage=STAGE, rule=DUPLICATE, matched_id=seen[same])
                    )
                    continue
                row = mask.row({**row, "meta": {"source": path.name, **row["meta"]}})
                row["id"] = ids.assign(row)
                if same:
                    seen[same] = row["id"]
                rows.write(ordered(row))
                counts.kept += 1
            for rule, place in requests.left_over():
                counts.in_ += 1
                counts.reject(rule)
                refused.write(rejected({"meta": place}, stage=STAGE, rule=rule))
        counts.check(STAGE)
        if not counts.kept:
            reasons = ", ".join(f"{rule}: {count:,}" for rule, count in sorted(counts.rejected.items()))
            raise EmptyResult(
                "no line is a chat that was answered",
                ", ".join(map(str, files)),
                f"{reasons or 'the files are empty'}; docs/drift.md lists the logs that are read",
            )
        made = _manifest(files, keep, staging, counts, mask, rows.rows, refused.rows)
        write_manifest(staging, made)
        publish(staging, out)
        return made


@dataclass
class Mask:
    """Puts marks such as [EMAIL] in the place of personal data and keys, and counts them."""

    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pii = Pii(PiiConfig(action="mask"))
        # A key that this machine knows is struck out in whatever form it stands there.
        self._own: list[Redact] = [
            make_redactor(value.strip())
            for name, value in os.environ.items()
            if _SECRET.search(name) and len(value) > 15
        ]

    def row(self, row: Row) -> Row:
        """The row without them, in its texts and in what `meta` tells of it."""
        row = _each(row, self._without_keys)
        # The rule looks at fields of content; what a request's sender told is masked as one.
        told = {"messages": row.get("messages"), "output": row.get("meta")}
        decision = self._pii.check([told])[0]
        self._count(decision.value or {})
        masked = {**told, **(decision.edits or {})}
        row = {**row, "messages": masked["messages"], "meta": masked["output"]}
        return dict(_each(row, self._without_said))

    def _without_keys(self, text: str) -> str:
        for redact in self._own:
            text = redact(text)
        text, keys = without_keys(text)
        self._count({"key": keys} if keys else {})
        return text

    def _without_said(self, text: str) -> str:
        text, counts = mask_said(text)
        self._count(counts)
        return text

    def _count(self, found: Mapping[str, int]) -> None:
        for kind, number in found.items():
            self.counts[kind] = self.counts.get(kind, 0) + number


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """A plain value with each text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each(part, change) for part in value]
    if isinstance(value, dict):
        return {name: _each(part, change) for name, part in value.items()}
    return value


def _records(files: Iterable[Path]) -> Iterator[tuple[Path, Record]]:
    """The records of files; those that an API lists in one object, each by itself."""
    for path in files:
        for record in read_file(path):
            fields = record.fields or {}
            listed = next((fields[name] for name in LISTS if _is_list_of_objects(fields.get(name))), None)
            if listed is None:
                yield path, record
            else:
                yield from ((path, Record(record.number, one)) for one in listed)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _row(record: Record, requests: LoggedRequests, keep: Sequence[str]) -> Row:
    """What a record holds, as a row without an id.

    Raises:
        Unfit: it is none; the value quotes nothing of the line.
    """
    fields = record.fields
    if fields is None:
        raise Unfit("broken_line", record.fault)
    name = fields.get("custom_id")
    request = requests.answered(name) if isinstance(name, str) else None
    try:
        row = read_logged(fields, request, keep)
    except Unfit as fault:
        raise Unfit(fault.rule, _unquoted(fault.value)) from None
    if (length := sum(len(str(turn.get("content", ""))) for turn in row["messages"])) > LONGEST:
        raise Unfit("too_long", f"{length:,} characters; at most {LONGEST:,} are read")
    return row


def _unquoted(value: Any) -> str | None:
    """A reason without what it quotes of the line."""
    if value is None:
        return None
    return shortened(str(value).partition("(")[0].partition("'")[0].strip(), 80)


def _manifest(
    files: Sequence[Path],
    keep: Sequence[str],
    staging: Path,
    counts: Counts,
    mask: Mask,
    kept: int,
    refused: int,
) -> Manifest:
    hashes = [file_sha256(path) for path in files]
    masked = dict(sorted(mask.counts.items()))
    return Manifest(
        stage=STAGE,
        kind="load",
        writes="rows",
        key=value_hash([VERSION, hashes, list(keep)]),
        key_parts={"files": value_hash(hashes)},
        config={"files": [path.name for path in files], "keep": list(keep)},
        outputs=record_outputs(staging, {"rows.jsonl": kept, "rejected.jsonl": refused}),
        counts=counts.plain(),
        extra={"masked": masked, "table": _table(counts, masked)},
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _table(counts: Counts, masked: dict[str, int]) -> str:
    lines = [f"{counts.kept:,} of {amount(counts.in_, 'line')} are rows"]
    lines += [
        f"  {rule}: {number:,} (see rejected.jsonl)" for rule, number in sorted(counts.rejected.items())
    ]
    shown = ", ".join(f"{number:,} {kind}" for kind, number in masked.items())
    return "\n".join([*lines, f"masked: {shown or 'nothing'}"])
