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
from typing import Any

from inference.errors import ArtifactError


def contract_hash(names: Sequence[str]) -> str:
    """Return what identifies a list of feature names in their order.

    It is the first 16 hexadecimal digits of the SHA-256 of the names as a JSON list: UTF-8, nothing
    escaped that need not be, no spaces.
    """
    text = json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Contract:
    """What a model takes and how its probability is read.

    Attributes
    ----------
    hash
        See `contract_hash`.
    names
        The features, in the order of the model's columns.
    threshold
        The probability from which a company is predicted to go bankrupt.
    levels, bounds
        The risk levels in rising order and the probability from which each holds; the first holds from 0.
    medians
        Each feature's median among the training companies; empty if the contract does not state them.
    facts
        All that contract.json says.
    """

    hash: str
    names: tuple[str, ...]
    threshold: float
    levels: tuple[str, ...]
    bounds: tuple[float, ...]
    medians: tuple[float, ...]
    facts: Mapping[str, Any]

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Contract:
        """Read a contract.

        Parameters
        ----------
        facts
            Holds at least `contract` (the hash), `features` (each with its `name`, and for explanations its
            `median`), `threshold` and `risk_levels` (each with `level` and `from`).

        Raises
        ------
        ArtifactError
            If a fact is missing or contradicts another.
        """
        try:
            names = tuple(str(feature["name"]) for feature in facts["features"])
            threshold = float(facts["threshold"])
            levels = tuple(str(level["level"]) for level in facts["risk_levels"])
            bounds = tuple(float(level["from"]) for level in facts["risk_levels"])
            medians = tuple(float(feature["median"]) for feature in facts["features"] if "median" in feature)
            stated, found = facts["contract"], contract_hash(names)
        except KeyError as error:
            raise ArtifactError(f"The contract lacks {error}; export the model again.") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise ArtifactError(f"The contract is damaged ({error}); export the model again.") from error
        if not names or len(set(names)) != len(names):
            raise ArtifactError("The contract's feature names must be at least one and all different.")
        if stated != found:
            raise ArtifactError(
                f"The contract's hash {stated!r} is not that of its feature names, {found!r}; "
                "one of the two was changed after the export."
            )
        if not 0 <= threshold <= 1:
            raise ArtifactError(f"The contract's threshold is {threshold}; it must be a probability.")
        rising = all(low < high for low, high in pairwise(bounds))
        if not bounds or bounds[0] != 0 or not rising or not isfinite(bounds[-1]):
            raise ArtifactError(
                f"The contract's risk levels hold from {list(bounds)}; they must rise from 0."
            )
        if not all(level.isprintable() and level and not set(level) & set(',"') for level in levels):
            raise ArtifactError(
                f"The contract's risk levels' names are {list(levels)}; they must be printable, without "
                "comma and quotation mark, for they are cells of CSV."
            )
        if len(medians) not in (0, len(names)) or not all(map(isfinite, medians)):
            raise ArtifactError("The contract must state a finite median of every feature, or of none.")
        return cls(stated, names, threshold, levels, bounds, medians, dict(facts))

    @cached_property
    def known(self) -> frozenset[str]:
        """The names as a set."""
        return frozenset(self.names)

    @cached_property
    def levels_as_json(self) -> dict[str, str]:
        """Each risk level as a JSON string."""
        return {level: json.dumps(level) for level in self.levels}

    def risk_level(self, probability: float) -> str:
        """Return the risk level of a probability of bankruptcy."""
        return self.levels[bisect_right(self.bounds, probability) - 1]
