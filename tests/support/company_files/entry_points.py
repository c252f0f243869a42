"""The entry points for company files, and how each handles a kind of file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predict_api.request.validation import MAX_COMPANIES
from support.api.fakes import Api, contract
from support.company_files.kinds import FEATURES, Kind

from scripts.companies.company_file import read_companies
from scripts.companies.forms import find_form
from scripts.data.data_file import read_data_file
from scripts.data.describe import describe
from scripts.data.upload import check
from scripts.errors import ScriptError
from scripts.predict.client import ApiError
from scripts.predict.predictions import Predictions
from scripts.score.portfolio import Company, open_portfolio
from steps import select_features
from steps.dataset.reader import find_data_file
from steps.job import DataError


@dataclass
class Outcome:
    """How an entry point handles a file: numbers and problems by line, or the reason why it is rejected."""

    numbers: dict[int, tuple[float, ...]] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    unit: str = "line"


def write(kind: Kind, folder: Path) -> Path:
    """Write a file of a kind."""
    content = kind.make()
    path = folder / kind.file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def described(path: Path) -> Outcome:
    """Describe a data file."""
    try:
        return Outcome(facts=describe(read_data_file(path)).facts())
    except ScriptError as error:
        return Outcome(refused=str(error))


def uploaded(path: Path) -> Outcome:
    """Check a data file as `data upload` does."""
    try:
        check(read_data_file(path))
    except ScriptError as error:
        return Outcome(refused=str(error))
    return Outcome()


def selected(path: Path) -> Outcome:
    """Read a data file as the first step does."""
    try:
        frame = select_features.check(find_data_file(path.parent))
    except DataError as error:
        return Outcome(refused=str(error))
    return Outcome(dict(enumerate(map(tuple, frame[list(FEATURES)].to_numpy().tolist()))))


class Client:
    """A client of the API's own function; keeps the numbers that reach the model."""

    def __init__(self) -> None:
        self.api = Api(contract(FEATURES))

    def get(self, path: str) -> dict[str, Any]:
        return self.api.call("GET", path).json  # type: ignore[no-any-return]

    def predict(self, body: Any, *, explain: bool = False) -> dict[str, Any]:
        assert not explain
        reply = self.api.post(json.dumps(body))
        if reply.status != 200:
            error = reply.json["error"]
            raise ApiError(reply.status, error["code"], error["message"], error["details"])
        return reply.json  # type: ignore[no-any-return]

    def sent(self) -> list[tuple[float, ...]]:
        """Return the numbers that have reached the model."""
        bodies = [json.loads(request["Body"]) for request in self.api.runtime.requests]
        return [tuple(row) for body in bodies for row in body["instances"]]


def predicted(path: Path) -> Outcome:
    """Predict a company file."""
    client = Client()
    try:
        companies = read_companies(path)
        results = list(Predictions(client, companies))  # type: ignore[arg-type]
    except ScriptError as error:
        return Outcome(refused=str(error))
    good = [result.number for result in results if result.prediction is not None]
    bad = {result.number: str(result.error) for result in results if result.prediction is None}
    assert len(results) <= MAX_COMPANIES  # one request, so that the order of requests does not matter
    return Outcome(dict(zip(good, client.sent(), strict=True)), bad, unit=companies.unit)


def scored(path: Path) -> Outcome:
    """Read a portfolio."""
    outcome = Outcome()
    try:
        with path.open("rb") as raw, open_portfolio(raw, path.name, FEATURES, None) as portfolio:
            for row in portfolio.rows:
                if isinstance(row, Company):
                    outcome.numbers[row.line] = tuple(map(float, row.numbers.split(",")))
                else:
                    outcome.bad[row.line] = f"{row.column} {row.problem}".strip()
    except ScriptError as error:
        return Outcome(refused=str(error))
    return outcome


def posted(path: Path) -> Outcome:
    """Send a JSON file as the body of POST /predict."""
    client = Client()
    reply = client.api.post(path.read_text(encoding="utf-8"))
    if reply.status != 200:
        error = reply.json["error"]
        details = "; ".join(str(detail["message"]) for detail in error["details"][:5])
        return Outcome(refused=details or error["message"])
    return Outcome(dict(enumerate(client.sent())))


def entry_points(kind: Kind) -> dict[str, Callable[[Path], Outcome]]:
    """Return the entry points that a kind of file is for, by their names in the docs."""
    form = find_form(kind.file)
    found: dict[str, Callable[[Path], Outcome]] = {}
    if kind.data is not None:
        found |= {"describe": described, "upload": uploaded, "SelectFeatures": selected}
    found["predict"] = predicted
    if form != "json":
        found["score"] = scored
    if form == "json":
        found["POST"] = posted
    return found
