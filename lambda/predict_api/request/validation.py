"""Checks a request to /predict against the champion's contract, and locates every problem."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from operator import is_, le
from typing import Any

from predict_api.contract import Contract, Gap
from predict_api.errors import MAX_DETAILS, Loc, Problem, contract_mismatch, validation_failed
from predict_api.request.body import Body, RepeatingObject
from predict_api.request.numbers import LARGEST, are_in_range
from predict_api.request.query import EXPLAIN

MAX_COMPANIES = 1_000
# Explaining a company is as much work for the endpoint as scoring fifty.
MAX_EXPLAINED = 100

_FORMS = ("data", "features", "instances")
_ID = "id"
_KEYS = (*_FORMS, _ID, "contract")
_LONGEST_NAME = 120
_LONGEST_ID = 128


@dataclass(frozen=True)
class Companies:
    """The companies of a valid request.

    Attributes
    ----------
    count
        The number of companies.
    numbers
        Each company's numbers, in the contract's order.
    rows
        The same as a JSON list of lists.
    ids
        The client's id of each company; None for a company without one.
    loc
        The location of the companies in the body.
    single
        Whether the body is one company rather than a list.
    by_position
        Whether a company's numbers are identified by their position, rather than by name.
    explain
        Whether explanations are requested.
    warnings
        The values far outside the training range, or between the two units of a feature.
    """

    count: int
    numbers: list[list[float]]
    rows: str
    ids: list[str | None]
    loc: Loc
    single: bool
    by_position: bool
    explain: bool
    warnings: list[dict[str, Any]]

    def locate(self, position: str | int) -> Loc:
        """Return the location of a company in the body."""
        return self.loc if self.single else (*self.loc, position)


def validate(body: Body, contract: Contract, *, explain: bool) -> Companies:
    """Check a request's JSON against a contract.

    Parameters
    ----------
    body
        The return value of `read_json`.
    contract
        The contract to check against.
    explain
        Whether explanations are requested.

    Raises
    ------
    ApiError
        422 with the location of every problem (at most 100 are listed), or 409 for another contract.
    """
    document = body.document
    pinned = document.get("contract") if isinstance(document, dict) else None
    if isinstance(pinned, str) and pinned != contract.hash:
        raise contract_mismatch(pinned, contract.hash)
    check = _Check(contract)
    rows, loc, single = check.request(document)
    if explain:
        check.explainable(len(rows))
    if check.count:
        raise validation_failed(check.problems, check.count)
    return Companies(
        count=len(rows),
        numbers=rows,
        rows=_as_json(rows, body),
        ids=check.ids,
        loc=loc,
        single=single,
        by_position=check.by_position,
        explain=explain,
        warnings=check.warnings,
    )


def _as_json(rows: list[list[float]], body: Body) -> str:
    """Return the rows as JSON; if the client sent a list of lists, return the client's own text.

    Formatting numbers is slow: for a thousand companies it would take as long as everything else here.
    """
    document = body.document
    listed = document.get("instances", ()) if isinstance(document, dict) else document
    if len(listed) == len(rows) and all(map(is_, listed, rows)):
        # The only other value in a valid body is the contract hash, which has no brackets.
        return body.text[body.text.index("[") : body.text.rindex("]") + 1]
    return json.dumps(rows, separators=(",", ":"))


class _Check:
    """Checks one request and collects its problems."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._names = contract.names
        self._known = frozenset(contract.names)
        self._nearest: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.count = 0
        self.ids: list[str | None] = []
        self.by_position = False
        self.warnings: list[dict[str, Any]] = []

    def request(self, document: Any) -> tuple[list[list[float]], Loc, bool]:
        """Return the rows, their location, and whether they are one company rather than a list."""
        if problem := self._form_problem(document):
            self._add((), problem)
            return [], (), False
        if isinstance(document, list):
            return self._companies(document, ()), (), False
        self._keys(document, (), frozenset(_KEYS), nearest_among=_KEYS)
        if "contract" in document and not isinstance(document["contract"], str):
            self._add(("contract",), f"must be a string, not {_kind(document['contract'])}")
        forms = [form for form in _FORMS if form in document]
        if len(forms) != 1:
            found = " and ".join(f'"{form}"' for form in forms) or "none of them"
            self._add((), f'must have exactly one of "data", "features" and "instances"; it has {found}')
            return [], (), False
        form = forms[0]
        value = document[form]
        if form == "instances":
            if _ID in document:
                self._add((_ID,), 'belongs to a company: {"instances": [{"data": […], "id": "…"}]}')
            if isinstance(value, list):
                return self._companies(value, (form,)), (form,), False
            self._add((form,), f"must be a list of companies, not {_kind(value)}")
            return [], (form,), False
        self.ids.append(self._id(document, ()))
        return [self._form(form, value, (form,))], (form,), True

    def _form_problem(self, document: Any) -> str:
        """Return the problem of a document that has none of the forms; empty if it may have one."""
        if isinstance(document, list):
            if document and not any(isinstance(company, list | dict) for company in document):
                return 'is a list of single values; send one company as {"data": [numbers]}'
        elif not isinstance(document, dict):
            return f'must be an object with "data", "features" or "instances", not {_kind(document)}'
        elif self._known.intersection(document) and self._known.isdisjoint(_KEYS):
            return 'has features at its top level; put them under "features": {"features": {…}}'
        return ""

    def explainable(self, count: int) -> None:
        if count > MAX_EXPLAINED:
            self._add(
                EXPLAIN,
                f"at most {MAX_EXPLAINED} companies can be explained at a time, but {count:,} were sent; "
                "send fewer companies, or set explain to false",
            )

    def _companies(self, values: list[Any], loc: Loc) -> list[list[float]]:
        if not values:
            self._add(loc, "must contain at least one company; it is empty")
        elif len(values) > MAX_COMPANIES:
            self._add(
                loc, f"contains {len(values):,} companies; at most {MAX_COMPANIES:,} are allowed at a time"
            )
        else:
            return [self._company(value, (*loc, position)) for position, value in enumerate(values)]
        return []

    def _company(self, value: Any, loc: Loc) -> list[float]:
        keys = [key for key in value if key != _ID] if isinstance(value, dict) else []
        if len(keys) == 1 and keys[0] in ("data", "features") and isinstance(value[keys[0]], list | dict):
            self._repeated(value, loc)
            self.ids.append(self._id(value, loc))
            return self._form(keys[0], value[keys[0]], (*loc, keys[0]))
        self.ids.append(None)
        if isinstance(value, dict):
            return self._form("features", value, loc)
        return self._form("data", value, loc)

    def _id(self, document: dict[str, Any], loc: Loc) -> str | None:
        found = document.get(_ID, "-")
        if not isinstance(found, str):
            self._add((*loc, _ID), f"must be a string, not {_kind(found)}")
        elif not 0 < len(found) <= _LONGEST_ID or not found.isprintable():
            self._add((*loc, _ID), f"must have 1 to {_LONGEST_ID} printable characters")
        elif _ID in document:
            return found
        return None

    def _form(self, form: str, value: Any, loc: Loc) -> list[float]:
        if form == "features":
            if isinstance(value, dict):
                return self._by_name(value, loc)
            self._add(loc, f"must be an object of names and numbers, not {_kind(value)}")
            return []
        if isinstance(value, list):
            return self._by_position(value, loc)
        self._add(loc, f"must be a list of {len(self._names)} numbers, not {_kind(value)}")
        return []

    def _by_position(self, values: list[Any], loc: Loc) -> list[float]:
        self.by_position = True
        wanted = len(self._names)
        if len(values) != wanted:
            self._add(loc, f"has {len(values):,} numbers; it must have {wanted}, one for each feature")
        if not _all_numbers(values):
            for position, value in enumerate(values):
                name = self._names[position] if position < wanted else None
                self._number(value, (*loc, position), name)
        elif len(values) == wanted:
            self._warn(values, loc, range(wanted))
        return values

    def _by_name(self, values: dict[str, Any], loc: Loc) -> list[float]:
        missing = [name for name in self._names if name not in values]
        self._keys(values, loc, self._known, nearest_among=missing or self._names)
        for name in missing:
            self._add((*loc, name), "is missing")
        for name, value in values.items():
            if name in self._known:
                self._number(value, (*loc, name), name)
        if missing:
            return []
        row = [values[name] for name in self._names]
        if _all_numbers(row):
            self._warn(row, loc, self._names)
        return row

    def _keys(
        self,
        document: dict[str, Any],
        loc: Loc,
        allowed: frozenset[str],
        nearest_among: Iterable[str],
    ) -> None:
        self._repeated(document, loc)
        for key in (key for key in document if key not in allowed):
            self._add((*loc, key[:_LONGEST_NAME]), f"is unknown{self._suggestion(key, nearest_among)}")

    def _repeated(self, document: dict[str, Any], loc: Loc) -> None:
        if isinstance(document, RepeatingObject):
            for key in document.repeated:
                self._add((*loc, key[:_LONGEST_NAME]), "is given more than once")

    def _suggestion(self, key: str, names: Iterable[str]) -> str:
        if self.count >= MAX_DETAILS or len(key) > _LONGEST_NAME:
            return ""
        if key not in self._nearest:
            by_form = {_plain(name): name for name in names}
            near = difflib.get_close_matches(_plain(key), by_form, n=1)
            self._nearest[key] = f"; the nearest known name is {by_form[near[0]]!r}" if near else ""
        return self._nearest[key]

    def _number(self, value: Any, loc: Loc, name: str | None) -> None:
        of = f" ({name})" if name and loc[-1] != name else ""
        if type(value) is not float:
            self._add(loc, f"must be a number, not {_kind(value)}{of}")
        elif not are_in_range([value]):
            self._add(loc, f"must be finite and within ±{LARGEST:g}{of}")

    def _warn(self, row: list[float], loc: Loc, keys: Iterable[str | int]) -> None:
        lows, highs = self._contract.plausible
        gaps = self._contract.gaps
        within = all(map(le, lows, row)) and all(map(le, row, highs))
        if within and not any(gap.start < row[position] < gap.end for position, gap in gaps.items()):
            return
        for position, (key, value, low, high) in enumerate(zip(keys, row, lows, highs, strict=True)):
            gap = gaps.get(position)
            if gap and gap.start < value < gap.end:
                self._warning((*loc, key), position, _between_units(value, gap))
            elif not low <= value <= high:
                least, most = self._contract.seen[position]
                self._warning(
                    (*loc, key), position, f"Far outside the training range, {least:g} to {most:g}."
                )

    def _warning(self, loc: Loc, position: int, message: str) -> None:
        if len(self.warnings) < MAX_DETAILS:
            least, most = self._contract.seen[position]
            self.warnings.append(
                {
                    "loc": list(loc),
                    "feature": self._names[position],
                    "seen": {"min": least, "max": most},
                    "message": message,
                }
            )

    def _add(self, loc: Loc, message: str) -> None:
        self.count += 1
        if self.count <= MAX_DETAILS:
            self.problems.append(Problem(loc, message))


def _between_units(value: float, gap: Gap) -> str:
    converted = value / gap.small_factor
    advice = (
        f"If the true value is {value:g}, send {converted:g}."
        if converted <= gap.start
        else f"A true value of {value:g} cannot be sent: this feature supports true values up to "
        f"{gap.start * gap.small_factor:,.0f}. Check it."
    )
    return (
        f"Between the two units of this feature: no training company has a value from {gap.start:g} to "
        f"{gap.end:,.0f}. The model uses {value * gap.large_factor:g} for {value:g}. {advice}"
    )


def _all_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= {float} and are_in_range(values)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "a string", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object")
