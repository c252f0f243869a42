"""Adjusts probabilities to a known base rate: the share of a portfolio's companies that go bankrupt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# The relative rounding error of a mean of probabilities.
PRECISION = 1e-12


def base_rate_offset(probability: Floats, base_rate: float) -> float:
    """Return the offset of the log-odds that makes the mean probability equal to a base rate.

    Parameters
    ----------
    probability : array of shape (n,)
        Probabilities of bankruptcy; at least one is neither 0 nor 1.
    base_rate
        The known rate, between 0 and 1.

    Raises
    ------
    ValueError
        If no offset reaches the rate, because too many probabilities are exactly 0 or 1.

    Notes
    -----
    Industries differ in their rates, and one company's ratios do not tell its industry. One offset for all
    companies keeps their order and changes the level: the prior correction of M. Saerens, P. Latinne and C.
    Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities", Neural Computation 14
    (2002), 21 to 41, solved for the mean.
    """
    # Between these offsets the mean rises from almost 0 to almost 1, unless probabilities are exactly 0 or 1.
    low, high = -1500.0, 1500.0
    if not np.mean(probability == 1) < base_rate < np.mean(probability > 0):
        raise ValueError(
            f"The mean probability cannot become {base_rate:g}: {np.mean(probability == 1):.1%} of the "
            f"probabilities are exactly 1, and {np.mean(probability == 0):.1%} exactly 0."
        )
    while high - low > PRECISION * max(1.0, abs(low), abs(high)):
        middle = (low + high) / 2
        if np.mean(with_offset(probability, middle)) < base_rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def with_offset(probability: Floats, offset: float) -> Floats:
    """Return probabilities whose log-odds are shifted by an offset."""
    with np.errstate(divide="ignore", over="ignore"):
        odds = np.log(probability) - np.log1p(-probability) + offset
        shifted: Floats = 1 / (1 + np.exp(-odds))
    return shifted
