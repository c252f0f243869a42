"""The page that predicts and explains one company, through the API as a client does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.wrappers import Request, Response

from inference.numbers import number_problem
from scripts.aws.files import read_if_present
from scripts.console.pages.contributions import WIDTH, Bar, bars, probability_of
from scripts.console.pages.features import Feature, features_of
from scripts.console.pages.versions import all_versions, find
from scripts.console.site import Route, Site
from scripts.data.data_file import DataError, DataFile
from scripts.data.upload import newest_upload, read_upload
from scripts.predict.client import ApiClient, ApiError, client_of
from scripts.predict.snippets import curl_line, python_lines

# An upload lies under its hash, so it never changes.
_DATA_SECONDS = 600.0
# How long the connection to the API and the facts about a version are kept.
_SECONDS = 60.0
# The number of features that are not folded away.
SHOWN = 12
_MOST_DIGITS = 18
_VALUE = "value "  # before the name of a feature, in the names of the form's fields


@dataclass(frozen=True)
class _Model:
    """The model in service: the API's answer to GET /model, and its features, the most important first."""

    document: Mapping[str, Any]
    features: Sequence[Feature]

    @property
    def names(self) -> list[str]:
        """The features in the order of the contract."""
        return [each["name"] for each in self.document["features"]]


@dataclass(frozen=True)
class _Tried:
    """The contents of the form, and the answer.

    Attributes
    ----------
    values
        The typed texts by feature.
    source
        The origin of the numbers.
    problems
        The reasons why there is no answer, as sentences.
    answer
        The API's answer.
    rows
        The rows of a firm that has several.
    key
        The API key, if it was asked for.
    sought
        The row and the id that a person typed to choose a company.
    """

    values: Mapping[str, str]
    source: str = "the median of each column over the training companies"
    problems: Sequence[str] = ()
    answer: Mapping[str, Any] | None = None
    rows: Sequence[int] = ()
    key: str | None = None
    sought: Mapping[str, str] = field(default_factory=lambda: {"row": "", "id": ""})

    @property
    def numbers(self) -> dict[str, float] | None:
        """The numbers by feature; None if any text is not a number."""
        if any(number_problem(text) for text in self.values.values()):
            return None
        return {name: float(text) for name, text in self.values.items()}


def page(site: Site, request: Request) -> Response:
    """Show the form with the median company."""
    model = _model(site)
    return _page(site, request, model, _Tried(_medians(model)) if model else None)


def predict(site: Site, request: Request) -> Response:
    """Predict the company in the form, or one that the form names."""
    model = _model(site)
    if model is None:
        return _page(site, request, None, None)
    if "row" in request.form or "id" in request.form:
        tried = _from_data(site, request, model)
    else:
        tried = _typed(request, model)
    return _page(site, request, model, _answered(site, model, tried))


def show_key(site: Site, request: Request) -> Response:
    """Show the API key beside the company in the form."""
    model = _model(site)
    tried = replace(_typed(request, model), key=client_of(site.aws).key) if model else None
    return _page(site, request, model, tried)


ROUTES: tuple[Route, ...] = (
    ("GET", "/try", page),
    ("POST", "/try", predict),
    ("POST", "/try/key", show_key),
)


def _page(site: Site, request: Request, model: _Model | None, tried: _Tried | None) -> Response:
    client = _client(site)
    url, needs_key = client.url, client.key is not None
    lines: dict[str, str] = {}
    if tried is not None and (numbers := tried.numbers) is not None:
        lines = {
            "curl": curl_line(url, numbers, key_required=needs_key),
            "Python": python_lines(url, numbers, key_required=needs_key),
        }
    # htmx shows no answer with an error's status.
    is_wrong = tried is not None and tried.problems and "HX-Request" not in request.headers
    return site.page(
        request,
        "try.html",
        400 if is_wrong else 200,
        model=model,
        tried=tried,
        uploaded=site.reads.get("newest upload", lambda: newest_upload(site.aws)),
        bars=_bars(model, tried),
        width=WIDTH,
        probability_of=probability_of,
        lines=lines,
        needs_key=needs_key,
        url=url,
        value=_VALUE,
        shown=SHOWN,
    )


def _bars(model: _Model | None, tried: _Tried | None) -> list[Bar]:
    if model is None or tried is None or tried.answer is None:
        return []
    return bars(tried.answer, len(model.features))


