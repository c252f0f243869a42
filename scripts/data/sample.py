"""Generates sample data: invented companies whose ratios are distributed like those of the real file.

Each class is drawn from a Gaussian copula over the aggregates in ``sample_statistics.npz``, which contain
no real company. Like the real file, the sample lists the firms of one industry after those of another, and
the firms of an industry once for each year. Rows of one firm are correlated; rows of one industry weakly.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scripts.data.sample_statistics import STATISTICS_PATH
from steps.dataset.columns import FIRM_ID

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

ROWS = 6819  # as in the real file
INDUSTRIES = 20
YEARS = 5
# The shares of a row's variance, in normal scores, that it has in common with its industry and its firm.
SHARED_BY_INDUSTRY = 0.05
SHARED_BY_FIRM = 0.55
# The spread of the industries' bankruptcy rates: the standard deviation of their logarithm.
RATE_SPREAD = 0.7


def generate(rows: int = ROWS, seed: int = 0) -> "pd.DataFrame":
    """Return invented companies with the columns of the real file in its order, and their `firm_id`.

    Parameters
    ----------
    rows
        Number of companies, at least 2. The share of bankrupt companies is that of the real file, but at
        least one company is bankrupt.
    seed
        The same seed gives the same companies.

    Raises
    ------
    ValueError
        If there are too few rows for both classes.
    """
    import pandas as pd

    if rows < 2:
        raise ValueError(f"Sample data needs at least 2 rows, one per class; given {rows}.")
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        statistics = {name: stored[name] for name in stored.files}
    counts = statistics["class_counts"]
    bankrupt = max(1, round(rows * int(counts[1]) / int(counts.sum())))

    rng = np.random.default_rng(seed)
    industry = np.arange(rows) * INDUSTRIES // rows
    weight = np.exp(RATE_SPREAD * rng.standard_normal(INDUSTRIES))[industry]
    target = np.zeros(rows, dtype=np.int64)
    target[rng.choice(rows, bankrupt, replace=False, p=weight / weight.sum())] = 1
    firm = _firms(industry, target)
    noise = _noise(len(statistics["factors"][0]), industry, firm, rng)
    drawn = np.empty_like(noise)
    for label in (0, 1):
        drawn[:, target == label] = _draw(statistics, label, noise[:, target == label])

    columns: dict[str, npt.NDArray[Any]] = {str(statistics["target"]): target}
    sources = statistics["sources"]
    position = {int(source): i for i, source in enumerate(np.unique(sources[sources >= 0]))}
    for name, source, constant in zip(statistics["columns"], sources, statistics["constants"], strict=True):
        values = drawn[position[int(source)]] if source >= 0 else np.full(rows, constant)
        whole = constant % 1 == 0 if source < 0 else statistics["whole"][position[int(source)]]
        columns[str(name)] = values.astype(np.int64) if whole else values
    return pd.DataFrame({**columns, FIRM_ID: [f"S{seed}-{number:04d}" for number in firm]})


def csv_bytes(rows: int = ROWS, seed: int = 0) -> bytes:
    """Return sample data as the bytes of a CSV file; the same seed gives the same bytes."""
    return generate(rows, seed).to_csv(index=False, lineterminator="\n").encode()


def version() -> str:
    """Return a short hash of the statistics and this module, which determine the sample."""
    digest = hashlib.sha256(STATISTICS_PATH.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _firms(industry: npt.NDArray[np.int64], target: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of each row's firm: each industry lists its firms in the same order for each year.

    Another firm takes the place of one that went bankrupt.
    """
    firm = np.empty(len(industry), dtype=np.int64)
    firms = 0
    for number in range(INDUSTRIES):
        rows = np.flatnonzero(industry == number)
        listed = -(-len(rows) // YEARS)
        for position, row in enumerate(rows):
            last_year = rows[position - listed] if position >= listed else None
            if last_year is None or target[last_year]:
                firm[row], firms = firms, firms + 1
            else:
                firm[row] = firm[last_year]
    return firm


def _noise(
    columns: int,
    industry: npt.NDArray[np.int64],
    firm: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> Floats:
    """Return independent normal scores, columns × rows, in which rows share those of industry and firm."""
    own = 1 - SHARED_BY_INDUSTRY - SHARED_BY_FIRM
    noise = rng.standard_normal((columns, len(firm)))
    noise *= np.sqrt(own)
    noise += np.sqrt(SHARED_BY_INDUSTRY) * rng.standard_normal((columns, INDUSTRIES))[:, industry]
    noise += np.sqrt(SHARED_BY_FIRM) * rng.standard_normal((columns, int(firm.max()) + 1))[:, firm]
    return noise


def _draw(statistics: dict[str, npt.NDArray[Any]], label: int, noise: Floats) -> Floats:
    """Return the values of one class, columns × companies, from independent normal scores."""
    factor = statistics["factors"][label].astype(np.float64)
    latent = np.zeros_like(noise)
    # The last bits of a matrix product depend on the BLAS library, so the file would, too.
    for column, row in enumerate(noise):
        latent[column:] += factor[column:, column, np.newaxis] * row
    latent *= statistics["scales"][label][:, np.newaxis]
    latent += statistics["locations"][label][:, np.newaxis]
    values = np.empty_like(latent)
    for i, quantiles in enumerate(statistics["quantiles"]):
        values[i] = np.interp(latent[i], statistics["scores"], quantiles)
    mixed = statistics["mixed"].astype(bool)
    values[mixed] = _mix_units(values[mixed])
    values = np.round(values, 10)
    whole = statistics["whole"].astype(bool)
    values[whole] = values[whole].round()
    return values


def _mix_units(values: Floats) -> Floats:
    """Return values in the file's two units, the inverse of `repair_units`, huge values with three digits."""
    return np.where(values < 1, (values * 1e10).round(-6), values * 1e-4)
