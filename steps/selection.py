"""Ranks columns for the recommended candidate, by what a logistic regression can least do without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from steps.estimators.inputs import columns_and_ratios, normal_scores
from steps.estimators.ratios import Ratio
from steps.estimators.samples import bounded, stratified

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

RESAMPLES = 20
# Of each class's companies that a resample sees, drawn without replacement.
SHARE = 0.8
PENALTY = 0.1


def elimination_order(X: Floats, y: Labels, names: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Eliminate one column after the other in each of several resamples of the companies.

    Parameters
    ----------
    X : array of shape (n, k)
        Training companies, as the data file has them; no column constant.
    y : array of shape (n,)
        1 for companies that went bankrupt, else 0.
    names
        The columns of X.
    seed
        Draws the resamples.

    Returns
    -------
    array of shape (RESAMPLES, k)
        For each column how many fell before it: 0 for the first, k - 1 for the one that stays longest.

    Notes
    -----
    A column is judged with the ratios derived from it, which are lost with it, and given the columns
    that are still there: of near-duplicates one stays, and the parents of a strong ratio stay together.
    Judging each column by itself (f_classif) does neither.

    J. F. Lawless & K. Singhal, "Efficient Screening of Nonnormal Regression Models", Biometrics 34
    (1978), 318 to 327: from one fit's coefficients and their covariance follows, without refitting,
    what is left of them when a column is taken out.
    """
    sample = bounded(y, seed)
    X, y = X[sample], y[sample]
    inputs = Pipeline([*columns_and_ratios(names), *normal_scores(seed)])
    scores: Floats = inputs.fit_transform(X)
    groups = _groups(names, inputs["ratios"].ratios)
    orders = []
    for number in range(RESAMPLES):
        drawn = stratified(y, SHARE, np.random.default_rng([seed, number]))
        orders.append(_eliminate(scores[drawn], y[drawn], groups))
    return np.array(orders)


def _groups(names: Sequence[str], ratios: Sequence[Ratio]) -> NDArray[np.intp]:
    """Return for each column the positions that are lost with it: its own and those of its ratios.

    Shape (columns, size of the largest group); smaller groups are filled up with positions beyond the last.
    """
    groups = [
        [at, *(len(names) + place for place, ratio in enumerate(ratios) if name in (ratio.left, ratio.right))]
        for at, name in enumerate(names)
    ]
    largest = max(map(len, groups))
    beyond = len(names) + len(ratios) + np.arange(largest)
    return np.array([group + beyond[len(group) :].tolist() for group in groups])


def _eliminate(scores: Floats, y: Labels, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each group of columns how many fell before it."""
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(scores, y)
    p = model.predict_proba(scores)[:, 1]
    information = (scores * (p * (1 - p))[:, None]).T @ scores + np.eye(scores.shape[1]) / PENALTY
    # What is not, or no longer, in the model: coefficient 0, and covariance as if it were alone.
    width = scores.shape[1] + groups.shape[1]
    coefficients, covariance = np.zeros(width), np.eye(width)
    coefficients[: scores.shape[1]] = model.coef_[0]
    covariance[: scores.shape[1], : scores.shape[1]] = np.linalg.inv(information)
    order = np.full(len(groups), -1, dtype=np.intp)
    for place in range(len(groups)):
        # Wald's statistic of each group: how much worse the fit gets without it.
        parts, blocks = coefficients[groups], covariance[groups[:, :, None], groups[:, None, :]]
        worse = np.einsum("gi,gi->g", parts, np.linalg.solve(blocks, parts[:, :, None])[:, :, 0])
        worse[order >= 0] = np.inf
        # Of equals the last one falls.
        weakest = len(groups) - 1 - int(np.argmin(worse[::-1]))
        order[weakest] = place
        lost = groups[weakest]
        gain = covariance[:, lost] @ np.linalg.inv(covariance[np.ix_(lost, lost)])
        coefficients = coefficients - gain @ coefficients[lost]
        covariance = covariance - gain @ covariance[lost]
        coefficients[lost] = 0.0
        covariance[lost], covariance[:, lost] = 0.0, 0.0
        covariance[lost, lost] = 1.0
    return order
