"""Describes a data file: its size, its classes, and columns that deserve a look."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.companies.columns import wrong_separator
from scripts.data.data_file import UCI_NAME, DataFile
from steps.dataset.columns import TARGET

SHOWN_CHARACTERS = 60  # of a column's name; no name in the UCI file is longer


@dataclass(frozen=True)
class DataSummary:
    """What a data file contains.

    Parameters
    ----------
    bankrupt
        Number of bankrupt companies; None if there is no target column.
    duplicate_columns
        Pairs of a column and the earlier column that it equals.
    highest_above_1
        The highest value of each column with values above 1, which ratios should not have.
    """

    file: DataFile
    rows: int
    columns: int
    bankrupt: int | None
    constant_columns: tuple[str, ...]
    duplicate_columns: tuple[tuple[str, str], ...]
    highest_above_1: tuple[float, ...]
    non_numeric_cells: int
    missing_cells: int

    @property
    def bankrupt_share(self) -> float | None:
        """Share of companies that went bankrupt."""
        return None if self.bankrupt is None or self.rows == 0 else self.bankrupt / self.rows

    def as_rows(self) -> list[tuple[str, str]]:
        """Return the label and text of each fact, for a table."""
        share, file = self.bankrupt_share, self.file
        kind = (
            UCI_NAME if file.is_uci else "sample data (generated)" if file.is_sample else "not the UCI file"
        )
        highest = f", up to {max(self.highest_above_1):.3g}" if self.highest_above_1 else ""
        bankrupt = f"no column {TARGET!r}" if share is None else f"{self.bankrupt:,} ({share:.2%})"
        duplicates = (f"{_shortened(a)} = {_shortened(b)}" for a, b in self.duplicate_columns)
        return [
            *([] if file.separator == "," else [("separator", wrong_separator(file.separator))]),
            ("companies", f"{self.rows:,}"),
            ("columns", f"{self.columns}, including the target"),
            ("bankrupt", bankrupt),
            ("constant columns", ", ".join(map(_shortened, self.constant_columns)) or "none"),
            ("duplicate columns", ", ".join(duplicates) or "none"),
            ("columns above 1", f"{len(self.highest_above_1)}{highest}"),
            ("non-numeric cells", f"{self.non_numeric_cells}"),
            ("empty cells", f"{self.missing_cells}"),
            ("sha256 of the CSV", file.sha256),
            ("origin", kind),
        ]


def describe(file: DataFile) -> DataSummary:
    """Return what a data file contains.

    Raises
    ------
    DataError
        If the file can't be read as a table.
    """
    import pandas as pd

    table = file.table
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    missing = int(table.isna().to_numpy().sum())
    highest = numbers.max()
    constant, duplicates = [], []
    first_with: dict[bytes, str] = {}
    for name, column in numbers.items():
        label = str(name)
        if column.nunique(dropna=False) <= 1:
            constant.append(label)
            continue
        twin = first_with.setdefault(column.to_numpy().tobytes(), label)
        if twin != label:
            duplicates.append((label, twin))
    return DataSummary(
        file=file,
        rows=len(table),
        columns=len(table.columns),
        bankrupt=int((numbers[TARGET] == 1).sum()) if TARGET in numbers else None,
        constant_columns=tuple(constant),
        duplicate_columns=tuple(duplicates),
        highest_above_1=tuple(highest[highest > 1]),
        non_numeric_cells=int(numbers.isna().to_numpy().sum()) - missing,
        missing_cells=missing,
    )


def _shortened(name: str) -> str:
    return name if len(name) <= SHOWN_CHARACTERS else f"{name[: SHOWN_CHARACTERS - 1]}…"
