"""The forms of companies in JSON: those of POST /predict, and records as pandas writes them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scripts.companies.errors import CompanyFileError
from steps.dataset.columns import RATIOS
from steps.tables.header import near_name, quoted

FORMS = ("data", "features", "instances")
LONGEST_LINE = 16_000_000  # bytes
_UNWRITABLE = "contains half a character (a lone surrogate), which can't be written to a file"
# The top-level keys that pandas' to_json writes with each unsupported `orient`.
_ORIENTS = {"split": {"columns", "data"}, "table": {"schema", "data"}}


class JsonObject(dict[str, Any]):
    """A JSON object that keeps its duplicate names."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = [name for name, count in counts.items() if count > 1]


def parse(text: bytes | str) -> Any:
    """Parse JSON; raise a ValueError with the problem if it is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=JsonObject)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def companies_of(document: Any, name: str) -> tuple[list[Any], str | None]:
    """Return the companies in a document, and its contract hash.

    Raises
    ------
    CompanyFileError
        If the document has none of the forms of POST /predict, and is not a list of records.
    """
    if isinstance(document, list):
        if document and not any(isinstance(company, list | dict) for company in document):
            raise CompanyFileError(
                f"{name} contains a list of single values.",
                'Write one company as {"data": [numbers]}, several as a list of such lists or of objects.',
            )
        return document, None
    if not isinstance(document, JsonObject):
        raise CompanyFileError(f"{name} must contain a list of companies, or an object with {_named(FORMS)}.")
    if document.repeated:
        raise CompanyFileError(f"{name}: {quoted(document.repeated[0])} is given more than once.")
    if problem := _other_form(document):
        raise CompanyFileError(f"{name} {problem}")
    forms = [form for form in FORMS if form in document]
    unknown = [key for key in document if key not in (*FORMS, "contract")]
    if len(forms) != 1 or unknown:
        found = _named(forms) if len(forms) != 1 else quoted(unknown[0])
        raise CompanyFileError(
            f"{name} must be a list of companies, or an object with exactly one of {_named(FORMS)}, and "
            f"optionally 'contract'; it has {found or 'none of them'}."
        )
    contract = document.get("contract")
    if contract is not None and not isinstance(contract, str):
        raise CompanyFileError(f"{name}: 'contract' must be text.")
    (form,) = forms
    if form == "instances":
        if not isinstance(document[form], list):
            raise CompanyFileError(f"{name}: 'instances' must be a list of companies.")
        return document[form], contract
    return [JsonObject([(form, document[form])])], contract


def json_lines(pieces: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the number and text of each line that is not blank."""
    rest, number = b"", 0
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise CompanyFileError(f"{name}, line {number + len(lines) + 1}: the line is too long.")
        for line in lines:
            number += 1
            if line.strip():
                yield number, line
    if rest.strip():
        yield number + 1, rest


def ratios(company: dict[str, Any], names: Sequence[str], ids: Sequence[str] = ()) -> dict[str, Any]:
    """Return a company's ratios by name: flat, among other names, or exactly the model's in `features`.

    Raises
    ------
    ValueError
        With the problem: a name is missing, unknown or given more than once.
    """
    if "features" in company and "features" not in names:
        named = within(company, "features", ids)
        if not isinstance(named, JsonObject):
            raise ValueError("'features' must be an object of names and numbers")
        _require_unique(named)
        if unknown := [name for name in named if name not in names]:
            near = near_name(unknown[0], [name for name in names if name not in named])
            raise ValueError(
                f"{quoted(unknown[0])} is unknown" + (f"; did you mean {near!r}?" if near else "")
            )
    else:
        named = stripped(company)
    missing = [name for name in names if name not in named]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise ValueError(f"{missing[0]!r} is missing{more}")
    return {name: named[name] for name in names}


def within(company: dict[str, Any], form: str, ids: Sequence[str]) -> Any:
    """Return a company's value under a form's name; raise a ValueError if there are other names than ids."""
    for name in stripped(company):
        if name != form and name not in ids:
            raise ValueError(f"{quoted(name)} is not allowed next to {form!r}")
    return company[form]


def stripped(company: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the spaces around names removed; raise a ValueError if two names become equal."""
    _require_unique(company)
    named = {name.strip(): value for name, value in company.items()}
    if len(named) < len(company):
        name, _ = Counter(name.strip() for name in company).most_common(1)[0]
        raise ValueError(f"{quoted(name)} is given more than once")
    return named


def id_values(company: Any, ids: Sequence[str]) -> tuple[Any, ...]:
    """Return a company's ids; raise a ValueError if one can't be written to a file."""
    if not ids or not isinstance(company, dict):
        return tuple(None for _ in ids)
    named = stripped(company)
    values = tuple(named.get(name) for name in ids)
    for value in values:
        require_writable(value)
    return values


def require_writable(value: Any) -> None:
    """Raise a ValueError unless a value can be written to a file; JSON may contain lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError(_UNWRITABLE) from None


def _require_unique(company: dict[str, Any]) -> None:
    if isinstance(company, JsonObject) and company.repeated:
        raise ValueError(f"{quoted(company.repeated[0])} is given more than once")


def _other_form(document: JsonObject) -> str:
    """Describe a document's form if it is a known, but unsupported one; otherwise empty."""
    orient = next((orient for orient, keys in _ORIENTS.items() if keys <= document.keys()), "")
    values = list(document.values())
    if not orient and values and all(isinstance(value, dict) for value in values):
        by_column = any(name.strip() in RATIOS for name in document)
        by_row = all(name.isdecimal() for name in document)
        orient = "columns" if by_column else "index" if by_row else ""
    if orient:
        return f"seems to be written by pandas with orient={orient!r}; use to_json(orient='records')."
    if any(name.strip() in RATIOS for name in document):
        return "has ratios at its top level; put them under 'features', or put the object into a list."
    return ""


def _named(names: Sequence[str]) -> str:
    return " and ".join(map(repr, names))
