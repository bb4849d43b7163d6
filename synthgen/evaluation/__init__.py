"""Evaluation: what a student's answers are worth, with intervals, beside its base and its teacher."""

METRICS = {
    "choice": "synthgen.evaluation.metrics.choice:ChoiceMetric",
    "exact_match": "synthgen.evaluation.metrics.exact_match:ExactMatch",
    "judge": "synthgen.evaluation.metrics.judge:JudgeMetric",
    "numeric": "synthgen.evaluation.metrics.numeric:Numeric",
    "rouge_l": "synthgen.evaluation.metrics.rouge_l:RougeLMetric",
    "token_f1": "synthgen.evaluation.metrics.token_f1:TokenF1",
}
"""Metric name -> "module:Class"."""
