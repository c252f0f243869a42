"""Checks files of outcomes (which companies went bankrupt) and uploads them for monitoring."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from scripts.aws.files import SCHEME, file_errors, list_objects, open_stream
from scripts.aws.session import Aws
from scripts.companies.errors import table_errors
from scripts.companies.forms import Form, find_form
from scripts.companies.json_companies import parsed
from scripts.companies.json_forms import json_lines, stripped
from scripts.errors import ScriptError
from scripts.text import counted
from steps.tables.header import form_problem, ignored_columns, quoted
from steps.tables.open import open_plain, read_utf8
from steps.tables.records import BadRecord
from steps.tables.table import open_table

_FOLDER = "outcomes/"
_LISTED = 20
# The names that people give the columns, without case, spaces and signs, by our names.
_NAMES = {
    "predictionid": "prediction_id",
    "id": "id",
    "companyid": "id",
    "date": "date",
    "outcome": "outcome",
    "bankrupt": "outcome",
    "label": "outcome",
}
# Data frames with missing values write 0 and 1 as floats.
_ANSWERS = {"0": "0", "1": "1", "0.0": "0", "1.0": "1"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class OutcomesError(ScriptError):
    """A file of outcomes can't be used."""

    code = "invalid_outcomes"


# tests/contract/test_copies.py compares the names with those that monitoring reads.
class Outcome(NamedTuple):
    """Whether a company had gone bankrupt by a day.

    Attributes
    ----------
    prediction_id, id
        The prediction, or the id of the company; the other one is empty.
    date
        The day, in ISO 8601.
    outcome
        0 for not bankrupt, 1 for bankrupt.
    """

    prediction_id: str
    id: str
    date: str
    outcome: str


@dataclass(frozen=True)
class OutcomesFile:
    """The outcomes of a file.

    Attributes
    ----------
    outcomes
        The outcomes, sorted.
    ignored_columns
        The columns that are not used, as text; in JSON Lines, those of the first line that has some.
    """

    outcomes: Sequence[Outcome]
    ignored_columns: str


@dataclass(frozen=True)
class Uploaded:
    """Where outcomes were uploaded, and how many of them had not been uploaded before."""

    uri: str
    new: int


# The values of a line by our names, or a problem as the rest of a sentence.
_Line = tuple[int, Mapping[str, str] | str]


def read_outcomes(path: Path, today: date) -> OutcomesFile:
    """Read and check a file of outcomes: JSON Lines (.jsonl) or, with any other name, CSV.

    Each line has a `prediction_id` or an `id`, a `date` and an `outcome`.

    Parameters
    ----------
    today
        Later dates are rejected.

    Raises
    ------
    OutcomesError
        If a line is wrong; the message lists the lines.
    """
    with file_errors(str(path), "read"):
        raw = path.open("rb")
    with raw:
        return parse_outcomes(raw, str(path), today)


def parse_outcomes(raw: IO[bytes], name: str, today: date) -> OutcomesFile:
    """Read and check an open file of outcomes; the end of its name decides how it is read."""
    form = find_form(name)
    if form is Form.JSON:
        raise OutcomesError(
            f"{name} is JSON.", "Write CSV, or JSON Lines with one object in each line (.jsonl)."
        )
    with table_errors(OutcomesError):
        lines, ignored = (_json if form is Form.LINES else _csv)(raw, name)
        return OutcomesFile(_checked(lines, name, today), ignored)


def upload_outcomes(aws: Aws, outcomes: Sequence[Outcome]) -> Uploaded:
    """Upload outcomes below their hash: the same outcomes are always the same object."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Outcome._fields)
    writer.writerows(outcomes)
    content = text.getvalue().encode()
    uri = f"{SCHEME}{aws.project.bucket}/{_FOLDER}{hashlib.sha256(content).hexdigest()}.csv"
    new = set(outcomes)
    for key, _ in uploads(aws):
        new.difference_update(uploaded(aws, key))
    with file_errors(uri, "written"):
        aws.client("s3").put_object(
            Bucket=aws.project.bucket,
            Key=uri.removeprefix(f"{SCHEME}{aws.project.bucket}/"),
            Body=content,
            ContentType="text/csv",
        )
    return Uploaded(uri, len(new))


def uploads(aws: Aws) -> list[tuple[str, datetime]]:
    """Return the keys of the uploaded files with the times of their last uploads, newest first."""
    found = [
        (item["Key"], item["LastModified"])
        for item in list_objects(aws, _FOLDER)
        if item["Key"].endswith(".csv")
    ]
    return sorted(found, key=lambda upload: upload[1], reverse=True)


def uploaded(aws: Aws, key: str) -> Iterator[Outcome]:
    """Yield the outcomes of an uploaded file."""
    with open_stream(aws, f"{SCHEME}{aws.project.bucket}/{key}") as stream:
        # Cells can contain line breaks.
        for row in csv.DictReader(io.StringIO(stream.read().decode(), newline="")):
            yield Outcome(*(row.get(name) or "" for name in Outcome._fields))


def _csv(raw: IO[bytes], name: str) -> tuple[Iterator[_Line], str]:
    with open_table(raw, name) as table:
        try:
            columns = _columns(table.header)
        except ValueError as error:
            raise OutcomesError(f"{name} {error}.") from error
        if problem := form_problem(table.header) or _missing(columns):
            raise OutcomesError(f"{name} {problem}")
        records = list(table.rows())
    indexes = {ours: table.header.index(theirs) for ours, theirs in columns.items()}

    def lines() -> Iterator[_Line]:
        for record in records:
            if isinstance(record, BadRecord):
                yield record.line, record.problem
            else:
                yield record.line, {ours: record.cells[index].strip() for ours, index in indexes.items()}

    return lines(), ignored_columns(table.header, list(columns.values()))


def _json(raw: IO[bytes], name: str) -> tuple[Iterator[_Line], str]:
    with open_plain(raw, name, ".jsonl") as plain:
        texts = list(json_lines(read_utf8(plain), name))
    lines: list[_Line] = []
    ignored = ""
    for number, text in texts:
        try:
            document = _object(text)
            columns = _columns(document)
            lines.append((number, _values(document, columns)))
        except ValueError as error:
            lines.append((number, str(error)))
        else:
            ignored = ignored or ignored_columns(list(document), list(columns.values()))
    return iter(lines), ignored


def _object(text: bytes) -> dict[str, Any]:
    """Return the object of a line; raise a ValueError with the problem, as the rest of a sentence."""
    company = parsed(text)
    if isinstance(company, dict):
        return stripped(company)
    raise company if isinstance(company, ValueError) else ValueError("is not a JSON object")


def _values(document: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the values of an object by our names; raise a ValueError with the problem of a value."""
    values = {}
    for ours, theirs in columns.items():
        value = document[theirs]
        if value is not None and type(value) not in (str, int, float):
            raise ValueError(f"has a value of {quoted(theirs)} that is neither text nor a number")
        values[ours] = "" if value is None else str(value).strip()
    return values


