"""Parses a request's body into companies, independently of the model's contract."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Any, Final, NamedTuple

from inference.errors import MAX_PROBLEMS, Loc, Problem, invalid, invalid_json, unsupported
from inference.numbers import is_plain, value_problem

JSON: Final = "application/json"
CSV: Final = "text/csv"
LINES: Final = "application/jsonlines"
MEDIA_TYPES: Final = (JSON, CSV, LINES)

MAX_ROWS: Final = 100_000
# Cells of one CSV line; models have about a hundred features. Longer lines are rejected without parsing.
MAX_CELLS: Final = 10_000
# Lists and objects of a JSON body. A company has at most two; a wrong one can have more.
MAX_CONTAINERS: Final = 2 * MAX_ROWS + MAX_CELLS
SINGLE_KEYS: Final = ("data", "features")
FORM_KEYS: Final = (*SINGLE_KEYS, "instances")
FORMS: Final = (
    'send {"data": [numbers]} or {"features": {name: number}} for one company, {"instances": [...]} for many'
)

_PLAIN_NUMBERS = re.compile(r"[-+.,eE\d \t]*", re.ASCII)


class Request(NamedTuple):
    """The companies of a request, not yet validated.

    Attributes
    ----------
    media_type
        One of `MEDIA_TYPES`.
    instances
        A list of numbers or an object for each company.
    prefix
        The location of the companies in the body.
    single
        Whether the body is one company rather than a list.
    contract
        The contract hash for all companies, if the client sent one.
    explain
        Whether the client requests explanations.
    """

    media_type: str
    instances: list[Any]
    prefix: Loc = ()
    single: bool = False
    contract: object = None
    explain: bool = False

    def loc(self, position: int) -> Loc:
        """Return the location of a company in the body."""
        return self.prefix if self.single else (*self.prefix, position)


def decode(body: str | bytes, content_type: str | None) -> Request:
    """Parse a request's body.

    Parameters
    ----------
    body
        Text or bytes from the serving stack.
    content_type
        The Content-Type header, with or without parameters; JSON if there is none.

    Raises
    ------
    RequestError
        If the type is not supported, or the body is not of that type or not in one of the `FORMS`.
    """
    media_type = _parse_content_type(content_type)
    text = _text(body, media_type).removeprefix("\ufeff")
    return _DECODERS[media_type](text)


# Clients send the same few headers again and again.
@lru_cache(maxsize=64)
def _parse_content_type(content_type: str | None) -> str:
    media_type, *parameters = [part.strip() for part in (content_type or JSON).lower().split(";")]
    if media_type not in MEDIA_TYPES:
        raise unsupported(
            f"The content type {shorten(media_type)} is not supported. Send {', '.join(MEDIA_TYPES)}."
        )
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        charset = value.strip('" ')
        if name.strip() == "charset" and charset not in ("utf-8", "utf8", "us-ascii"):
            raise unsupported(f"The charset {shorten(charset)} is not supported. Send utf-8.")
    return media_type


def _text(body: str | bytes, media_type: str) -> str:
    if isinstance(body, str):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        message = f"Byte {error.start} is not valid UTF-8."
        raise (invalid([Problem((), message)]) if media_type == CSV else invalid_json(message)) from None


def _decode_json(text: str) -> Request:
    _check_containers(text)
    document = _loads(text, ())
    if isinstance(document, list):
        if document and not any(isinstance(instance, list | dict) for instance in document):
            raise invalid([Problem((), f"A list must contain companies, not numbers; {FORMS}.")])
        return Request(JSON, _limited(document, ()))
    if not isinstance(document, dict):
        raise invalid([Problem((), f"The body is {describe(document)}; {FORMS}.")])
    explain = document.pop("explain", False)
    if not isinstance(explain, bool):
        raise invalid([Problem(("explain",), f"'explain' is {describe(explain)}; it must be true or false.")])
    forms = [key for key in FORM_KEYS if key in document]
    if len(forms) != 1:
        found = " and ".join(map(repr, forms)) if forms else "none of 'data', 'features' and 'instances'"
        raise invalid([Problem((), f"The body has {found}; {FORMS}.")])
    if forms != ["instances"]:
        return Request(JSON, [document], single=True, explain=explain)
    unknown = [
        Problem((key[:200],), f"{shorten(key)} is not allowed next to 'instances'.")
        for key in islice((key for key in document if key not in ("instances", "contract")), MAX_PROBLEMS)
    ]
    instances = document["instances"]
    if not isinstance(instances, list):
        unknown.append(Problem(("instances",), f"'instances' is {describe(instances)}; it must be a list."))
    if unknown:
        raise invalid(unknown)
    return Request(
        JSON,
        _limited(instances, ("instances",)),
        ("instances",),
        contract=document.get("contract"),
        explain=explain,
    )


def _decode_lines(text: str) -> Request:
    _check_containers(text)
    return Request(LINES, [_loads(line, (position,)) for position, line in enumerate(_lines(text))])


def _decode_csv(text: str) -> Request:
    rows: list[Any] = []
    invalid_rows = 0
    for position, line in enumerate(_lines(text)):
        row = _parse_plain_line(line)
        if row is None:
            row = _parse_csv_line(line, position)
            invalid_rows += not all(isinstance(cell, float) and not value_problem(cell) for cell in row)
        rows.append(row)
        # Each of these rows has a problem, so validation never looks beyond them.
        if invalid_rows == MAX_PROBLEMS:
            break
    return Request(CSV, rows)


_DECODERS: Final[dict[str, Callable[[str], Request]]] = {
    JSON: _decode_json,
    LINES: _decode_lines,
    CSV: _decode_csv,
}


class _RepeatedNameError(ValueError):
    """An object that contains a name more than once; the message is the name."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _RepeatedNameError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return result


