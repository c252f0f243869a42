"""Reads the tables that steps pass to each other as parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from steps.dataset.columns import TARGET
from steps.job import JobError, require_file

COLUMNS_SHOWN = 20


def read_frame(folder: Path, name: str, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a parquet file that an earlier step wrote.

    Raises
    ------
    JobError
        If the file is missing, or lacks one of `columns`.
    """
    frame = pd.read_parquet(require_file(folder / name, f"file {name} of an earlier step"))
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise JobError(
            f"{name} lacks columns that this step needs: {', '.join(missing[:COLUMNS_SHOWN])}.",
            "Start a new execution, so that all steps use the same data.",
        )
    return frame


def values(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return columns of a frame as a C-ordered float64 array of shape (rows, len(names))."""
    return np.ascontiguousarray(frame[list(names)].to_numpy(dtype=np.float64))


def target(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """Return the target of a frame, shape (rows,): 1 for bankrupt."""
    return frame[TARGET].to_numpy(dtype=np.int8)


def firms(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of each row's firm, which SelectFeatures assigned, shape (rows,)."""
    return frame["firm"].to_numpy(dtype=np.int64)
