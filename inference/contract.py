"""The contract between a model and its clients: features in order, threshold, risk levels."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple

from inference.errors import ArtifactError


def contract_hash(names: Sequence[str]) -> str:
    """Return the hash that identifies a list of feature names and their order.

    It is the first 16 hexadecimal digits of the SHA-256 of the names as a compact JSON list in UTF-8, with no
    spaces and only the necessary escapes.
    """
    text = json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class KnownAnswer(NamedTuple):
    """A company, in the order of the model's columns, and the probability that its model must give it."""

    features: tuple[float, ...]
    probability: float


@dataclass(frozen=True)
class Contract:
    """The features of a model, and how to interpret its probability.

    Attributes
    ----------
    hash
        See `contract_hash`.
    names
        The features, in the order of the model's columns.
    threshold
        The lowest probability for which bankruptcy is predicted.
    levels, bounds
        The risk levels, lowest first, and the lowest probability of each; the first starts at 0.
    medians
        Each feature's median over the training companies; empty if the contract has none.
    known_answer
        A company, and the probability that an intact copy of the model gives it; None without one.
    facts
        The whole document.
    """

    hash: str
    names: tuple[str, ...]
    threshold: float
    levels: tuple[str, ...]
    bounds: tuple[float, ...]
    medians: tuple[float, ...]
    known_answer: KnownAnswer | None
    facts: Mapping[str, Any]

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Contract:
        """Read and check a contract.

        Parameters
        ----------
        facts
            At least `contract` (the hash), `features` (each with a `name`, and a `median` for explanations),
            `threshold` and `risk_levels` (each with `level` and `from`). `smoke_test`, if there is one, has
            the known company's `features` and its `probability`.

        Raises
        ------
        ArtifactError
            If a fact is missing, or inconsistent with another.
        """
        try:
            names = tuple(str(feature["name"]) for feature in facts["features"])
            threshold = float(facts["threshold"])
            levels = tuple(str(level["level"]) for level in facts["risk_levels"])
            bounds = tuple(float(level["from"]) for level in facts["risk_levels"])
            medians = tuple(float(feature["median"]) for feature in facts["features"] if "median" in feature)
            known = _known_answer(facts["smoke_test"]) if "smoke_test" in facts else None
            stated, found = facts["contract"], contract_hash(names)
        except KeyError as error:
            raise ArtifactError(f"The contract lacks {error}. Export the model again.") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"The contract is damaged ({error}). Export the model again.") from error
        if not names or len(set(names)) != len(names):
            raise ArtifactError(
                "The contract must have at least one feature, and all feature names must be different."
            )
        if stated != found:
            raise ArtifactError(
                f"The contract's hash is {stated!r}, but the hash of its feature names is {found!r}. "
                "One of the two was changed after the export."
            )
        if not 0 <= threshold <= 1:
            raise ArtifactError(f"The contract's threshold is {threshold}; it must be a probability.")
        rising = all(low < high for low, high in pairwise(bounds))
        if not bounds or bounds[0] != 0 or not rising or not isfinite(bounds[-1]):
            raise ArtifactError(f"The contract's risk levels start at {list(bounds)}; they must rise from 0.")
        if not all(level.isprintable() and level and not set(level) & set(',"') for level in levels):
            raise ArtifactError(
                f"The contract's risk levels are named {list(levels)}; names must be printable, without "
                "commas and quotation marks, because they are written to CSV."
            )
        if len(medians) not in (0, len(names)) or not all(map(isfinite, medians)):
            raise ArtifactError("The contract must have a finite median for every feature, or for none.")
        if known and (len(known.features) != len(names) or not all(map(isfinite, known.features))):
            raise ArtifactError("The contract's known company must have a finite number for every feature.")
        return cls(stated, names, threshold, levels, bounds, medians, known, dict(facts))

    @cached_property
    def known(self) -> frozenset[str]:
        """The names as a set."""
        return frozenset(self.names)

    @cached_property
    def levels_as_json(self) -> dict[str, str]:
        """Each risk level's name as a JSON string."""
        return {level: json.dumps(level) for level in self.levels}

    def risk_level(self, probability: float) -> str:
        """Return the risk level of a probability of bankruptcy."""
        return self.levels[bisect_right(self.bounds, probability) - 1]


def _known_answer(facts: Mapping[str, Any]) -> KnownAnswer:
    return KnownAnswer(tuple(float(number) for number in facts["features"]), float(facts["probability"]))