def _answered(site: Site, model: _Model, tried: _Tried) -> _Tried:
    """Ask the API about the company, unless its numbers have problems."""
    problems = [
        f"{name} {problem}." for name, text in tried.values.items() if (problem := number_problem(text))
    ]
    if tried.problems or problems or tried.numbers is None:
        return replace(tried, problems=[*tried.problems, *problems])
    body = {"features": tried.numbers, "contract": model.document["contract"]}
    try:
        return replace(tried, answer=_client(site).predict(body, explain=True))
    except ApiError as error:
        if error.status == 409:
            site.reads.forget()
        details = [
            f"{' '.join(str(part) for part in each['loc'][1:])} {each['message']}" for each in error.details
        ]
        hint = ["The page Service shows its state."] if error.code == "endpoint_unavailable" else []
        return replace(tried, problems=[str(error), *details, *hint])


def _typed(request: Request, model: _Model) -> _Tried:
    """Return the company whose numbers the form has; a column that it lacks has its median."""
    medians = _medians(model)
    values = {name: request.form.get(_VALUE + name, medians[name]).strip() for name in model.names}
    return _Tried(values, request.form.get("source", ""))


def _from_data(site: Site, request: Request, model: _Model) -> _Tried:
    """Return the company of the newest upload that the form names by its row, or by its id."""
    medians = _medians(model)
    sought = {name: request.form.get(name, "").strip() for name in ("row", "id")}
    empty = _Tried(medians, sought=sought)
    uri = newest_upload(site.aws)
    file = uri and site.reads.get(("data", uri), lambda: read_upload(site.aws, uri), _DATA_SECONDS)
    if not file:
        return replace(empty, problems=["There is no uploaded data."])
    try:
        row, rows = _row(file, sought)
        company = file.company(row)
    except DataError as error:
        return replace(empty, problems=[error.problem])
    if missing := [name for name in model.names if name not in company.ratios]:
        return replace(empty, problems=[f"The data has no column {', '.join(missing)}."])
    values = {name: _text(company.ratios[name]) for name in model.names}
    ids = "".join(f", {name} {value}" for name, value in company.ids.items())
    return _Tried(values, f"row {row}{ids} of {file.name} ({file.origin})", rows=rows, sought=sought)


def _row(file: DataFile, sought: Mapping[str, str]) -> tuple[int, list[int]]:
    """Return the row that a person chose, and all rows with the id if there is one."""
    row, identity = sought["row"], sought["id"]
    if row:
        # int() raises a ValueError for thousands of digits.
        if not (row.isascii() and row.isdecimal() and len(row) <= _MOST_DIGITS):
            raise DataError(f"The row must be a whole number, from 0; given {row[:40]!r}.")
        return int(row), file.rows_by_id.get(identity, [])
    if not identity:
        raise DataError("Give a row or an id.")
    rows = file.rows_by_id.get(identity)
    if not rows:
        raise DataError(f"No company of {file.place} has the id {identity!r}.")
    return rows[-1], rows


def _medians(model: _Model) -> dict[str, str]:
    medians = {each.name: each.median for each in model.features}
    return {name: _text(medians[name]) for name in model.names}


def _text(number: float) -> str:
    """Return the shortest text of a number that gives the same number again."""
    return repr(float(number)).removesuffix(".0")


def _model(site: Site) -> _Model | None:
    """Return the model in service; None before the first deployment."""

    def read() -> _Model | None:
        try:
            document = _client(site).get("/model")
        except ApiError as error:
            if error.code == "no_model":
                return None
            raise
        return _Model(document, features_of(document, *_facts(site, str(document["version"]))))

    return site.reads.get("model in service", read)


def _facts(site: Site, number: str) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return the training profile of a version, and its features, the most important first.

    Both are empty if they are unknown.
    """

    def read() -> tuple[Mapping[str, Any], Sequence[str]]:
        known = next((each for each in all_versions(site) if str(each.version) == number), None)
        if known is None:
            return {}, ()
        found = find(site, known.version)
        ranked = [each["name"] for each in (found.evaluation or {}).get("importance", ())]
        uri = found.metadata.get("ContractUri")
        content = uri and read_if_present(site.aws, f"{uri.rpartition('/')[0]}/profile.json")
        return json.loads(content) if content else {}, ranked

    return site.reads.get(("facts", number), read, _SECONDS)


def _client(site: Site) -> ApiClient:
    return site.reads.get("client", lambda: client_of(site.aws), _SECONDS)
