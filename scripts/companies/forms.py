"""Finds the format of a company file or a result from its name."""

from enum import StrEnum

from scripts.companies.errors import CompanyFileError

_COMPRESSIONS = (".gz", ".xz", ".zip")


class Form(StrEnum):
    """The format of a company file or a result."""

    CSV = "csv"
    LINES = "jsonl"
    JSON = "json"


def find_form(name: str) -> Form | None:
    """Return the format of a file from its name, without the compression; None if it is unknown.

    A .zip file contains CSV unless its name has another format before .zip.
    """
    plain = name.lower()
    for ending in _COMPRESSIONS:
        plain = plain.removesuffix(ending)
    found = (form for form in Form if plain.endswith(f".{form}"))
    return next(found, Form.CSV if name.lower().endswith(".zip") else None)


def form_of(name: str) -> Form:
    """Return the format of a portfolio or its result: CSV or JSON Lines.

    Raises
    ------
    CompanyFileError
        If the name has another ending.
    """
    form = find_form(name)
    if form in (Form.CSV, Form.LINES):
        return form
    raise CompanyFileError(
        f"{name} must end in .csv or .jsonl; for a portfolio, also with .gz, .xz or .zip after it."
    )
