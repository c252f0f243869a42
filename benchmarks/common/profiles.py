"""The profile of training companies that have no model package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from steps.measures.drift import profile as binned
from steps.measures.metrics import Floats
from steps.monitoring.profile import Profile


def training_profile(
    names: Sequence[str], features: Floats, probability: Floats, levels: Mapping[str, float]
) -> Profile:
    """Return the profile of version 1.

    Parameters
    ----------
    names
        The names of the features.
    features : ndarray of shape (companies, features)
        The training companies.
    probability
        Their probabilities of bankruptcy.
    levels
        The lowest probability of each risk level, in ascending order.
    """
    columns = binned({name: features[:, index] for index, name in enumerate(names)})
    document = {
        "contract": "c" * 16,
        "companies": len(features),
        "roc_auc": 0.9,
        "risk_levels": [{"level": level, "from": bound} for level, bound in levels.items()],
        "features": [
            {"name": name, "min": column.min(), "max": column.max(), **columns[name]}
            for name, column in zip(names, features.T, strict=True)
        ],
        **binned({"probability": probability}),
    }
    return Profile.from_document(document, "1")
