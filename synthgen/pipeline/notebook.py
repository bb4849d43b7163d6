"""A result as a notebook shows it: a table of stages as HTML, without style sheets or scripts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from synthgen.core.text import printable
from synthgen.store.manifest import Manifest

_NUMBER = ' style="text-align:right"'


def html_of(title: str, stages: Mapping[str, Manifest], done: Mapping[str, str] | None = None) -> str:
    """The stages with the rows that came in, were kept, and were dropped by which rule.

    Below stand the tables of what was measured. Names and rules come from files: all of it is escaped.

    Args:
        title: the run's folder.
        stages: stage id -> manifest.
        done: stage id -> ran, skipped or linked.
    """
    heads = ("stage", "in", "kept", "dropped", *(("",) if done else ()))
    lines = ["<table><thead><tr>", *(f"<th>{head}</th>" for head in heads), "</tr></thead><tbody>"]
    for stage, manifest in stages.items():
        counts = manifest.counts
        dropped = {**counts.get("rejected", {}), **counts.get("failed", {})}
        name = stage if stage == manifest.kind else f"{stage} ({manifest.kind})"
        lines += [
            f"<tr><td>{_text(name)}</td>",
            *(f"<td{_NUMBER}>{counts.get(field, 0):,}</td>" for field in ("in", "kept")),
            f"<td>{_text(', '.join(f'{rule} {rows:,}' for rule, rows in dropped.items()))}</td>",
            *((f"<td>{_text(done.get(stage, ''))}</td>",) if done else ()),
            "</tr>",
        ]
    lines.append("</tbody></table>")
    for stage, manifest in stages.items():
        if manifest.writes == "metrics" and manifest.extra.get("table"):
            lines.append(f"<p>{_text(stage)}</p><pre>{_text(str(manifest.extra['table']))}</pre>")
    return f"<p><code>{_text(title)}</code></p>" + "".join(lines)


def _text(text: str) -> str:
    return escape(printable(text))
