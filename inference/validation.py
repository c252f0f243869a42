"""Checks a request's companies against the contract, and locates every problem."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np

from inference.contract import Contract
from inference.errors import MAX_PROBLEMS, Loc, Problem, RequestError, invalid
from inference.forward.stage import Floats
from inference.numbers import are_in_range, value_problem
from inference.request import SINGLE_KEYS, Request, describe, shorten


def to_matrix(request: Request, contract: Contract) -> Floats:
    """Return a request's companies as the model's input.

    Returns
    -------
    ndarray of float64, (companies, features)
        The columns are `contract.names`.

    Raises
    ------
    RequestError
        `contract_mismatch` if the client sends another contract hash; otherwise `validation_failed` with the
        first problems.
    """
    checker = _Checker(contract)
    checker.contract(request.contract, ("contract",))
    rows = [
        checker.row(instance, request.loc(position)) for position, instance in enumerate(request.instances)
    ]
    if checker.problems:
        raise invalid(checker.problems)
    return np.array(rows, dtype=np.float64)


class _Checker:
    """Collects the problems of a request, and raises as soon as there are `MAX_PROBLEMS`."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known = contract.known
        # If a feature has one of these names, an object always contains features.
        self._may_be_wrapped = contract.known.isdisjoint(SINGLE_KEYS)
        self.problems: list[Problem] = []

    def _add(self, loc: Loc, message: str) -> None:
        self.problems.append(Problem(loc, message))
        if len(self.problems) == MAX_PROBLEMS:
            raise invalid(self.problems)

    def contract(self, stated: object, loc: Loc) -> None:
        """Check the contract hash that the client sent."""
        if stated is None:
            return
        if not isinstance(stated, str):
            self._add(loc, f"'contract' is {describe(stated)}; it must be the contract's hash as text.")
        elif stated != self._contract.hash:
            raise RequestError(
                409,
                "contract_mismatch",
                f"The request is for the contract {shorten(stated)}, but {self._contract.hash!r} is in "
                "service. Read the model's features again, and send a new request.",
                served=self._contract.hash,
            )

    def row(self, instance: Any, loc: Loc) -> list[float]:
        """Return a company's numbers in the contract's order; meaningless if a problem was found."""
        if self._may_be_wrapped and isinstance(instance, dict):
            wrapped = [key for key in SINGLE_KEYS if key in instance]
            if wrapped:
                return self._wrapped(instance, wrapped, loc)
        if isinstance(instance, list):
            return self._by_position(instance, loc)
        if isinstance(instance, dict):
            return self._by_name(instance, loc)
        self._add(
            loc,
            "A company must be a list of numbers or an object of names and numbers; it is "
            f"{describe(instance)}.",
        )
        return []

    def _wrapped(self, instance: dict[str, Any], wrapped: list[str], loc: Loc) -> list[float]:
        key = wrapped[0]
        for other in instance:
            if other not in (key, "contract"):
                self._add((*loc, other[:200]), f"{shorten(other)} is not allowed next to {key!r}.")
        self.contract(instance.get("contract"), (*loc, "contract"))
        value = instance[key]
        if key == "data" and isinstance(value, list):
            return self._by_position(value, (*loc, key))
        if key == "features" and isinstance(value, dict):
            return self._by_name(value, (*loc, key))
        form = "a list of numbers" if key == "data" else "an object of names and numbers"
        self._add((*loc, key), f"{key!r} is {describe(value)}; it must be {form}.")
        return []

    def _by_position(self, values: list[Any], loc: Loc) -> list[float]:
        names = self._contract.names
        if len(values) != len(names):
            self._add(loc, f"The company has {len(values)} numbers; it must have {len(names)}.")
        elif _all_numbers(values):
            return values
        elif values == list(names):
            self._add(loc, "These are the feature names. Send only the numbers, without a header line.")
        else:
            for position, (name, value) in enumerate(zip(names, values, strict=True)):
                self._value(value, (*loc, position), name)
        return values

    def _by_name(self, values: dict[str, Any], loc: Loc) -> list[float]:
        names = self._contract.names
        if values.keys() != self._known:
            self._names(values, loc)
            names = tuple(name for name in names if name in values)
        row = [values[name] for name in names]
        if not _all_numbers(row):
            for name, value in zip(names, row, strict=True):
                self._value(value, (*loc, name), name)
        return row

    def _names(self, values: dict[str, Any], loc: Loc) -> None:
        folded = {name.casefold(): name for name in self._contract.names}
        for name in values:
            if name not in self._known:
                # Long names would make the comparison slow.
                near = get_close_matches(name[:200].strip().casefold(), folded, n=1)
                hint = f"did you mean {folded[near[0]]!r}?" if near else "the model has no such feature."
                self._add((*loc, name[:200]), f"{shorten(name)} is unknown: {hint}")
        for name in self._contract.names:
            if name not in values:
                self._add((*loc, name), f"{name!r} is missing.")

    def _value(self, value: object, loc: Loc, name: str) -> None:
        if not isinstance(value, float):
            self._add(loc, f"{name!r} is {describe(value)}; it must be a number.")
        elif problem := value_problem(value):
            self._add(loc, f"{name!r} {problem}.")


def _all_numbers(values: list[Any]) -> bool:
    """Return whether all values are floats in the range of `inference.numbers`."""
    return set(map(type, values)) <= {float} and are_in_range(values)
