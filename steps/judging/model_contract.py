"""Builds contract.json: what the selected candidate takes, how good it is, and one known answer."""

from __future__ import annotations

from typing import Any

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
    return {**facts, "metrics": metrics}
