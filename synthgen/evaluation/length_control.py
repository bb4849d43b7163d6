"""How often a model would win if its answers were as long as the other's.

In the manner of AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475): a logistic regression of who won on
the difference of lengths, logit P(win) = theta + phi · tanh(difference / its standard deviation). Theta alone
gives the win rate at equal lengths. Its third term, how hard each instruction is, can only be known from many
pairs of models over the same rows, and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthgen.evaluation.intervals import CONFIDENCE, Interval, falls_to, tango_variance, two_sided

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRIOR = 2.5
"""Standard deviation of the normal prior of phi: it stays finite where the longer answer always won (a weakly
informative scale after Gelman et al. 2008)."""
EACH = 0.05
"""The share of rows in which a model's answer has to be the longer, and the shorter one, or of equal length.

With fewer there is nothing at equal lengths to look at, and the regression would only be drawn on."""
_NEWTON = 40
_LEAST, _MOST = 1e-9, 1 - 1e-9


@dataclass(frozen=True)
class LengthControlled:
    """The win rate at equal lengths, and the effect of length: phi, above 0 where longer answers win."""

    rate: Interval
    effect: float


def length_controlled(
    outcomes: Sequence[float],
    lengths: Sequence[int],
    others: Sequence[int],
    confidence: float = CONFIDENCE,
) -> LengthControlled | None:
    """The win rate at equal lengths, with the interval of its score test.

    The interval holds the rates that the test does not reject, with phi fitted anew at each. A row's variance
    is Tango's at that rate, so that ties count for what they are. Where no length differs, it is Tango's
    interval of the win rate itself.

    Args:
        outcomes: 1 where the model won, 0.5 for a tie, 0 where it lost, a row each.
        lengths: of the model's answers, in characters.
        others: of the other's.
        confidence: how often the interval holds the true rate.

    Returns:
        The rate; None without rows, and where nearly all answers of the model are longer, or nearly all
        are shorter.
    """
    import numpy as np

    won = np.asarray(outcomes, dtype=np.float64)
    apart = np.asarray(lengths, dtype=np.float64) - np.asarray(others, dtype=np.float64)
    if not len(won):
        return None
    spread = float(apart.std())
    if min((apart >= 0).mean(), (apart <= 0).mean()) < EACH:
        return None
    fit = _Fit(won, np.tanh(apart / spread) if spread else np.zeros_like(apart))
    z = two_sided(confidence)
    rate = falls_to(fit.excess, 0.0, _LEAST, _MOST)
    low = falls_to(fit.deviation, z, _LEAST, rate)
    high = falls_to(fit.deviation, -z, rate, _MOST)
    ends = [0.0 if end < 1e-6 else 1.0 if end > 1 - 1e-6 else end for end in (rate, low, high)]
    return LengthControlled(Interval(*ends), fit.effect(rate))


class _Fit:
    """The regression with theta held at a rate, and phi at its best there."""

    def __init__(self, won: NDArray[np.float64], length: NDArray[np.float64]) -> None:
        self._won, self._length = won, length
        self._shares = float((won == 1).mean()), float((won == 0).mean())
        self._phi = 0.0

    def effect(self, rate: float) -> float:
        """Phi where the win rate at equal lengths is the given one."""
        self._expected(rate)
        return self._phi

    def excess(self, rate: float) -> float:
        """By how many wins the rows exceed what is expected at this rate; it falls as the rate rises."""
        return float((self._won - self._expected(rate)).sum())

    def deviation(self, rate: float) -> float:
        """The same in standard deviations of the score test."""
        expected = self._expected(rate)
        weights = expected * (1 - expected)
        crossed = float((weights * self._length).sum())
        squared = float((weights * self._length**2).sum()) + PRIOR**-2
        information = float(weights.sum()) - crossed**2 / squared
        mean = 2 * float(expected.mean()) - 1  # of won − lost
        ties = tango_variance(*self._shares, mean) / max(1 - mean**2, 1e-300)
        return float((self._won - expected).sum()) / math.sqrt(max(ties * information, 1e-300))

    def _expected(self, rate: float) -> NDArray[np.float64]:
        """Each row's chance to be won, by Newton's method; the likelihood is concave in phi."""
        import numpy as np

        theta, phi = math.log(rate / (1 - rate)), self._phi
        for _ in range(_NEWTON):
            expected = 1 / (1 + np.exp(-(theta + phi * self._length)))
            slope = float(((self._won - expected) * self._length).sum()) - phi / PRIOR**2
            bend = float((expected * (1 - expected) * self._length**2).sum()) + PRIOR**-2
            step = max(-2.0, min(2.0, slope / bend))
            phi += step
            if abs(step) < 1e-12:
                break
        self._phi = phi
        return np.asarray(1 / (1 + np.exp(-(theta + phi * self._length))))
