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
from scripts.terminal.console import console, plain, show, show_ignored_columns, utf8_output
from scripts.terminal.options import DataOption, IdOption, KeyOption, Settings, UrlOption, with_settings
from scripts.terminal.output_file import check_output, written_file
from scripts.terminal.results import is_json, show_result, with_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.companies.company_file import Companies
    from scripts.predict.client import ApiClient
    from scripts.predict.output import CsvOutput, JsonOutput, Summary
    from scripts.predict.predictions import Predictions
    from scripts.terminal.predictions import TableOutput


Form = Literal["table", "csv", "json"]
_FORMS: dict[str, Form] = {".csv": "csv", ".json": "json", ".jsonl": "json"}


@with_settings
@with_json
def predict(
    settings: Settings,
    source: Annotated[
        Path | None,
        typer.Argument(
            help="CSV with a header (.csv), JSON as in POST /predict (.json) or JSON Lines (.jsonl); also "
            ".gz, .xz and .zip."
        ),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Predict this row of the newest uploaded data file, or of --data, instead of a file; "
            "the first row is 0.",
        ),
    ] = None,
    data: DataOption = None,
    keep: IdOption = None,
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
    url: UrlOption = None,
    key: KeyOption = None,
) -> None:
    """Predict the bankruptcy risk of companies; fail if any company has no prediction."""
    if (source is None) == (row is None):
        raise UsageError(
            "Give either a file or --row N.",
            "Examples: `bankruptcy predict companies.csv`, `bankruptcy predict --row 0`.",
        )
    if source is not None and data is not None:
        raise UsageError("--data belongs to --row; give either a file or --row N.")
    if is_json() and output is None and form is not None:
        raise UsageError(
            "--json and --format both choose what is printed.",
            "Give one of them, or write a file with --output.",
        )
    chosen = form or _default_form(output)
    if output is not None:
        check_output(output, source or data)
    aws: Aws | None = None
    if url is None:
        aws = settings.connect()
        client, check_endpoint = _deployed(aws)
    else:
        client, check_endpoint = _addressed(url, key)
    try:
        companies = _row(aws, data, row or 0, keep) if source is None else _file(source, keep)
        predictions = _predictions(client, check_endpoint, companies, explain=explain)
        summary = _show(predictions, companies, chosen, output, explain=explain)
    except BrokenPipeError:
        # The reader of the output has closed the pipe; Python must not flush the rest when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    if summary.errors:
        raise typer.Exit(1)


def _deployed(aws: Aws) -> tuple[ApiClient, Callable[[], None]]:
    """Return a client of the project's API, and a function that checks its endpoint."""
    from scripts.operate.pausing import check_endpoint
    from scripts.predict.client import client_of

    return client_of(aws), lambda: check_endpoint(aws)


def _addressed(url: str, key: str | None) -> tuple[ApiClient, Callable[[], None]]:
    """Return a client of the API at an address; nothing is known about its endpoint."""
    from scripts.predict.client import client_at

    return client_at(url, key), lambda: None


def _predictions(
    client: ApiClient, check_endpoint: Callable[[], None], companies: Companies, *, explain: bool
) -> Predictions:
    from scripts.predict.predictions import Predictions
    from scripts.terminal.predictions import WaitNotice

    on_wait = WaitNotice(console(stderr=True))
    return Predictions(client, companies, explain=explain, on_wait=on_wait, check_endpoint=check_endpoint)


def _show(
    predictions: Predictions, companies: Companies, form: Form, path: Path | None, *, explain: bool
) -> Summary:
    """Print or write the predictions, and return their summary."""
    from scripts.predict.output import ListOutput, Summary
    from scripts.terminal.predictions import show_summary, with_progress

    err = console(stderr=True)
    began = time.monotonic()
    # Lines that are printed on the same terminal would break a progress bar.
    has_bar = path is not None or form == "table" or not sys.stdout.isatty()
    summary = Summary(companies.unit)
    listed = ListOutput(companies.ids) if is_json() and path is None else None
    with _output_stream(path, form) as stream:
        output = listed or _output(form, stream, companies, explain=explain)
        for result in with_progress(predictions, companies, err) if has_bar else predictions:
            summary.add(result)
            output.add(result)
        output.finish()
    if form == "table" and path is None and summary.companies > 1:
        err.print()
    seconds = time.monotonic() - began
    show_summary(summary, err, seconds=seconds, path=path)
    document = {
        "companies": summary.companies,
        "errors": summary.errors,
        "warned": summary.warned,
        "levels": summary.levels,
        "versions": summary.versions,
        "seconds": round(seconds, 3),
        "unit": companies.unit,
        "predictions": listed and listed.predictions,
        "file": path,
    }
    show_result(document, lambda: None)
    return summary


def _output(
    form: Form, stream: TextIO, companies: Companies, *, explain: bool
) -> CsvOutput | JsonOutput | TableOutput:
    from scripts.predict.output import CsvOutput, JsonOutput
    from scripts.terminal.predictions import TableOutput

    unit, ids = companies.unit, companies.ids
    if form == "csv":
        return CsvOutput(stream, unit, ids, explain=explain)
    return JsonOutput(stream, unit, ids) if form == "json" else TableOutput(stream, unit, ids)


def _output_stream(path: Path | None, form: Form) -> AbstractContextManager[TextIO]:
    if path is not None:
        return written_file(path)
    return nullcontext(sys.stdout) if form == "table" else utf8_output()


def _default_form(output: Path | None) -> Form:
    if output is None:
        return "table" if sys.stdout.isatty() else "csv"
    ending = output.suffix.lower()
    if ending not in _FORMS:
        raise UsageError(f"{output} must end in {', '.join(_FORMS)}.", "Or choose a format with --format.")
    return _FORMS[ending]


def _file(source: Path, keep: list[str] | None) -> Companies:
    from scripts.companies.company_file import read_companies

    companies = read_companies(source, keep)
    show_ignored_columns(companies.ignored_columns, stderr=True)
    return companies


def _row(aws: Aws | None, data: Path | None, number: int, keep: list[str] | None) -> Companies:
    """Return one company of the given data file, or else of the newest uploaded or the downloaded one."""
    from scripts.companies.json_companies import ListedCompanies
    from scripts.data.source import resolve
    from scripts.data.upload import read_newest_upload

    uploaded = read_newest_upload(aws) if aws is not None and data is None else None
    file = uploaded or resolve(data)
    company = file.company(number, keep)
    ids = "".join(f", {name} {value}" for name, value in company.ids.items())
    show(plain(f"Row {number}{ids} of {file.description}"), stderr=True)
    return ListedCompanies([{**company.ratios, **company.ids}], unit="row", first=number, keep=[*company.ids])
