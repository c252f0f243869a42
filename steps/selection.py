"""Ranks columns for the recommended candidate, by backward elimination in a logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from steps.dataset.ratios import Ratio
from steps.estimators.inputs import columns_and_ratios, normal_scores
from steps.estimators.samples import bounded, stratified

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]

RESAMPLES = 20
# The share of each class's companies in a resample, drawn without replacement.
SHARE = 0.8
PENALTY = 0.1


def elimination_order(X: Floats, y: Labels, names: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Eliminate columns one by one, in each of several resamples of the companies.

    Parameters
    ----------
    X : array of shape (n, k)
        Training companies in the units of the data file, without constant columns.
    y : array of shape (n,)
        1 for companies that went bankrupt, otherwise 0.
    names
        The columns of X.
    seed
        Seed of the resamples.

    Returns
    -------
    array of shape (RESAMPLES, k)
        The number of columns eliminated before each: 0 for the first, k - 1 for the last one left.

    Notes
    -----
    Eliminating a column also removes the ratios derived from it, and its score depends on the columns that
    are still in the model. So one of several near-duplicates stays, and both columns of a strong ratio stay
    together. Scoring each column alone (f_classif) does neither.

    The method is that of J. F. Lawless & K. Singhal, "Efficient Screening of Nonnormal Regression Models",
    Biometrics 34 (1978), 318 to 327: the coefficients without a column are computed from the coefficients
    and covariance of the full model, without fitting again.
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
    """Return the indexes that each column's elimination removes: its own and those of its ratios.

    Shape (columns, size of the largest group). Smaller groups are padded with indexes beyond the last one.
    """
    groups = [
        [index, *(len(names) + i for i, ratio in enumerate(ratios) if name in (ratio.left, ratio.right))]
        for index, name in enumerate(names)
    ]
    largest = max(map(len, groups))
    beyond = len(names) + len(ratios) + np.arange(largest)
    return np.array([group + beyond[len(group) :].tolist() for group in groups])


def _eliminate(scores: Floats, y: Labels, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each group of columns how many groups were eliminated before it."""
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(scores, y)
    p = model.predict_proba(scores)[:, 1]
    information = (scores * (p * (1 - p))[:, None]).T @ scores + np.eye(scores.shape[1]) / PENALTY
    # Padding and eliminated columns get coefficient 0 and a row of the identity as covariance.
    width = scores.shape[1] + groups.shape[1]
    coefficients, covariance = np.zeros(width), np.eye(width)
    coefficients[: scores.shape[1]] = model.coef_[0]
    covariance[: scores.shape[1], : scores.shape[1]] = np.linalg.inv(information)
    order = np.full(len(groups), -1, dtype=np.intp)
    for position in range(len(groups)):
        # The Wald statistic of each group: how much worse the fit gets without it.
        parts, blocks = coefficients[groups], covariance[groups[:, :, None], groups[:, None, :]]
        worse = np.einsum("gi,gi->g", parts, np.linalg.solve(blocks, parts[:, :, None])[:, :, 0])
        worse[order >= 0] = np.inf
        # Of several equal groups, the last one is eliminated.
        weakest = len(groups) - 1 - int(np.argmin(worse[::-1]))
        order[weakest] = position
        lost = groups[weakest]
        gain = covariance[:, lost] @ np.linalg.inv(covariance[np.ix_(lost, lost)])
        coefficients = coefficients - gain @ coefficients[lost]
        covariance = covariance - gain @ covariance[lost]
        coefficients[lost] = 0.0
        covariance[lost], covariance[:, lost] = 0.0, 0.0
        covariance[lost, lost] = 1.0
    return order
