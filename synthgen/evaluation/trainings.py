"""Scores of one training, or of several that differ by their seed alone, and how far two such lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from synthgen.evaluation.compare import FEWEST_PAIRED
from synthgen.evaluation.intervals import CONFIDENCE, Interval, paired_difference, score_interval
from synthgen.evaluation.seed_intervals import Scores, difference_over_seeds, mean_over_seeds


def level(scores: Scores, share: bool) -> Interval:
    """The mean score, with an interval over rows, and over seeds where there are several.

    Args:
        scores: of each seed on the same rows.
        share: whether each is 0 or 1.
    """
    return mean_over_seeds(scores) if len(scores) > 1 else score_interval(scores[0], share)


def apart(scores: Scores, others: Scores, confidence: float = CONFIDENCE) -> Interval:
    """mean(scores) - mean(others) over the same rows, and over seeds where `scores` has several.

    Trainings with equally many seeds have the same ones, and are compared seed by seed from three on.
    """
    if len(scores) < 2:
        return paired_difference(scores[0], by_row(others), confidence=confidence)
    together = FEWEST_PAIRED <= len(scores) == len(others)
    return difference_over_seeds(scores, others, confidence, paired=together)


def by_row(scores: Scores) -> Sequence[float]:
    """Each row's mean over the seeds."""
    return scores[0] if len(scores) == 1 else [fmean(one) for one in zip(*scores, strict=True)]
