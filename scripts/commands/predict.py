"""`bankruptcy predict`: predict companies through the deployed API."""

from __future__ import annotations

import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from scripts.aws.session import Aws
from scripts.errors import UsageError
from scripts.terminal.console import console, show
from scripts.terminal.options import DataOption, Settings, with_settings

if TYPE_CHECKING:
    from scripts.companies.company_file import Companies
    from scripts.predict.output import CsvOutput, JsonOutput, Summary
    from scripts.terminal.predictions import TableOutput


Form = Literal["table", "csv", "json"]
_FORMS: dict[str, Form] = {".csv": "csv", ".json": "json", ".jsonl": "json"}


@with_settings
def predict(
    settings: Settings,
    source: Annotated[
        Path | None,
        typer.Argument(help="CSV file with a header, or a JSON file like the body of POST /predict."),
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=0, help="Row of the data file to predict instead; the first is 0.")
    ] = None,
    data: DataOption = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="A table (the riskiest companies, if there are many), CSV, or JSON Lines. Default: from the "
            "name of the output file; without one, a table on a terminal and CSV elsewhere.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write (.csv, .json, .jsonl).")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the features that change each company's risk most.")
    ] = False,
) -> None:
    """Predict the bankruptcy risk of companies; fail if any company has no prediction."""
    if (source is None) == (row is None):
        raise UsageError(
            "Give either a file or --row N.",
            "Examples: `bankruptcy predict companies.csv`, `bankruptcy predict --row 0`.",
        )
    chosen = form or _default_form(output)
    aws = settings.connect()
    try:
        summary = _predict(aws, _companies(source, data, row), chosen, output, explain=explain)
    except BrokenPipeError:
        # The reader of the output has closed the pipe; Python must not flush the rest when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    if summary.errors:
        raise typer.Exit(1)


def _predict(aws: Aws, companies: Companies, form: Form, path: Path | None, *, explain: bool) -> Summary:
    from scripts.operate.pausing import check_endpoint
    from scripts.predict.client import client_of
    from scripts.predict.output import Summary
    from scripts.predict.predictions import Predictions
    from scripts.terminal.predictions import WaitNotice, show_summary, with_progress

    err = console(stderr=True)
    client = client_of(aws)
    began = time.monotonic()
    predictions = Predictions(
        client,
        companies,
        explain=explain,
        on_wait=WaitNotice(err),
        check_endpoint=lambda: check_endpoint(aws),
    )
    # Lines that are printed on the same terminal would break a progress bar.
    has_bar = path is not None or form == "table" or not sys.stdout.isatty()
    summary = Summary(companies.unit)
    with _open_output(path) as stream:
        output = _output(form, stream, companies.unit, explain=explain)
        for result in with_progress(predictions, companies, err) if has_bar else predictions:
            summary.add(result)
            output.add(result)
        output.finish()
    if form == "table" and path is None and summary.companies > 1:
        err.print()
    show_summary(summary, err, seconds=time.monotonic() - began, path=path)
    return summary


def _output(form: Form, stream: TextIO, unit: str, *, explain: bool) -> CsvOutput | JsonOutput | TableOutput:
    from scripts.predict.output import CsvOutput, JsonOutput
    from scripts.terminal.predictions import TableOutput

    if form == "csv":
        return CsvOutput(stream, unit, explain=explain)
    return JsonOutput(stream, unit) if form == "json" else TableOutput(stream, unit)


def _open_output(path: Path | None) -> AbstractContextManager[TextIO]:
    from scripts.aws.files import FileError

    if path is None:
        return nullcontext(sys.stdout)
    try:
        return path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} can't be written ({error.strerror}).") from error


def _default_form(output: Path | None) -> Form:
    if output is None:
        return "table" if sys.stdout.isatty() else "csv"
    ending = output.suffix.lower()
    if ending not in _FORMS:
        raise UsageError(f"{output} must end in {', '.join(_FORMS)}.", "Or choose a format with --format.")
    return _FORMS[ending]


def _companies(source: Path | None, data: Path | None, row: int | None) -> Companies:
    from scripts.companies.company_file import CsvCompanies, ListedCompanies, read_json
    from scripts.data.source import resolve

    if source is not None:
        return read_json(source) if source.suffix == ".json" else CsvCompanies(source)
    number = row or 0
    file = resolve(data)
    company = file.company(number)
    show(f"Row {number} of {file.description}", stderr=True)
    return ListedCompanies([company], unit="row", first=number)
