"""Evaluation: what a student's answers are worth, with intervals, beside its base and its teacher."""

METRICS = {
    "exact_match": "synthgen.evaluation.metrics:ExactMatch",
    "judge": "synthgen.evaluation.judge:JudgeMetric",
    "rouge_l": "synthgen.evaluation.metrics:RougeL",
}
"""Metric name -> "module:Class"."""
