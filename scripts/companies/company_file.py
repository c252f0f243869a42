"""Chooses the reader of a company file by its name."""

from collections.abc import Sequence
from pathlib import Path

from scripts.companies.csv_companies import CsvCompanies
from scripts.companies.forms import Form, find_form
from scripts.companies.json_companies import LinesCompanies, ListedCompanies, read_json

# Where companies come from.
Companies = CsvCompanies | ListedCompanies | LinesCompanies


def read_companies(path: Path, keep: Sequence[str] | None = None) -> Companies:
    """Return the companies of a file: JSON (.json), JSON Lines (.jsonl) or, with any other name, CSV.

    Raises
    ------
    CompanyFileError
        If it can't be read, or has another form.
    """
    match find_form(path.name):
        case Form.JSON:
            return read_json(path, keep)
        case Form.LINES:
            return LinesCompanies(path, keep)
    return CsvCompanies(path, keep)
