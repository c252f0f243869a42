"""`bankruptcy data`: download, describe and upload the data set."""

import typer

from scripts.terminal.console import plain, show, show_facts, show_warning
from scripts.terminal.options import DataArgument, DataOption, Settings, chosen_data, with_settings
from scripts.terminal.results import show_result, with_json
from steps.dataset.columns import FIRM_ID

app = typer.Typer(name="data", no_args_is_help=True)


@app.callback()
@with_settings
def data(_settings: Settings) -> None:
    """Download, describe and upload the data set."""


@app.command()
@with_json
def fetch() -> None:
    """Download the UCI file, verify its hash and keep it in the cache."""
    from scripts.data.source import cache_folder
    from scripts.data.source import fetch as fetch_uci

    file = fetch_uci(cache_folder())

    def show_file() -> None:
        show(f"The UCI file is at [bold]{file.path}[/]; its hash is correct.")
        show(f"It has the additional column {FIRM_ID}, which is inferred from the order of the rows.")

    show_result({"file": file.path, "sha256": file.sha256}, show_file)


@app.command()
@with_json
def describe(source: DataArgument = None, data: DataOption = None) -> None:
    """Show the contents of a data file: its size, its classes, and its unusual columns."""
    from scripts.data.describe import describe as describe_file
    from scripts.data.source import resolve

    file = resolve(chosen_data(source, data))
    description = describe_file(file)
    show(f"[italic]{plain(file.description)}[/]")
    facts = [("file", str(file.path)), *description.facts().items()]
    show_result(
        {"file": file.path, **vars(description)},
        lambda: show_facts((label, plain(text)) for label, text in facts),
    )


@app.command()
@with_settings
@with_json
def upload(settings: Settings, source: DataArgument = None, data: DataOption = None) -> None:
    """Check a data file, upload it, and print its URI."""
    from scripts.data.source import resolve
    from scripts.data.upload import check, starts_execution
    from scripts.data.upload import upload as upload_file

    path = chosen_data(source, data)
    aws = settings.connect()
    file = resolve(path)
    warnings = check(file)
    for warning in warnings:
        show_warning(warning)
    uri = upload_file(aws, file)
    show(file.description, stderr=True)
    if not file.names_firms:
        show(
            f"No column {FIRM_ID}: rows of one firm can be both in training and among the unseen companies.",
            stderr=True,
        )
    is_started = starts_execution(aws)
    if is_started:
        status = settings.command("pipeline status --wait")
        show(
            "RetrainOn is new-data: an execution starts, unless one has started on this file before. "
            f"`{status}` follows the newest one; a person approves its model.",
            stderr=True,
        )
    document = {
        "uri": uri,
        "sha256": file.sha256,
        "is_sample": file.is_sample,
        "has_firms": file.names_firms,
        "warnings": warnings,
        "starts_execution": is_started,
    }
    show_result(document, lambda: print(uri))  # noqa: T201 - the only line on stdout, for scripts
