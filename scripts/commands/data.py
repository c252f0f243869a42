"""`bankruptcy data`: get, look at and upload the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.aws.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, connect
from scripts.terminal.console import console, fail

app = typer.Typer(help="Get, look at and upload the data set.", no_args_is_help=True)

DataOption = Annotated[
    Path | None, typer.Option("--data", help="A data file of yours (.csv, .csv.gz, .csv.xz or .zip).")
]


@app.command()
def fetch() -> None:
    """Download the UCI file, check its hash and keep it in the cache."""
    from scripts.data.source import DataError, cache_folder
    from scripts.data.source import fetch as download

    try:
        path = download(cache_folder())
    except DataError as error:
        fail(str(error))
    console().print(f"The UCI file is at [bold]{path}[/]; its hash is the expected one.", soft_wrap=True)


@app.command()
def describe(data: DataOption = None) -> None:
    """Show what is in a data file: rows, classes, columns that deserve a look."""
    from rich.table import Table

    from scripts.data.source import DataError, resolve
    from scripts.data.source import describe as look

    try:
        source = resolve(data)
        facts = look(source.path)
    except DataError as error:
        fail(str(error))
    table = Table(title=source.description, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in facts.as_rows():
        table.add_row(name, value)
    console().print(table)


@app.command()
def upload(
    data: DataOption = None,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Check a data file, put it under its own hash into the bucket and print its URI."""
    from scripts.data.source import DataError, resolve
    from scripts.data.upload import check
    from scripts.data.upload import upload as put

    aws = connect(project, local=local, region=region)
    try:
        source = resolve(data)
        check(source.path)
        uri = put(aws.client("s3"), aws.project.bucket, source.path)
    except DataError as error:
        fail(str(error))
    console(stderr=True).print(source.description)
    print(uri)  # noqa: T201 - alone on stdout, for scripts
