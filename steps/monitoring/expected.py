"""Estimates a model's quality before outcomes are known, from its calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from steps.measures.intervals import Interval
from steps.measures.metrics import Floats, area_under_roc

DRAWS = 400
# In unseen blocks of the UCI file, the true rate of bankruptcies is between half and double the expected one.
# So the log-odds of a window can be shifted by this standard deviation.
BLOCK_DEVIATION = np.log(2) / 1.96


def expected_quality(
    probability: Floats, levels: Sequence[str], bounds: Sequence[float], seed: int
) -> dict[str, Interval]:
    """Return the metrics that a model has if its probabilities are right, with 95 % intervals.

    Outcomes are drawn from the probabilities, each time with another shift of all log-odds, because the
    companies of one industry can go bankrupt half or twice as often as expected.

    Parameters
    ----------
    probability : array of shape (n,)
        The probabilities of different companies.
    levels, bounds
        The risk levels, lowest first, and the lowest probability of each.
    seed
        Seed of the draws.

    Returns
    -------
    dict of str to Interval
        `bankruptcies`, `roc_auc`, `brier`, and for each level but the lowest `recall_<level>` and
        `precision_<level>` of flagging all companies from that level up. Empty without companies.

    Notes
    -----
    ROC-AUC, recall and precision are ratios of expectations. All values assume
    that the model is calibrated for these companies, which only outcomes can show.
    """
    if not len(probability):
        return {}
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    flagged = {
        level: int(np.sum(ranked >= bound)) for level, bound in zip(levels[1:], bounds[1:], strict=True)
    }
    value = _metrics(ranked, ranked, last_of_tie, flagged)
    value["brier"] = float(np.mean(ranked * (1 - ranked)))
    generator = np.random.default_rng(seed)
    inside = np.clip(ranked, 1e-12, 1 - 1e-12)
    logit = np.log(inside) - np.log1p(-inside)
    draws = []
    for _ in range(DRAWS):
        shifted = 1 / (1 + np.exp(-(logit + generator.normal(0.0, BLOCK_DEVIATION))))
        outcome = (generator.random(len(ranked)) < shifted).astype(float)
        draws.append(_metrics(outcome, ranked, last_of_tie, flagged))
    return {name: _interval(value[name], np.array([draw[name] for draw in draws])) for name in value}


def _metrics(
    outcome: Floats, ranked: Floats, last_of_tie: Floats, flagged: Mapping[str, int]
) -> dict[str, float]:
    """Return the metrics of outcomes, or of their expectations; NaN where one is not defined."""
    found, wrong = np.cumsum(outcome)[last_of_tie], np.cumsum(1 - outcome)[last_of_tie]
    bankruptcies = float(found[-1])
    metrics = {
        "bankruptcies": bankruptcies,
        "roc_auc": float(area_under_roc(found, wrong)) if 0 < bankruptcies < len(ranked) else np.nan,
        "brier": float(np.mean((outcome - ranked) ** 2)),
    }
    sums = np.concatenate([[0.0], np.cumsum(outcome)])
    for level, count in flagged.items():
        hits = float(sums[count])
        metrics[f"recall_{level}"] = hits / bankruptcies if bankruptcies else np.nan
        metrics[f"precision_{level}"] = hits / count if count else np.nan
    return metrics


def _interval(value: float, draws: Floats) -> Interval:
    known = draws[~np.isnan(draws)]
    if not len(known):
        return Interval(value, np.nan, np.nan, np.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(value, float(low), float(high), float(np.std(known)))
