"""What was found beside a student's scores, and what it means for its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.evaluation.noise import with_noise
from synthgen.evaluation.panel.forgetting import with_panel
from synthgen.evaluation.prompt_fit import with_prompts


def with_findings(verdict: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict's report that names noise, what its students forgot, and in what their prompts differ.

    Args:
        verdict: from `verdict.verdict_report`; may be empty.
        report: what `metrics.json` has of these findings.
    """
    told = with_noise(dict(verdict), report.get("noise_floor") or {})
    return with_panel(with_prompts(told, report.get("prompt_differences")), report.get("panel"))
