"""Further parts of an evaluation: slices, a judge's pairs, likelihoods of held-out texts, the panel."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.reports.report.blocks import Block, Heading, Lines, Table
from synthgen.reports.report.facts import Evaluation
from synthgen.reports.report.figures import apart, count, interval, nats, share


def slices(evaluation: Evaluation) -> Iterator[Block]:
    """Every model's score in each slice of the test questions."""
    models = list(evaluation.report["models"])
    for field, of_field in evaluation.report.get("slices", {}).items():
        rows = []
        for label, one in of_field["slices"].items():
            way = (evaluation.file, "slices", field, "slices", label)
            rows.append(
                [
                    label,
                    count(one["rows"], [*way, "rows"]),
                    *(
                        share(one["models"].get(name, {}).get("value"), [*way, "models", name, "value"])
                        for name in models
                    ),
                    ", ".join(one["fell"]),
                ]
            )
        yield Heading(f"By {field}")
        yield Table([field, "rows", *models, "below the teacher"], rows, prose=["below the teacher"])


def pairwise(evaluation: Evaluation) -> Iterator[Block]:
    """Which of two answers a judge preferred."""
    compared = evaluation.report.get("pairwise")
    if not compared:
        return
    header = ["student", "against", "wins", "95% interval", "at equal lengths", "its 95% interval"]
    header += ["won", "tied", "lost", "unread", "both orders agree", "first wins"]
    rows = []
    for place, pair in enumerate(compared["pairs"]):
        way = (evaluation.file, "pairwise", "pairs", place)
        cells = [pair["model"], pair["than"]]
        for name in ("win_rate", "length_controlled"):
            measured = pair.get(name)
            cells += (
                [share(measured["value"], [*way, name, "value"]), interval(measured, share, *way, name)]
                if measured
                else ["", ""]
            )
        cells += [count(pair[name], [*way, name]) for name in ("won", "tied", "lost", "unread")]
        for name in ("consistent", "first_wins"):
            cells.append(share((pair.get(name) or {}).get("value"), [*way, name, "value"]))
        rows.append(cells)
    yield Heading("Pairwise")
    yield Table(header, rows, text=2)
    yield Lines(
        [f"judged by {compared['judge']} in both orders; who wins in one order alone has tied"], "soft"
    )


def likelihood(evaluation: Evaluation) -> Iterator[Block]:
    """How likely models find held-out texts, and how far they are from the teacher; lower is better."""
    figures = evaluation.report.get("likelihood")
    if not figures or not figures.get("models"):
        return
    columns = {"nll_per_token": "NLL a token", "nll_per_byte": "NLL a byte"}
    columns["kl_per_token"] = f"KL to {figures.get('teacher', 'the teacher')} a token"
    header = [
        "held-out text",
        *(part for title in columns.values() for part in (title, f"interval of {title}")),
    ]
    rows = []
    for name, one in figures["models"].items():
        cells = [name]
        for column in columns:
            way = (evaluation.file, "likelihood", "models", name, column)
            measured = one.get(column)
            cells += (
                [nats(measured["value"], [*way, "value"]), interval(measured, nats, *way)]
                if measured
                else ["", ""]
            )
        rows.append(cells)
    yield Heading("Likelihood of held-out texts")
    yield Table(
        [*header, "rows"],
        [[*row, count(figures["rows"], [evaluation.file, "likelihood", "rows"])] for row in rows],
    )


def panel(evaluation: Evaluation) -> Iterator[Block]:
    """What students forgot of what their base could do."""
    for name, student in evaluation.report.get("panel", {}).get("students", {}).items():
        rows = []
        for part, one in student["parts"].items():
            way = (evaluation.file, "panel", "students", name, "parts", part)
            rows.append(
                [
                    part,
                    count(one["questions"], [*way, "questions"]),
                    share(one["base"], [*way, "base"]),
                    share(one["student"], [*way, "student"]),
                    apart(one["vs_base"]["value"], [*way, "vs_base", "value"]),
                    interval(one["vs_base"], apart, *way, "vs_base"),
                    one["state"] if one["state"] != "held" else "",
                ]
            )
        yield Heading(f"Panel: {name}")
        header = ["part", "questions", "base", "student", "points", "interval", ""]
        yield Table(header, rows, prose=[""])