def _columns(header: Iterable[str]) -> dict[str, str]:
    """Return the file's names by ours.

    Raises
    ------
    ValueError
        If two of the file's columns mean the same; the message is the rest of a sentence.
    """
    found: dict[str, str] = {}
    for theirs in header:
        ours = _NAMES.get(re.sub(r"[\W_]+", "", theirs.casefold()))
        if ours in found:
            raise ValueError(
                f"has more than one column for {ours}: {quoted(found[ours])} and {quoted(theirs)}"
            )
        if ours is not None:
            found[ours] = theirs
    return found


def _missing(columns: Mapping[str, str]) -> str:
    """Return which column is missing, as the rest of a sentence; empty if none is."""
    if "prediction_id" not in columns and "id" not in columns:
        return "has neither a column 'prediction_id' nor a column 'id'; the first line must name the columns."
    lacking = [name for name in ("date", "outcome") if name not in columns]
    return f"has no column {lacking[0]!r}; the first line must name the columns." if lacking else ""


def _checked(lines: Iterable[_Line], name: str, today: date) -> list[Outcome]:
    """Return the outcomes in the lines; raise an OutcomesError if a line is wrong, or there is none."""
    seen: dict[Outcome, int] = {}
    # By key: the first day of bankruptcy and the last day without, with their lines.
    bankrupt: dict[tuple[str, str], tuple[str, int]] = {}
    healthy: dict[tuple[str, str], tuple[str, int]] = {}
    problems = []
    for number, values in lines:
        outcome = values if isinstance(values, str) else _outcome(values, today)
        if isinstance(outcome, str):
            problems.append(f"line {number} {outcome}")
            continue
        if outcome in seen:
            problems.append(f"line {number} repeats line {seen[outcome]}")
            continue
        seen[outcome] = number
        key, found = outcome[:2], (outcome.date, number)
        if outcome.outcome == "1":
            bankrupt[key] = min(bankrupt.get(key, found), found)
        else:
            healthy[key] = max(healthy.get(key, found), found)
        if key in bankrupt and key in healthy and healthy[key][0] >= bankrupt[key][0]:
            other = healthy[key][1] if outcome.outcome == "1" else bankrupt[key][1]
            problems.append(
                f"line {number} contradicts line {other}: bankrupt on {bankrupt[key][0]}, not bankrupt on "
                f"{healthy[key][0]}"
            )
    if problems:
        more = [f"… and {counted(len(problems) - _LISTED, 'more line')}"] if len(problems) > _LISTED else []
        raise OutcomesError(
            "\n".join([f"{name} has wrong lines, and nothing was uploaded:", *problems[:_LISTED], *more]),
            "Correct them, and upload the file again.",
        )
    if not seen:
        raise OutcomesError(f"{name} has no outcomes.")
    return sorted(seen)


def _outcome(values: Mapping[str, str], today: date) -> Outcome | str:
    """Return the outcome of a line, or its problem."""
    prediction_id, company = values.get("prediction_id", ""), values.get("id", "")
    if not prediction_id and not company:
        return "has neither a prediction_id nor an id"
    if prediction_id and company:
        return "has both a prediction_id and an id; keep the one that the outcome belongs to"
    day, answer = values.get("date", ""), values.get("outcome", "")
    if problem := _day_problem(day, today):
        return problem
    if answer not in _ANSWERS:
        return f"has the outcome {quoted(answer)}; it must be 0 or 1" if answer else "has no outcome"
    return Outcome(prediction_id, company, day, _ANSWERS[answer])


def _day_problem(text: str, today: date) -> str:
    if not text:
        return "has no date"
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        return f"has the date {quoted(text)}; it must be a day such as 2026-03-31"
    return f"has the date {text}, which is in the future" if day > today else ""
