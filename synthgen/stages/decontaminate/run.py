"""decontaminate: drop rows that repeat an evaluation row.

Rows that come near one are reported.

By default evaluation rows are the run's own test and validation parts and whatever the pipeline's evaluate
stages read. A row goes when it asks the same question, holds a word 13-gram of an evaluation row (as in
GPT-3, arXiv 2005.14165) or a tenth of its 8-grams (a near copy), or holds a short evaluation question in a
sentence. In scripts without spaces a token is a character: there a near copy holds a fifth of the evaluation
row's 5-grams, close together and over most of its length, and a 13-gram counts only if the row holds a fifth
of them. With `semantic` a row also goes when it rephrases one. It is reported when it holds an 8-gram of one,
or resembles one. Words are read as rouge_l does, in any script. Memory: 8 bytes a row, and the index of the
evaluation rows (see `ngrams`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.errors import ConfigError, EmptyResult, Interrupted, StageFailed, SynthgenError
from synthgen.core.rows import rejected
from synthgen.core.text import amount
from synthgen.stages.contract import Ablation, Context, OnFiles, Outcome, RowByRow, Stage
from synthgen.stages.decontaminate.options import Config, needs
from synthgen.stages.sharding.block import block_behind

if TYPE_CHECKING:
    from synthgen.similarity.evaluation_rows import EvaluationRow, EvaluationText
    from synthgen.similarity.meanings import MeaningIndex
    from synthgen.similarity.ngrams import Hit

REPORT = "report.jsonl"
UNSEEN = "rephrasings; `semantic: {embeddings: {model, base_url}}` finds them"


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the clean rows as they were, the others with what they repeat, and a report of every finding.

    Raises:
        EmptyResult: there are no rows, or all of them repeat an evaluation row.
        ConfigError, StageFailed: the evaluation rows cannot be read, or there are none.
    """
    from synthgen.similarity.ngrams import EvaluationIndex
    from synthgen.similarity.row_file import RowFile
    from synthgen.store.jsonl import RowWriter
    from synthgen.store.processes import in_order

    read = _evaluation_rows(inputs, config, context.stage_id)
    evaluation = [text for source in read for text in source.texts]
    not_compared = [warning for source in read if (warning := source.warning())]
    for warning in not_compared:
        context.reporter.say(f"warning: {warning}")
    lengths = sorted({n for n in (config.drop_ngram, config.report_ngram) if n})
    texts = [row.text for row in evaluation]
    index = EvaluationIndex(
        texts,
        lengths,
        config.fuzzy,
        config.min_coverage,
        near=(config.report_ngram, config.drop_coverage)
        if config.report_ngram and config.drop_coverage
        else None,
        contained=config.drop_contained,
        characters=config.drop_characters,
    )
    meanings = _meanings(config, texts)
    counts, findings = Counts(), _Findings(config, evaluation, index.in_characters)
    artefacts = inputs["rows"]
    with (
        RowFile(*(artefact.file for artefact in artefacts)) as rows,
        RowWriter(out / "rows.jsonl") as keeping,
        RowWriter(out / "rejected.jsonl") as dropping,
        RowWriter(out / REPORT) as reporting,
        context.reporter.stage(context.stage_id, sum(artefact.rows for artefact in artefacts)) as progress,
        closing(
            in_order(
                "synthgen.similarity.ngrams:Searcher",
                (index, config.question, config.field, meanings is not None),
                rows.spans(),
                context.workers,
            )
        ) as searched,
    ):
        after = 0
        for line_lengths, hits, questions in searched:
            first = len(rows)
            hits += meanings.hits(questions) if meanings else []
            rows.append_lengths(line_lengths)
            for number, of_row in _by_row(first, hits):
                row = rows.row(number)
                reason = findings.reason(of_row)
                for hit in of_row:
                    reporting.write(findings.line(row.get("id"), hit, dropped=reason is not None))
                if reason is not None:
                    rows.copy(after, number, keeping)
                    after = number + 1
                    rule, threshold = findings.rule(reason)
                    counts.reject(rule)
                    dropping.write(
                        rejected(
                            row,
                            stage=context.stage_id,
                            rule=rule,
                            value=findings.value(reason),
                            threshold=threshold,
                            matched_id=evaluation[reason.evaluation].id,
                            score=reason.coverage,
                        )
                    )
            rows.copy(after, len(rows), keeping)
            after = len(rows)
            progress.update(done=len(rows))
            if context.stopping():
                raise Interrupted(context.stopping())
        counts.in_ = len(rows)
    counts.kept = keeping.rows
    sharded = block_behind(artefacts) is not None
    if not counts.in_ and not sharded:
        raise EmptyResult(
            f"{context.stage_id}: there are no rows to compare",
            str(artefacts[0].file),
            "look at the stage before it",
        )
    if not counts.kept and not sharded:
        raise EmptyResult(
            f"{context.stage_id}: every one of {counts.in_:,} rows repeats an evaluation row",
            next="if the text is templated, raise min_coverage or say action: report",
        )
    compared = sum(source.rows - source.without_text for source in read)
    files: dict[str, int | None] = {
        "rows.jsonl": keeping.rows,
        "rejected.jsonl": dropping.rows,
        REPORT: reporting.rows,
    }
    return Outcome(
        counts,
        files,
        extra={
            "evaluation_rows": compared,
            "not_compared": [account for source in read if (account := source.not_compared())],
            "warnings": not_compared,
            "reported": findings.reported,
            "not_looked_for": [] if config.semantic else ["rephrasings"],
        },
        table=findings.table(counts, compared, not_compared),
    )


