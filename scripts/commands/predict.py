"""`bankruptcy predict`: ask the deployed API about companies, like any client."""

from __future__ import annotations

import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from scripts.aws.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, connect
from scripts.commands.data import DataOption
from scripts.terminal.console import console, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from scripts.companies.company_file import CsvCompanies, ListedCompanies
    from scripts.predict.client import ApiClient
    from scripts.predict.output import Output, Summary
    from scripts.predict.predictions import Result


class Form(StrEnum):
    """How answers are shown."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


_FORMS = {".csv": Form.CSV, ".json": Form.JSON, ".jsonl": Form.JSON}


def predict(
    source: Annotated[
        Path | None, typer.Argument(help="CSV with a header, or a JSON file as POST /predict takes it.")
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=0, help="One company of the data set instead, by row.")
    ] = None,
    data: DataOption = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="table: all, or the riskiest of many; csv; json: a line each. "
            "Default: by the output's name; table on a terminal, else csv.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write answers to this file (.csv, .json, .jsonl)."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which features move each company's risk most.")
    ] = False,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Ask the deployed API for the bankruptcy risk of companies; end with 1 if some have no answer."""
    from scripts.companies.company_file import InputError
    from scripts.deploy.deployment import DeploymentError
    from scripts.operate.pausing import OperationError, check_endpoint
    from scripts.predict.client import ApiError, client_of

    if (source is None) == (row is None):
        fail(
            "Give either a file or --row N: `bankruptcy predict companies.csv`, `bankruptcy predict --row 0`."
        )
    chosen = form or _default_form(output)
    aws = connect(project, local=local, region=region)
    try:
        client = client_of(aws)
        companies = _row(data, row) if row is not None else _file(source)
        summary = _predict(
            client,
            companies,
            chosen,
            output,
            explain=explain,
            check_endpoint=lambda: check_endpoint(aws.session, aws.project),
        )
    except (ApiError, DeploymentError, InputError, OperationError) as error:
        fail(str(error))
    except BrokenPipeError:
        # Whoever read the answers has seen enough; Python must not write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    if summary.errors:
        raise typer.Exit(1)


def _predict(
    client: ApiClient,
    companies: CsvCompanies | ListedCompanies,
    form: Form,
    path: Path | None,
    *,
    explain: bool,
    check_endpoint: Callable[[], None],
) -> Summary:
    from scripts.predict.output import CsvOutput, JsonOutput, Summary, TableOutput
    from scripts.predict.predictions import Predictions

    err = console(stderr=True)
    began = time.monotonic()
    with _opened(path) as stream:
        outputs: dict[Form, Output] = {
            Form.TABLE: TableOutput(stream, companies.unit),
            Form.CSV: CsvOutput(stream, companies.unit, explain=explain),
            Form.JSON: JsonOutput(stream, companies.unit),
        }
        summary = Summary(companies.unit)
        results = Predictions(
            client, companies, explain=explain, on_wait=_Notice(err), check_endpoint=check_endpoint
        )
        # Answers that run over the screen leave no place for a bar.
        is_quiet = path is None and form is not Form.TABLE and sys.stdout.isatty()
        for result in results if is_quiet else _with_progress(results, companies, err):
            summary.add(result)
            outputs[form].add(result)
        outputs[form].finish()
    if form is Form.TABLE and path is None and summary.companies > 1:
        err.print()
    summary.show(err, seconds=time.monotonic() - began, path=path)
    return summary


def _with_progress(
    results: Iterable[Result], companies: CsvCompanies | ListedCompanies, err: Console
) -> Iterator[Result]:
    """Draw a bar on a terminal while results come; it goes when they are all there."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Predicting"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[companies]:,} companies"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=companies.size, companies=0)
        for count, result in enumerate(results, start=1):
            if count % 100 == 0:
                # More have been read than answered.
                done = companies.position * count / companies.count
                progress.update(task, completed=done, companies=count)
            yield result


class _Notice:
    """Says once why there is a wait, however many requests wait."""

    def __init__(self, err: Console) -> None:
        self._err = err
        self._until = 0.0

    def __call__(self, seconds: float, reason: str) -> None:
        now = time.monotonic()
        if now >= self._until:
            self._until = now + seconds
            self._err.print(f"[yellow]Waiting {seconds:.0f} s:[/] {reason}", soft_wrap=True)


def _opened(path: Path | None) -> AbstractContextManager[TextIO]:
    if path is None:
        return nullcontext(sys.stdout)
    try:
        return path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        fail(f"{path} can't be written ({error.strerror}).")


def _default_form(output: Path | None) -> Form:
    if output is not None:
        ending = output.suffix.lower()
        if ending not in _FORMS:
            fail(
                f"{output} must end in {', '.join(_FORMS)}, which says what to write into it; "
                "or say it with --format."
            )
        return _FORMS[ending]
    return Form.TABLE if sys.stdout.isatty() else Form.CSV


def _row(data: Path | None, row: int) -> ListedCompanies:
    from scripts.companies.company_file import ListedCompanies
    from scripts.data.source import DataError, read_company, resolve

    try:
        source = resolve(data)
        company = read_company(source.path, row)
    except DataError as error:
        fail(str(error))
    console(stderr=True).print(f"Row {row} of: {source.description}", soft_wrap=True)
    return ListedCompanies([company], unit="row", first=row)


def _file(source: Path | None) -> CsvCompanies | ListedCompanies:
    from scripts.companies.company_file import CsvCompanies, read_json

    if source is None:
        raise ValueError("a file or a row")
    return read_json(source) if source.suffix == ".json" else CsvCompanies(source)
