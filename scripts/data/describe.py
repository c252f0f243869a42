"""Describes a data file: its size, its classes, and columns that deserve a look."""

from scripts.companies.header import wrong_separator
from scripts.data.data_file import DataFile
from scripts.text import counted
from steps.dataset.columns import FIRM_ID, TARGET

SHOWN_CHARACTERS = 60  # of a column's name; no name in the UCI file is longer


def describe(file: DataFile) -> dict[str, str]:
    """Return facts about a data file as text, by their labels.

    Raises
    ------
    DataError
        If the file can't be read as a table.
    """
    import pandas as pd

    table = file.table.drop(columns=FIRM_ID, errors="ignore")
    numbers = table.apply(pd.to_numeric, errors="coerce").astype(float)
    missing = int(table.isna().to_numpy().sum())
    constant, duplicates = [], []
    first_with: dict[bytes, str] = {}
    for label, column in numbers.items():
        name = _shortened(str(label))
        if column.nunique(dropna=False) <= 1:
            constant.append(name)
        elif (twin := first_with.setdefault(column.to_numpy().tobytes(), name)) != name:
            duplicates.append(f"{name} = {twin}")
    # The UCI file's ratios should be at most 1; larger values have another unit.
    highest = numbers.max()
    highest = highest[highest > 1]
    bankrupt = int((numbers[TARGET] == 1).sum()) if TARGET in numbers and len(table) else None
    share = "" if bankrupt is None else f" ({bankrupt / len(table):.2%})"
    facts = {"separator": wrong_separator(file.separator)} if file.separator != "," else {}
    return facts | {
        "companies": f"{len(table):,}",
        "columns": f"{len(table.columns)}, including the target",
        "firms": _firms(file),
        "bankrupt": f"no column {TARGET!r}" if bankrupt is None else f"{bankrupt:,}{share}",
        "constant": ", ".join(constant) or "none",
        "duplicates": ", ".join(duplicates) or "none",
        "above 1": f"{counted(len(highest), 'column')}"
        + (f", up to {highest.max():.3g}" if len(highest) else ""),
        "non-numeric": counted(int(numbers.isna().to_numpy().sum()) - missing, "cell"),
        "empty": counted(missing, "cell"),
        "sha256": file.sha256,
        "origin": file.origin,
    }


def _firms(file: DataFile) -> str:
    """Return the number of firms, or what it means that the file does not name them."""
    if file.names_firms:
        return f"{file.table[FIRM_ID].nunique():,}, by the column {FIRM_ID!r}"
    return f"no column {FIRM_ID!r}: rows of one firm can be in training and among the unseen companies"


def _shortened(name: str) -> str:
    return name if len(name) <= SHOWN_CHARACTERS else f"{name[: SHOWN_CHARACTERS - 1]}…"
