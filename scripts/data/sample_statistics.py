"""Computes the statistics that sample data is drawn from: aggregates of the real file, without any row.

Run as ``python -m scripts.data.sample_statistics PATH``, where PATH is the real data file.
"""

import argparse
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

STATISTICS_PATH = Path(__file__).with_name("sample_statistics.npz")

# Each stored quantile is the mean of this many neighbouring companies, so that none is a company's value.
COMPANIES_PER_QUANTILE = 5
# Only 220 companies are bankrupt, so their means, spreads and correlations differ from the others' partly by
# chance. In the sample this would look like signal, and models would do better on it than on the real file.
# These weights shrink the statistics of bankrupt companies towards those of solvent companies.
LOCATION_WEIGHT = 0.95
SCALE_WEIGHT = 0.6
CORRELATION_WEIGHT = 0.5
# Keeps the correlation matrices positive definite, as some ratios are functions of others.
RIDGE = 1e-3
# Upper limit of the lowest stored quantile in a column of mixed units; the file writes 0.5 as 5e9. Without
# the limit, averaging would hide the huge values of a column that has fewer than five.
HIGHEST_LOWEST_MIXED = 0.5


def repair_units(values: Floats) -> Floats:
    """Convert a column of mixed units to one unit.

    The rule is inferred from the data, as no documentation has it: true values of 1 and above seem to be
    stored divided by 1e4, values below 1 multiplied by 1e10.
    """
    return np.where(values > 1, values * 1e-10, values * 1e4)


def normal_scores(values: Floats, ties: npt.NDArray[np.integer]) -> Floats:
    """Return the standard normal score of each value's rank; `ties` orders equal values."""
    order = np.lexsort((ties, values))
    normal = NormalDist()
    scores = np.empty(len(values))
    scores[order] = [normal.inv_cdf((rank + 0.5) / len(values)) for rank in range(len(values))]
    return scores


def shared_scores(values: Floats, scores: Floats) -> Floats:
    """Return the scores, replacing those of equal values by their mean."""
    _, group = np.unique(values, return_inverse=True)
    means: Floats = np.bincount(group, weights=scores) / np.bincount(group)
    return means[group]


def averaged_quantiles(values: Floats, probabilities: Floats) -> Floats:
    """Return quantiles, each averaged over the nearest companies."""
    ordered = np.sort(values)
    first = np.rint(probabilities * len(ordered) - COMPANIES_PER_QUANTILE / 2).astype(int)
    first = first.clip(0, len(ordered) - COMPANIES_PER_QUANTILE)
    means: Floats = np.lib.stride_tricks.sliding_window_view(ordered, COMPANIES_PER_QUANTILE)[first].mean(
        axis=1
    )
    return means


def correlation(scores: Floats) -> Floats:
    """Return the correlation matrix of the columns; a constant column has correlation 0 with all others."""
    centred = scores - scores.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(length > 0, length, 1)
    matrix: Floats = scaled.T @ scaled
    np.fill_diagonal(matrix, 1.0)
    return matrix


def factor(matrix: Floats) -> npt.NDArray[np.float32]:
    """Return the Cholesky factor of the regularised correlation matrix."""
    regularised = (1 - RIDGE) * matrix + RIDGE * np.eye(len(matrix))
    return np.linalg.cholesky(regularised).astype(np.float32)


def find_sources(ratios: "pd.DataFrame") -> npt.NDArray[np.int64]:
    """Return for each column the index of the first column equal to it, or -1 if it is constant."""
    sources: list[int] = []
    columns = ratios.to_numpy(dtype=float).T
    for column in columns:
        if (column == column[0]).all():
            sources.append(-1)
        else:
            sources.append(next(i for i, other in enumerate(columns) if np.array_equal(other, column)))
    return np.array(sources)


def make_statistics(data: "pd.DataFrame", seed: int = 0) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of the statistics file.

    Parameters
    ----------
    data
        The real file: the 0/1 target first, then the ratios, with the names of the header.
    seed
        Seed for the order of equal values.

    Returns
    -------
    dict
        `target`, `columns` (names), `class_counts` (solvent, bankrupt), `sources` (see `find_sources`),
        `constants`; and for each drawn column (one that is its own source): `mixed` (has mixed units),
        `whole` (has only whole numbers), `scores` (the normal scores of the quantiles), `quantiles`
        (columns × scores, in repaired units), `locations` and `scales` (classes × columns, in normal
        scores of all companies) and `factors` (classes × columns × columns, Cholesky factors of the
        correlations of normal scores within a class).
    """
    target = data.iloc[:, 0].to_numpy()
    ratios = data.iloc[:, 1:]
    raw = ratios.to_numpy(dtype=float)
    sources = find_sources(ratios)
    drawn = np.flatnonzero(sources == np.arange(len(sources)))
    mixed = (raw[:, drawn] > 1).any(axis=0)
    values = np.where(mixed, repair_units(raw[:, drawn]), raw[:, drawn])

    rng = np.random.default_rng(seed)
    scores = np.column_stack([normal_scores(column, rng.permutation(len(column))) for column in values.T])

    tail = [COMPANIES_PER_QUANTILE / 2 / len(values), 0.001, 0.003]
    probabilities = np.array([*tail, *np.arange(1, 100) / 100, *(1 - p for p in reversed(tail))])
    quantiles = np.array([averaged_quantiles(column, probabilities) for column in values.T])
    quantiles[mixed, 0] = quantiles[mixed, 0].clip(max=HIGHEST_LOWEST_MIXED)

    solvent, bankrupt = (scores[target == label] for label in (0, 1))
    location, scale = solvent.mean(axis=0), solvent.std(axis=0)
    correlations = []
    for label in (0, 1):
        within = values[target == label]
        ranked = [shared_scores(column, normal_scores(column, np.arange(len(column)))) for column in within.T]
        correlations.append(correlation(np.column_stack(ranked)))
    blended = (1 - CORRELATION_WEIGHT) * correlations[0] + CORRELATION_WEIGHT * correlations[1]

    return {
        "target": np.array(str(data.columns[0])),
        "columns": np.array([str(name) for name in ratios.columns]),
        "class_counts": np.array([len(solvent), len(bankrupt)]),
        "sources": sources,
        "constants": np.where(sources == -1, raw[0], 0.0),
        "mixed": mixed,
        "whole": (raw[:, drawn] % 1 == 0).all(axis=0),
        "scores": np.array([NormalDist().inv_cdf(p) for p in probabilities]).round(6),
        "quantiles": np.array([[float(f"{value:.8g}") for value in row] for row in quantiles]),
        "locations": np.array(
            [location, location + LOCATION_WEIGHT * (bankrupt.mean(axis=0) - location)]
        ).round(4),
        "scales": np.array([scale, scale + SCALE_WEIGHT * (bankrupt.std(axis=0) - scale)]).round(4),
        "factors": np.array([factor(correlations[0]), factor(blended)]),
    }


def main() -> None:
    """Read the real file and write the statistics next to this module."""
    import pandas as pd

    parser = argparse.ArgumentParser(description="Compute the statistics that sample data is drawn from.")
    parser.add_argument("path", type=Path, help="the real data file (CSV, compressed or not)")
    statistics = make_statistics(pd.read_csv(parser.parse_args().path))
    with STATISTICS_PATH.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **statistics)


if __name__ == "__main__":
    main()
