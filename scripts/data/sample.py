"""Generates sample data: invented companies whose ratios are distributed like those of the real file.

Each class is drawn from a Gaussian copula over the aggregates in ``sample_statistics.npz``, which contain
no real company.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scripts.data.sample_statistics import STATISTICS_PATH

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

ROWS = 6819  # as in the real file


def generate(rows: int = ROWS, seed: int = 0) -> "pd.DataFrame":
    """Return invented companies with the columns of the real file in its order, the target first.

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
    classes = ((0, rows - bankrupt), (1, bankrupt))
    drawn = np.concatenate([_draw(statistics, label, count, rng) for label, count in classes], axis=1)
    order = rng.permutation(rows)
    target = (order >= rows - bankrupt).astype(np.int64)
    drawn = drawn[:, order]

    columns: dict[str, npt.NDArray[Any]] = {str(statistics["target"]): target}
    sources = statistics["sources"]
    position = {int(source): i for i, source in enumerate(np.unique(sources[sources >= 0]))}
    for name, source, constant in zip(statistics["columns"], sources, statistics["constants"], strict=True):
        values = drawn[position[int(source)]] if source >= 0 else np.full(rows, constant)
        whole = constant % 1 == 0 if source < 0 else statistics["whole"][position[int(source)]]
        columns[str(name)] = values.astype(np.int64) if whole else values
    return pd.DataFrame(columns)


def csv_bytes(rows: int = ROWS, seed: int = 0) -> bytes:
    """Return sample data as the bytes of a CSV file; the same seed gives the same bytes."""
    return generate(rows, seed).to_csv(index=False, lineterminator="\n").encode()


def version() -> str:
    """Return a short hash of the statistics and this module, which determine the sample."""
    digest = hashlib.sha256(STATISTICS_PATH.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:12]


def _draw(
    statistics: dict[str, npt.NDArray[Any]], label: int, count: int, rng: np.random.Generator
) -> Floats:
    """Return the values of one class, columns × companies."""
    factor = statistics["factors"][label].astype(np.float64)
    noise = rng.standard_normal((*factor.shape[:1], count))
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
