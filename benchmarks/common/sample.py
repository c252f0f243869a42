"""Writes files of sample companies and returns sample companies as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.data.sample import ROWS, generate


def write_sample(path: Path, rows: int, *, ids: bool = False) -> Path:
    """Write sample companies to a CSV file, unless it is there from an earlier run.

    They come in blocks as large as the real file, each drawn with its own seed. With `ids`, the first column
    numbers the companies.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        for seed, start in enumerate(range(0, rows, ROWS)):
            frame = generate(ROWS, seed).head(rows - start)
            if ids:
                frame.insert(0, "id", [f"C{number:08}" for number in range(start, start + len(frame))])
            frame.to_csv(file, index=False, header=seed == 0, lineterminator="\n")
    partial.rename(path)
    return path


def sample_rows(names: Sequence[str], count: int) -> NDArray[np.float64]:
    """Return sample companies, with the columns in the given order."""
    frame = generate(count, seed=1)
    frame.columns = [name.strip() for name in frame.columns]
    return frame[list(names)].to_numpy(dtype=float)
