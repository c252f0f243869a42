"""The profile of a model's training companies, with which monitoring compares later ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steps.job import DataError
from steps.measures.metrics import Floats

# The column of the probability, after the features.
PROBABILITY = "probability"


def profile_document(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of profile.json from the facts in model.json."""
    training = facts["training"]
    return {
        "contract": facts["contract"],
        "companies": training["companies"],
        "bankruptcies": training["bankruptcies"],
        "roc_auc": facts["out_of_fold"]["roc_auc"],
        "risk_levels": facts["risk_levels"],
        "features": [
            {
                **{key: feature[key] for key in ("name", "min", "max", "two_units") if key in feature},
                **training["profile"]["features"][feature["name"]],
            }
            for feature in facts["features"]
        ],
        PROBABILITY: training["profile"][PROBABILITY],
    }


@dataclass(frozen=True)
class Profile:
    """The training companies of one version, binned by feature.

    Attributes
    ----------
    version, contract
        The version of the model package, and the hash of its features.
    names
        The features in the contract's order.
    companies
        The number of training companies.
    roc_auc
        The ROC-AUC of their out-of-fold predictions.
    edges, shares
        For each feature, and last for the probability: the inner edges of its bins, and the share of the
        training companies in each bin. A value on an edge belongs to the bin below it.
    low, high : arrays of shape (features,)
        The training range.
    gap_start, gap_end : arrays of shape (features,)
        The range between a feature's two units, without training values; NaN for other features.
    levels, bounds
        The risk levels, lowest first, and the lowest probability of each.
    """

    version: str
    contract: str
    names: tuple[str, ...]
    companies: int
    roc_auc: float
    edges: tuple[Floats, ...]
    shares: tuple[Floats, ...]
    low: Floats
    high: Floats
    gap_start: Floats
    gap_end: Floats
    levels: tuple[str, ...]
    bounds: Floats

    @classmethod
    def from_document(cls, document: Mapping[str, Any], version: str) -> Profile:
        """Read a profile.

        Raises
        ------
        DataError
            If a fact is missing.
        """
        try:
            features = document["features"]
            columns = [*features, document[PROBABILITY]]
            gaps = [feature.get("two_units") or {} for feature in features]
            return cls(
                version=version,
                contract=str(document["contract"]),
                names=tuple(feature["name"] for feature in features),
                companies=int(document["companies"]),
                roc_auc=float(document["roc_auc"]),
                edges=tuple(np.array(column["edges"], dtype=float) for column in columns),
                shares=tuple(np.array(column["shares"], dtype=float) for column in columns),
                low=np.array([feature["min"] for feature in features], dtype=float),
                high=np.array([feature["max"] for feature in features], dtype=float),
                gap_start=np.array([gap.get("largest_small", np.nan) for gap in gaps], dtype=float),
                gap_end=np.array([gap.get("smallest_large", np.nan) for gap in gaps], dtype=float),
                levels=tuple(level["level"] for level in document["risk_levels"]),
                bounds=np.array([level["from"] for level in document["risk_levels"]], dtype=float),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"The profile of version {version} is damaged ({error!r}).", "Train the model again."
            ) from error

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the binned columns: the features, and the probability."""
        return (*self.names, PROBABILITY)

    def bins(self, features: Floats | None, probability: Floats) -> NDArray[np.uint8]:
        """Return the bin of each value.

        Parameters
        ----------
        features : array of shape (n, features), optional
            The companies, in the contract's order; None if only their probabilities are known.
        probability : array of shape (n,)
            Their probabilities of bankruptcy.

        Returns
        -------
        array of shape (n, columns)
            The feature columns are 0 if the numbers are unknown.
        """
        binned = np.zeros((len(probability), len(self.columns)), dtype=np.uint8)
        if features is not None:
            for index, edges in enumerate(self.edges[:-1]):
                binned[:, index] = np.searchsorted(edges, features[:, index], side="left")
        binned[:, -1] = np.searchsorted(self.edges[-1], probability, side="left")
        return binned

    def outside(self, features: Floats) -> NDArray[np.bool_]:
        """Return whether each value is outside the training range, shape (n, features)."""
        outside: NDArray[np.bool_] = (features < self.low) | (features > self.high)
        return outside

    def in_gap(self, features: Floats) -> NDArray[np.bool_]:
        """Return whether each value is between the two units of its feature, shape (n, features)."""
        return (features > self.gap_start) & (features < self.gap_end)


def read_profiles(folder: Path) -> dict[str, Profile]:
    """Return the profiles in a folder, each in a file <version>.json, by their version."""
    return {
        path.stem: Profile.from_document(json.loads(path.read_text(encoding="utf-8")), path.stem)
        for path in sorted(folder.glob("*.json"))
    }
