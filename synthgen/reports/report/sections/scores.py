"""Scores with intervals, paired differences, verdicts, and every remark that the console makes under them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgen.core.text import percent, points, wrapped
from synthgen.evaluation.remarks import remarks
from synthgen.reports.report.blocks import CONSOLE, Block, Chart, Code, Fold, Heading, Lines, Table
from synthgen.reports.report.facts import Evaluation, RunFacts
from synthgen.reports.report.figures import apart, count, interval, share
from synthgen.reports.report.sections.comparisons import likelihood, pairwise, panel, slices
from synthgen.reports.svg.bars import Bar, difference_bars, score_bars

COLOURS = {"base": 5, "teacher": 1, "student": 0}
"""Of bars, by a model's role."""
Figures = Mapping[str, Any]


def scores(facts: RunFacts) -> list[Block]:
    """All evaluations, one after the other."""
    blocks: list[Block] = []
    for evaluation in facts.evaluations:
        if len(facts.evaluations) > 1:
            blocks.append(Heading(evaluation.stage.id))
        blocks += _evaluation(evaluation)
    return blocks


def _evaluation(evaluation: Evaluation) -> Iterator[Block]:
    report = evaluation.report
    for metric in report["metrics"]:
        rows = {name: one for name, one in report["models"].items() if metric in one}
        if rows:
            yield _scored(evaluation, metric, rows)
            yield from _differences(evaluation, metric, rows)
    yield from _verdicts(evaluation)
    for metric in report["metrics"]:
        yield from _outcomes(evaluation, metric)
    yield from slices(evaluation)
    yield from pairwise(evaluation)
    yield from likelihood(evaluation)
    yield from panel(evaluation)
    said = remarks(report)
    alarms = [line.removeprefix("WARNING: ") for line in said if line.startswith("WARNING: ")]
    if alarms:
        yield Lines(alarms, "warn")
    if rest := [line for line in said if not line.startswith("WARNING: ")]:
        yield Heading("What these figures rest on")
        yield Lines(rest)
    if text := evaluation.stage.manifest.extra.get("table"):
        yield Fold("as the console prints it", [Code(wrapped(str(text), CONSOLE))])


def _scored(evaluation: Evaluation, metric: str, rows: Mapping[str, Figures]) -> Chart:
    title = metric.replace("_", " ")
    bars = []
    for name, one in rows.items():
        low, high = one[metric]["interval"]
        value = one[metric]["value"]
        bars.append(Bar(name, value, low, high, percent(value), COLOURS.get(one["role"], 2)))
    header = [
        "model",
        title,
        "95% interval",
        "rows",
        "readable",
        "ended",
        "agrees with the teacher",
        "gap recovered",
    ]
    cells = []
    for name, one in rows.items():
        way = (evaluation.file, "models", name)
        measured, agreement = one[metric], one.get("agreement") or {}
        cells.append(
            [
                name,
                share(measured["value"], [*way, metric, "value"]),
                interval(measured, share, *way, metric),
                count(measured.get("rows"), [*way, metric, "rows"]),
                share(one.get("parsed"), [*way, "parsed"]),
                share(one.get("stopped"), [*way, "stopped"]),
                share(agreement.get("value"), [*way, "agreement", "value"]),
                share(measured.get("gap_recovered"), [*way, metric, "gap_recovered"]),
            ]
        )
    caption = f"{title} of {evaluation.report['questions']:,} test questions; whiskers are 95% intervals"
    return Chart(score_bars(bars, f"{title} by model"), caption, Table(header, cells), wide=True)


def _differences(evaluation: Evaluation, metric: str, rows: Mapping[str, Figures]) -> Iterator[Block]:
    """Differences over the same questions, as dots around 0 and as figures."""
    bars, cells = [], []
    for title, measured, way in _pairs(evaluation, metric, rows):
        low, high = measured["interval"]
        bars.append(
            Bar(title, measured["value"], low, high, points(measured["value"]), 1 if low <= 0 <= high else 0)
        )
        ends = interval(measured, apart, *way)
        cells.append([title, apart(measured["value"], [*way, "value"]), ends, _chance(low, high)])
    if bars:
        yield Chart(
            difference_bars(bars, f"differences in {metric.replace('_', ' ')}"),
            f"differences in {metric.replace('_', ' ')}, in points, over the same questions; where a whisker "
            "crosses 0 it may be chance",
            Table(["pair", "points", "95% interval", ""], cells, prose=[""]),
            wide=True,
        )


def _pairs(
    evaluation: Evaluation, metric: str, rows: Mapping[str, Figures]
) -> Iterator[tuple[str, Figures, Sequence[str | int]]]:
    for name, one in rows.items():
        for against, than in (("vs_base", "base"), ("vs_teacher", "teacher")):
            if one[metric].get(against):
                yield (
                    f"{name} − {than}",
                    one[metric][against],
                    (evaluation.file, "models", name, metric, against),
                )
    for place, pair in enumerate(evaluation.report.get("differences", ())):
        if pair.get("metric") == metric:
            yield f"{pair['model']} − {pair['than']}", pair, (evaluation.file, "differences", place)


def _chance(low: float, high: float) -> str:
    return "may be chance" if low <= 0 <= high else ""


def _outcomes(evaluation: Evaluation, metric: str) -> Iterator[Block]:
    """How many replies were right, wrong, or held no answer."""
    names = ("right", "wrong", "no_answer", "no_answer_cut", "no_reply")
    rows = [
        [
            name,
            *(
                count(
                    one[metric]["outcomes"].get(what),
                    [evaluation.file, "models", name, metric, "outcomes", what],
                )
                for what in names
            ),
        ]
        for name, one in evaluation.report["models"].items()
        if one.get(metric, {}).get("outcomes")
    ]
    if rows:
        header = ["replies of", "right", "wrong", "no answer", "of these cut", "no reply"]
        yield Table(header, rows)


def _verdicts(evaluation: Evaluation) -> Iterator[Block]:
    verdict = evaluation.report.get("verdict")
    if not verdict:
        return
    header = ["student", "keeps of the teacher", "both right", "both wrong", "only the teacher"]
    header += ["only the student", "right before, wrong now", "no answer (student)", "no answer (teacher)"]
    rows, words = [], []
    for name, one in verdict["students"].items():
        way = (evaluation.file, "verdict", "students", name)
        kept, cells, unread = (
            one.get("retention") or {},
            one.get("agreement") or {},
            one.get("no_answer") or {},
        )
        rows.append(
            [
                name,
                share(kept.get("value"), [*way, "retention", "value"]),
                *(
                    count(cells.get(cell), [*way, "agreement", cell])
                    for cell in ("both_right", "both_wrong", "only_teacher", "only_student")
                ),
                count(one.get("regressions"), [*way, "regressions"]),
                *(count(unread.get(who), [*way, "no_answer", who]) for who in ("student", "teacher")),
                count(one.get("rows_needed"), [*way, "rows_needed"]),
            ]
        )
        why = "; ".join(str(one[what]) for what in ("reason", "noise") if one.get(what))
        words.append([name, str(one["verdict"]), why, "; ".join(map(str, one.get("try", ())))])
    yield Heading("Verdict")
    yield Table(["student", "verdict", "why", "what next"], words, text=4)
    yield Table([*header, "rows that would decide"], rows)
    margin = f"{100 * verdict['margin']:.1f} points"
    least = f"by {verdict['metric'].replace('_', ' ')}: at most {margin} below the teacher"
    yield Lines([f"{least}, {100 * verdict['confidence']:g}% sure"], "soft")