def _meanings(config: Config, texts: Sequence[str]) -> MeaningIndex | None:
    if config.semantic is None:
        return None
    from synthgen.similarity.meanings import MeaningIndex

    return MeaningIndex(texts, config.semantic.embeddings, config.semantic.threshold)


def _evaluation_rows(inputs: Inputs, config: Config, stage: str) -> list[EvaluationText]:
    """What there is to compare in the run's own parts and in the files of `against`."""
    from synthgen.similarity import evaluation_rows

    sources = [
        evaluation_rows.EvaluationSource(artefact.name, artefact.file, "question")
        for part in ("test", "validation", "evaluated")
        for artefact in inputs.get(part, ())
        if artefact.rows
    ]
    for file in config.against:
        if not file.path.is_file():
            raise ConfigError(
                f"{stage}: no such evaluation file",
                str(file.path),
                "paths are relative to where the command runs",
            )
        sources.append(evaluation_rows.EvaluationSource(str(file.path), file.path, file.field))
    if not sources:
        raise StageFailed(
            f"{stage}: there is nothing to compare with",
            next="name evaluation files in `against`, or put a split before it",
        )
    return [evaluation_rows.read_evaluation_rows(source, stage) for source in sources]


def _evaluation_file(entry: Any) -> Any:
    """`{file: {field: …}}`, as the command line has it, as `against` has it."""
    if not isinstance(entry, dict) or "path" in entry:
        return str(entry) if isinstance(entry, Path) else entry
    ((path, options),) = entry.items()
    return {"path": path, **options}


def _advice(fault: SynthgenError) -> str:
    """What to do about an error, as the command line says it."""
    from synthgen.similarity.evaluation_rows import NoEvaluationText

    return fault.on_files if isinstance(fault, NoEvaluationText) else ""


def _by_row(first: int, hits: list[Hit]) -> list[tuple[int, list[Hit]]]:
    """The hits of each row that has any, with the row's number; `first` is that of the span's first row."""
    hits_of: dict[int, list[Hit]] = {}
    for hit in hits:
        hits_of.setdefault(first + hit.row, []).append(hit)
    return sorted(hits_of.items())


