"""Builds contract.json: what the selected candidate takes, how good it is, and one known answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from steps.judging.judged_model import JudgedModel
from steps.measures.metrics import Labels


def model_contract(selected: JudgedModel, y: Labels) -> dict[str, Any]:
    """Return the contents of contract.json.

    Parameters
    ----------
    selected
        The candidate to register.
    y : array of shape (n,)
        The labels of the test companies.
    """
    # The training facts are for people who judge models, not for clients of the API.
    facts = {name: fact for name, fact in selected.facts.items() if name != "training"}
    metrics = {**selected.metrics, "test_companies": len(y), "test_bankruptcies": int(y.sum())}
    return {**facts, "metrics": metrics, "smoke_test": _smoke_test(selected, y)}


def _smoke_test(selected: JudgedModel, y: Labels) -> dict[str, Any]:
    """Return an invented company and its probability, for the smoke test of a new endpoint.

    The company consists of the bankrupt companies' medians, column by column. No real company's numbers are
    published, and a medium risk exposes a wrong model better than a probability near 0.
    """
    features = np.median(selected.X[y == 1], axis=0)
    probability = selected.predict_proba(features[None])[0]
    return {"features": features.tolist(), "probability": float(probability)}
