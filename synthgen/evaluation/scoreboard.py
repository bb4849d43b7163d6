"""An evaluation's table and the lines under it, from the figures in `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.text import percent, points, table
from synthgen.evaluation.likelihood_report import likelihood_lines
from synthgen.evaluation.noise import noise_lines
from synthgen.evaluation.pairwise_report import comparison_lines
from synthgen.evaluation.panel.forgetting import panel_lines
from synthgen.evaluation.prompt_fit import prompt_lines
from synthgen.evaluation.slices import slice_lines
from synthgen.evaluation.verdict import verdict_lines
from synthgen.training.completions import FORMS

READABLE = 0.9  # below this share of replies with a readable answer, the teacher's figures get a remark
ENDLESS = 0.9  # above this share of such replies, a base is one that was never taught to stop
CUT = 0.1  # above this share of replies that reached the limit of tokens, a model's figures get a remark
MANY_PAIRS = 10  # above so many pairs of students, those that may differ by chance share a line
SERVERS = {"vllm": "vLLM", "address": "the server at base_url"}
_DASH = "–"


def scoreboard(report: Mapping[str, Any]) -> str:
    """The models side by side, then what the figures rest on."""
    metrics: list[str] = report["metrics"]
    scored = [name for name in metrics if any(name in figures for figures in report["models"].values())]
    many = len(scored) > 1
    teacher = any(figures["role"] == "teacher" for figures in report["models"].values())
    header, breaks = ["model"], []
    for name in scored:
        breaks.append(len(header))
        header += [_title(name) if many or name != "exact_match" else "accuracy", "95% interval", "vs base"]
        if teacher and name == scored[0]:
            header.append("gap recovered")
    breaks.append(len(header))
    judged = _right_or_wrong(report, scored)
    wrong = f"wrong ({_title(judged)})" if many else "wrong"
    header += [wrong, "no answer"] if judged else ["no answer"]
    header += ["stopped"] + (["agrees with teacher"] if teacher else [])
    rows = [_row(name, figures, scored, teacher, judged) for name, figures in report["models"].items()]
    verdict = verdict_lines(report)
    slices = slice_lines(report.get("slices", {}))
    pairs = comparison_lines(report)
    lines = [table(header, rows, breaks=breaks), "", *score_remarks(report, scored)]
    lines += [
        *likelihood_lines(report),
        *prompt_lines(report),
        *([""] if pairs else []),
        *pairs,
        *slices,
        *panel_lines(report),
    ]
    lines += [*([""] if verdict else []), *verdict]
    return "\n".join(lines)


def _right_or_wrong(report: Mapping[str, Any], scored: list[str]) -> str:
    """The first metric that says of each reply whether it is right; "" where there is none."""
    found = (name for name in scored for one in report["models"].values() if "outcomes" in one.get(name, {}))
    return next(found, "")


def _row(name: str, figures: Mapping[str, Any], scored: list[str], teacher: bool, judged: str) -> list[str]:
    cells = [name]
    for metric in scored:
        measured = figures.get(metric)
        if measured is None:
            cells += ["n/a", *[_DASH] * (3 if teacher and metric == scored[0] else 2)]
            continue
        low, high = measured["interval"]
        against = measured.get("vs_base")
        cells += [
            percent(measured["value"]),
            f"{100 * low:.1f}–{100 * high:.1f}",
            points(against["value"]) if against else _DASH,
        ]
        if teacher and metric == scored[0]:
            recovered = measured.get("gap_recovered")
            cells.append(_DASH if recovered is None else percent(recovered))
    if judged:
        became = figures.get(judged, {}).get("outcomes", {})
        total = sum(number for what, number in became.items() if what != "no_answer_cut")
        cells += [percent(became[what] / total) if total else _DASH for what in ("wrong", "no_answer")]
    else:
        cells.append(percent(figures["no_answer"] / _replies(figures)))
    cells.append(percent(figures["stopped"]))
    if teacher:
        agreement = figures.get("agreement")
        cells.append(percent(agreement["value"]) if agreement else _DASH)
    return cells


def score_remarks(report: Mapping[str, Any], scored: list[str]) -> list[str]:
    """What the scores rest on, and why they say less than they seem to, line by line."""
    lines = _leak_lines(report)
    without = report["questions"] - report["with_reference"]
    if not report["with_reference"]:
        lines.append(
            f"no row has {_a(report['reference'])}: "
            + (
                "what is shown is agreement with the teacher, no accuracy"
                if any(figures["role"] == "teacher" for figures in report["models"].values())
                else "the answers are compared with nothing; give test rows that field, or add the teacher "
                "to `models`"
            )
        )
    elif without:
        lines.append(
            f"{without:,} rows have no {report['reference']}: scores against it are over the other "
            f"{report['with_reference']:,}"
        )
    for name, figures in report["models"].items():
        if figures.get("failed"):
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in figures["failed"].items())
            lines.append(
                f"{name}: {_replies(figures) - figures['answered']:,} {_asked(figures)} got no answer "
                f"({reasons}); they count as unanswered"
            )
    lines += [
        f"{name} ({figures['form']}): {FORMS[figures['form']].remark}"
        for name, figures in report["models"].items()
        if figures.get("form")
    ]
    lines += [line for name, figures in report["models"].items() for line in _caveats(name, figures, scored)]
    for name, figures in report["models"].items():
        for metric in (metric for metric in scored if metric in figures):
            against = figures[metric].get("vs_base")
            if against:
                lines.append(f"{name} against its base{_by(metric, scored)}: {_difference(against)}")
            above = figures[metric].get("vs_teacher")
            if above:
                lines.append(f"{name} against the teacher{_by(metric, scored)}: {_difference(above)}")
            if figures[metric].get("gap_recovered") is not None:
                low, high = figures[metric]["gap_interval"]
                lines.append(
                    f"{name} recovered {percent(figures[metric]['gap_recovered'])} ({percent(low)} to "
                    f"{percent(high)}) of the gap to the teacher{_by(metric, scored)}"
                )
            elif "gap_recovered" in figures[metric]:
                lines.append(
                    f"{name}: the teacher is not above the base by more than chance"
                    f"{_by(metric, scored)}, so no share of the gap is given"
                )
    lines += [*report.get("remarks", []), *noise_lines(report)]
    lines += _pair_lines(report, scored)
    lines += _seed_lines(report, scored)
    exceptions = any(figures.get("form") for figures in report["models"].values())
    prompt = "prompt but where it says otherwise" if exceptions else "prompt"
    decoding = report["decoding"]
    samples = decoding.get("samples")
    lines += _sampled_lines(report, scored)
    how = f"{samples} answers a question at temperature {decoding['temperature']:g}" if samples else "greedy"
    if "through" in decoding:
        how += f" through {SERVERS[decoding['through']]}"
    lines.append(
        f"{how}, at most {decoding['max_new_tokens']:,} new tokens, the same {prompt} and the "
        "same answer parser for all; intervals are 95% (Wilson; differences: Tango with McNemar's test, of "
        "grades Hartigan)"
    )
    return lines


def _sampled_lines(report: Mapping[str, Any], scored: list[str]) -> list[str]:
    """pass@k and majority@n of models that were sampled, and how far their draws lie apart."""
    lines = []
    samples = report["decoding"].get("samples")
    for name, figures in report["models"].items():
        for metric in (metric for metric in scored if "draws" in figures.get(metric, {})):
            measured, by = figures[metric], _by(metric, scored)
            drawn = measured["draws"]
            parts = [f"single draws from {percent(drawn['lowest'])} to {percent(drawn['highest'])}"]
            parts += [f"pass@{k} {_ranged(one)}" for k, one in measured.get("pass", {}).items() if k != "1"]
            if "majority" in measured:
                parts.append(f"majority@{samples} {_ranged(measured['majority'])}")
            lines.append(f"{name}{by}: {', '.join(parts)}")
    return lines


def _ranged(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{percent(measured['value'])} ({100 * low:.1f}–{100 * high:.1f})"


def _seed_lines(report: Mapping[str, Any], scored: list[str]) -> list[str]:
    """The stages that were trained with several seeds; a word on those that were not, where it matters."""
    lines = []
    for stage, figures in report.get("seeds", {}).items():
        for metric in (metric for metric in scored if metric in figures):
            measured = figures[metric]
            low, high = measured["interval"]
            by = _by(metric, scored)
            lines.append(
                f"{stage}, {len(figures['models'])} seeds{by}: {percent(measured['value'])} "
                f"({100 * low:.1f}–{100 * high:.1f}); single seeds from {percent(measured['lowest'])} to "
                f"{percent(measured['highest'])}"
            )
            against = [(measured.get("vs_base"), "its base"), (measured.get("vs_teacher"), "the teacher")]
            against += [(each, each["than"]) for each in measured.get("differences", ())]
            lines += [
                f"{stage} against {than} over rows and seeds{by}: {_difference(each)}"
                for each, than in against
                if each
            ]
    if report.get("seeds"):
        lines.append(
            "intervals of stages with several seeds are over rows and seeds (Student's t, Satterthwaite); "
            "those of single students are over rows alone"
        )
    elif report["differences"]:
        lines.append(
            "each student was trained with one seed: another can move its score by more than these "
            "intervals; seeds: [0, 1, 2] of a student's stage measures that"
        )
    return lines


def _caveats(name: str, figures: Mapping[str, Any], scored: list[str]) -> list[str]:
    """Why a model's figures say less than they seem to."""
    lines = []
    if figures["role"] == "teacher" and "exact_match" in figures and (figures["parsed"] or 0) < READABLE:
        lines.append(
            f"{name}: a final answer could be read in only {percent(figures['parsed'])} of its "
            "replies, so its accuracy is understated and gaps recovered are overstated; say with "
            "`system:` how an answer is to be marked"
        )
    if figures.get("cut", 0) > CUT * _replies(figures):
        endless = figures["role"] == "base" and figures["cut"] > ENDLESS * _replies(figures)
        what = (
            ": it has not learned to end a reply"
            if endless
            else ", so its accuracy may be understated; raise `max_new_tokens`"
        )
        lines.append(
            f"{name}: {figures['cut']:,} of its {_replies(figures):,} replies were cut at the limit of "
            f"tokens{what}"
        )
    if figures.get("refused"):
        number = figures["failed"]["template"]
        lines.append(
            f"{name}: its chat template refuses {number:,} questions, which count as wrong "
            f"({figures['refused']})"
        )
    if figures.get("prompt_too_long"):
        lines.append(
            f"{name}: {figures['prompt_too_long']:,} questions leave no room for {_a('answer')} in "
            "its window and count as wrong"
        )
    lines += [
        f"{name}: {figures[metric]['ungraded']:,} replies got no grade that could be read and are "
        f"left out of {_title(metric)}"
        for metric in scored
        if figures.get(metric, {}).get("ungraded")
    ]
    return lines