class _Findings:
    """Which hit is a reason to drop a row, how hits are reported, and how many there were of each rule."""

    def __init__(
        self, config: Config, evaluation: list[EvaluationRow], in_characters: Callable[[int], bool]
    ) -> None:
        self._config, self._evaluation, self._in_characters = config, evaluation, in_characters
        self.reported: dict[str, int] = {}

    def reason(self, hits: list[Hit]) -> Hit | None:
        """The hit that a row goes for, or None: the same question first, the least certain sort last."""
        config = self._config
        if config.action == "report":
            return None
        order = ("whole", "ngram", "characters", "contained", "fuzzy", "semantic")
        for hit in sorted(hits, key=lambda hit: (order.index(hit.kind), -hit.n)):
            drops = {
                "whole": config.drop_whole,
                "ngram": hit.coverage >= config.min_coverage and self._shares_enough(hit),
                "characters": hit.coverage >= config.min_coverage,
                "contained": True,
                "fuzzy": config.drop_fuzzy,
                "semantic": True,
            }
            if drops[hit.kind]:
                return hit
        return None

    def _shares_enough(self, hit: Hit) -> bool:
        config = self._config
        if config.drop_characters is not None and self._in_characters(hit.evaluation):
            # A run of 13 characters may be a name and a phrase.
            return hit.n == config.drop_ngram and hit.own >= config.drop_characters
        near = config.drop_coverage is not None and hit.own >= config.drop_coverage
        return hit.n == config.drop_ngram or (hit.n == config.report_ngram and near)

    def rule(self, hit: Hit) -> tuple[str, Any]:
        """The rule's name and threshold."""
        config = self._config
        return {
            "whole": ("whole", None),
            "ngram": (f"ngram_{hit.n}", hit.n if hit.n == config.drop_ngram else config.drop_coverage),
            "characters": ("characters", config.drop_characters),
            "contained": ("contained", config.drop_contained),
            "fuzzy": ("fuzzy", config.fuzzy),
            "semantic": ("semantic", config.semantic.threshold if config.semantic else None),
        }[hit.kind]

    def value(self, hit: Hit) -> dict[str, Any]:
        """What the row repeats, as rejections and the report state it."""
        return {
            "evaluation": self._evaluation[hit.evaluation].source,
            **({"ngram": hit.text} if hit.text else {}),
            "coverage": round(hit.coverage, 4),
        }

    def line(self, row_id: Any, hit: Hit, dropped: bool) -> dict[str, Any]:
        """A line of the report."""
        rule, _ = self.rule(hit)
        self.reported[rule] = self.reported.get(rule, 0) + 1
        return {
            "id": row_id,
            "rule": rule,
            "dropped": dropped,
            "evaluation_id": self._evaluation[hit.evaluation].id,
            **self.value(hit),
        }

    def table(self, counts: Counts, evaluation_rows: int, not_compared: Sequence[str]) -> str:
        """Findings and drops by rule, and what was not compared."""
        lines = [
            f"{amount(counts.in_, 'row')} against {amount(evaluation_rows, 'evaluation row')}, "
            f"{counts.kept:,} kept ({counts.kept / max(counts.in_, 1):.1%})"
        ]
        lines += [f"  WARNING: {warning}" for warning in not_compared]
        lines += [
            f"  {rule:<10} {count:>9,} found  {counts.rejected.get(rule, 0):>9,} dropped for it"
            for rule, count in sorted(self.reported.items())
        ]
        if self.reported:
            lines.append(f"  every finding with its n-gram and evaluation row: {REPORT}")
        if self._config.semantic is None:
            lines.append(f"  not looked for: {UNSEEN}")
        return "\n".join(lines)


STAGE = Stage(
    config=Config,
    version=6,
    writes="rows",
    needs=needs,
    run=run,
    sharding=RowByRow(),
    ablation=Ablation(),
    may_add_rows=False,
    on_files=OnFiles(
        option="against",
        flag="--against",
        metavar="FILE[:field=NAME]",
        help="a file of evaluation rows, and the field that must not be repeated; repeatable",
        read=_evaluation_file,
        advice=_advice,
    ),
    example="- decontaminate: {drop_ngram: 13}",
)
