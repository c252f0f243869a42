"""The error of company files, and the conversion of the shared reader's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.errors import ScriptError
from steps.job import DataError


class CompanyFileError(ScriptError):
    """A file can't be used as a company file."""

    code = "invalid_company_file"


@contextmanager
def table_errors(kind: type[ScriptError] = CompanyFileError) -> Iterator[None]:
    """Convert errors of `steps.tables` to another error type."""
    try:
        yield
    except DataError as error:
        raise kind(error.problem, error.hint) from error