def _replies(figures: Mapping[str, Any]) -> int:
    return int(figures.get("replies", figures["questions"]))


def _asked(figures: Mapping[str, Any]) -> str:
    return "draws" if "replies" in figures else "questions"


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


_ORIGINS = {
    "dedup": ", as dedup had it",
    "option": "",
    "default": "; no dedup before it uses rouge_l, so this is the default",
}


def _named(fields: str | Sequence[str]) -> str:
    return f"the {fields}" if isinstance(fields, str) else "the fields " + ", ".join(fields)


def _leak_lines(report: Mapping[str, Any]) -> list[str]:
    leakage = report.get("leakage")
    if leakage is None:
        return [f"{report['questions']:,} test rows; no training rows are known to compare them with"]
    exact = leakage["exact"]
    counted = (
        f"{report['in']:,} test rows; {exact:,} of them among the {leakage['train_rows']:,} training "
        f"rows; {leakage['near']:,} near-duplicates at {leakage['threshold']:g} (ROUGE-L of "
        f"{_named(leakage.get('field', 'question'))}{_ORIGINS[leakage.get('threshold_from', 'dedup')]})"
    )
    said = [counted]
    if unseen := leakage.get("near_not_compared", 0):
        said.append(
            f"WARNING: {unseen:,} of the {report['in']:,} test rows have no text in "
            f"{_named(leakage.get('field', 'question'))} and were not compared for near-duplicates"
        )
    if not exact:
        return said
    what = "they were left out" if leakage["excluded"] else "THE SCORES ARE NOT TO BE TRUSTED"
    return [
        *said,
        f"WARNING: {exact:,} test questions were trained on "
        f"({', '.join(leakage['exact_ids'][:3])}{' …' if exact > 3 else ''}): {what}",
    ]


def _pair_lines(report: Mapping[str, Any], scored: list[str]) -> list[str]:
    """Students against each other; of many pairs, those that differ by more than chance."""
    pairs = report["differences"]
    told = pairs if len(pairs) <= MANY_PAIRS else [pair for pair in pairs if not _may_be_chance(pair)]
    lines = [
        f"{pair['model']} against {pair['than']}{_by(pair['metric'], scored)}: {_difference(pair)}"
        for pair in told
    ]
    if left := len(pairs) - len(told):
        lines.append(
            f"{left:,} of {len(pairs):,} differences between students may be chance; "
            "metrics.json has them all"
        )
    return lines


def _may_be_chance(measured: Mapping[str, Any]) -> bool:
    low, high = measured["interval"]
    return bool(low <= 0 <= high)


def _difference(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    unsure = ", which may be chance" if _may_be_chance(measured) else ""
    return f"{points(measured['value'])} points ({points(low)} to {points(high)}){unsure}"


def _by(metric: str, scored: list[str]) -> str:
    return f" by {_title(metric)}" if len(scored) > 1 else ""


def _title(metric: str) -> str:
    return metric.replace("_", " ")