# Parses integers as floats, so that very long ones become infinite instead of slow.
_DECODER: Final = json.JSONDecoder(parse_int=float, object_pairs_hook=_unique)


def _loads(text: str, loc: Loc) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise invalid_json("The JSON is nested too deeply.", loc) from None
    except _RepeatedNameError as error:
        name = str(error)
        raise invalid([Problem((*loc, name[:200]), f"{shorten(name)} is given more than once.")]) from None
    except ValueError as error:
        raise invalid_json(f"{error}.", loc) from None


def _lines(text: str) -> list[str]:
    """Return the lines up to the last that is not blank; count them before a list of millions is built."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    content = len(text.rstrip())
    end = text.find("\n", content)
    last = len(text) if end < 0 else end
    _check_rows(text.count("\n", 0, last) + 1 if content else 0, ())
    return text[:last].split("\n")


def _check_containers(text: str) -> None:
    """Reject JSON with millions of lists, objects or values before it is parsed, which would take seconds."""
    containers = text.count("[") + text.count("{")
    if containers > MAX_CONTAINERS:
        message = f"{containers} lists and objects are too many; {MAX_ROWS} companies have at most 2 each."
        raise invalid([Problem((), f"{message} Send fewer companies at once.")])
    values = text.count(",") + 1
    if values > MAX_CELLS * max(containers, 1):
        message = f"{values} values are too many for {containers} lists and objects"
        raise invalid([Problem((), f"{message}; at most {MAX_CELLS} are allowed in each.")])


def _limited(rows: list[Any], loc: Loc) -> list[Any]:
    _check_rows(len(rows), loc)
    return rows


def _check_rows(count: int, loc: Loc) -> None:
    if not count:
        raise invalid([Problem(loc, "The request has no companies. Send at least one.")])
    if count > MAX_ROWS:
        raise invalid([Problem(loc, f"{count} companies are too many. Send at most {MAX_ROWS} at once.")])


def _parse_plain_line(line: str) -> list[Any] | None:
    """Return the numbers of a line, or None if it has quotes, or an empty or invalid cell, or is too long."""
    if line.count(",") < MAX_CELLS and _PLAIN_NUMBERS.fullmatch(line):
        try:
            return list(map(float, line.split(",")))
        except ValueError:
            pass
    return None


def _parse_csv_line(line: str, position: int) -> list[Any]:
    """Return the cells of a line one by one, so that errors can quote them."""
    count = line.count(",") + 1
    if count > MAX_CELLS:
        message = f"Line {position + 1} has {count} cells; at most {MAX_CELLS} are allowed."
        raise invalid([Problem((position,), f"{message} Send one number for each feature.")])
    try:
        cells = next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise invalid([Problem((position,), f"Line {position + 1} is not CSV: {error}.")]) from None
    # Quoted numbers are as fast as plain ones.
    plain = _parse_plain_line(",".join(cells))
    return plain if plain is not None and len(plain) == len(cells) else [_parse_cell(cell) for cell in cells]


def _parse_cell(cell: str) -> float | str:
    try:
        return float(cell) if is_plain(cell) else cell
    except ValueError:
        return cell


def shorten(text: str) -> str:
    """Return a text shortened and quoted for a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def describe(value: object) -> str:
    """Describe a JSON value for a message."""
    if isinstance(value, str):
        return f"the text {shorten(value)}" if value.strip() else "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"the number {value!r}"
