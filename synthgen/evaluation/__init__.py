"""Evaluation: what a student's answers are worth, with intervals, beside its base and its teacher."""

METRICS = {
    "exact_match": "synthgen.evaluation.metrics:ExactMatch",
}
"""Metric name -> "module:Class"."""
