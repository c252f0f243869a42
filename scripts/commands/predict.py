"""`bankruptcy predict`: ask the deployed API about companies, like any client."""

from __future__ import annotations

import csv
import json
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.commands.data import DataOption
from scripts.console import console, fail
from scripts.session import DEFAULT_PROJECT, LocalOption, ProjectOption, RegionOption, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from scripts.api_client import ApiClient

CHUNK_ROWS = 1000  # the API's limit for one request


class Form(StrEnum):
    """How answers are shown."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def predict(
    source: Annotated[
        Path | None, typer.Argument(help="CSV with a header, or a JSON file as POST /predict takes it.")
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=0, help="One company of the data set instead, by row.")
    ] = None,
    data: DataOption = None,
    form: Annotated[Form, typer.Option("--format", help="How to show the answers.")] = Form.TABLE,
    project: ProjectOption = DEFAULT_PROJECT,
    local: LocalOption = False,
    region: RegionOption = None,
) -> None:
    """Ask the deployed API for the bankruptcy risk of companies."""
    from scripts.api_client import ApiError, client_of
    from scripts.deployment import DeploymentError

    if (source is None) == (row is None):
        fail(
            "Give either a file or --row N: `bankruptcy predict companies.csv`, `bankruptcy predict --row 0`."
        )
    aws = connect(project, local=local, region=region)
    try:
        client = client_of(aws)
        names = [feature["name"] for feature in client.get("/model")["features"]]
        companies = _from_row(data, row, names) if row is not None else _from_file(source, names)
        show(_ask(client, companies), form)
    except DeploymentError as error:
        fail(str(error))
    except ApiError as error:
        details = "".join(
            f"\n  {'.'.join(map(str, problem.get('loc', [])))}: {problem.get('message', '')}"
            for problem in error.details
        )
        fail(f"The API answered {error}{details}")


def show(answers: Iterable[dict[str, Any]], form: Form) -> None:
    """Print answers in a form."""
    if form is Form.TABLE:
        console().print(answers_table(answers))
        return
    for number, answer in enumerate(answers):
        if form is Form.JSON:
            print(json.dumps(answer))  # noqa: T201 - machine-readable
        else:
            if number == 0:
                print("company,prediction,probability_bankrupt,risk_level")  # noqa: T201
            line = (number, answer["prediction"], answer["probability"]["bankrupt"], answer["risk_level"])
            print(",".join(map(str, line)))  # noqa: T201


def answers_table(answers: Iterable[dict[str, Any]]) -> Table:
    """Return one row a company."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("company", "right"),
        ("bankrupt", "right"),
        ("risk", "left"),
        ("prediction", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    colours = {"low": "green", "medium": "yellow", "high": "red"}
    for number, answer in enumerate(answers):
        level = answer["risk_level"]
        table.add_row(
            str(number),
            f"{answer['probability']['bankrupt']:.1%}",
            f"[{colours.get(level, 'default')}]{level}[/]",
            str(answer["prediction"]),
        )
    return table


def _ask(client: ApiClient, companies: Iterable[Any]) -> Iterator[dict[str, Any]]:
    iterator = iter(companies)
    while chunk := list(islice(iterator, CHUNK_ROWS)):
        yield from client.predict({"instances": chunk})["predictions"]


def _from_row(data: Path | None, row: int, names: list[str]) -> list[dict[str, float]]:
    from scripts.data import DataError, read_company, resolve

    try:
        source = resolve(data)
        company = read_company(source.path, row)
    except DataError as error:
        fail(str(error))
    console(stderr=True).print(f"Row {row} of: {source.description}")
    return [{name: company[name] for name in names}]


def _from_file(source: Path | None, names: list[str]) -> Iterator[Any]:
    if source is None or not source.is_file():
        fail(f"There is no file {source}; give a CSV with a header or a JSON file.")
    if source.suffix == ".json":
        content = json.loads(source.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            content = content.get("instances", [content.get("data") or content.get("features")])
        yield from content
        return
    with source.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        headings = {heading.strip(): heading for heading in reader.fieldnames or []}
        missing = [name for name in names if name not in headings]
        if missing:
            fail(
                f"{source} lacks {len(missing)} of the model's {len(names)} columns, such as {missing[0]!r}."
            )
        for number, line in enumerate(reader, start=2):
            try:
                yield {name: float(line[headings[name]]) for name in names}
            except (TypeError, ValueError):
                fail(f"{source}, line {number}: a value is not a number.")
