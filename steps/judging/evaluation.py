"""Builds evaluation.json from the judged candidates and the champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from steps.frames import firms, target, values
from steps.judging.champion import Champion
from steps.judging.gate import Comparison, compare, gate
from steps.judging.judged_model import JudgedModel
from steps.judging.model_quality import model_quality
from steps.measures.drift import drift
from steps.measures.groups import calibration_groups
from steps.measures.importance import Importance
from steps.measures.metrics import Floats, Labels, confusion
from steps.provenance import code_sha256, versions


@dataclass(frozen=True)
class Settings:
    """The pipeline parameters that Evaluate takes, and the execution's id."""

    register_candidate: str
    min_roc_auc: float
    compare_with_champion: str
    random_seed: int
    execution_id: str


@dataclass(frozen=True)
class Evaluation:
    """The candidates and the champion, judged on the test companies.

    Attributes
    ----------
    test
        The test companies.
    features
        The contents of features.json.
    candidates
        The judged candidates by name.
    selected_name
        The name of the selected candidate.
    champion
        The model in service; None if there is none.
    importance
        Of the selected candidate's features, the most important first.
    settings
        The parameters of the execution.
    """

    test: pd.DataFrame
    features: Mapping[str, Any]
    candidates: Mapping[str, JudgedModel]
    selected_name: str
    champion: Champion | None
    importance: list[Importance]
    settings: Settings

    @cached_property
    def y(self) -> Labels:
        """The labels of the test companies."""
        return target(self.test)

    @property
    def selected(self) -> JudgedModel:
        """The selected candidate."""
        return self.candidates[self.selected_name]

    @property
    def models(self) -> dict[str, JudgedModel]:
        """The candidates, and `champion` if it was judged."""
        judged = self.champion.judged if self.champion else None
        return {**self.candidates, **({"champion": judged} if judged else {})}

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """The selected candidate compared with each other model, by the other's name."""
        return {
            name: compare(self.y, self.selected, model, firms(self.test), self.settings.random_seed)
            for name, model in self.models.items()
            if name != self.selected_name
        }

    def document(self) -> dict[str, Any]:
        """Return the contents of evaluation.json."""
        y, selected, settings = self.y, self.selected, self.settings
        facts = selected.facts
        return {
            "version": 0.0,
            "dataset": {"item_count": len(y)},
            "binary_classification_metrics": model_quality(
                y, selected.probability, facts["threshold"], selected.intervals
            ),
            "gate": gate(selected, settings.min_roc_auc, self.champion, self.comparisons.get("champion")),
            "selected": {
                "candidate": self.selected_name,
                "estimator": facts["estimator"],
                "contract": facts["contract"],
                # Recorded on the model package, so that only this archive is deployed.
                "archive_sha256": selected.archive_sha256,
                "threshold": facts["threshold"],
                "chosen_by": (
                    "out_of_fold_roc_auc" if settings.register_candidate == "best" else "RegisterCandidate"
                ),
            },
            "candidates": {name: self._candidate(name) for name in self.candidates},
            "champion": self._champion(),
            "calibration": [asdict(group) for group in calibration_groups(y, selected.probability)],
            "risk_levels": [_observed(level, y, selected.probability) for level in facts["risk_levels"]],
            "test": {
                "companies": len(y),
                "firms": len(np.unique(firms(self.test))),
                "bankruptcies": int(y.sum()),
            },
            "split_rule": self.features["split"]["rule"],
            "execution_id": settings.execution_id,
            "data": self.features["data"],
            "importance": [asdict(feature) for feature in self.importance],
            "drift": self._drift(),
            "provenance": self._provenance(),
        }

    def _candidate(self, name: str) -> dict[str, Any]:
        model, comparison = self.candidates[name], self.comparisons.get(name)
        return {
            "estimator": model.facts["estimator"],
            "out_of_fold_roc_auc": model.facts["out_of_fold"]["roc_auc"],
            "robustness": model.facts["out_of_fold"]["robustness"],
            **_metrics(model),
            # None for the selected candidate itself.
            "comparison": comparison.as_dict() if comparison else None,
        }

    def _champion(self) -> dict[str, Any] | None:
        if self.champion is None:
            return None
        model = self.champion.judged
        if model is None:
            return {"compared": False, "reason": self.champion.why_not}
        return {
            "compared": True,
            "contract": model.facts["contract"],
            # Contracts are not required to name the estimator.
            "estimator": model.facts.get("estimator", "unknown"),
            **_metrics(model),
            "comparison": self.comparisons["champion"].as_dict(),
        }

    def _drift(self) -> dict[str, Any] | None:
        """Return how much the test companies differ from the champion's training data."""
        model = self.models.get("champion")
        # A model that was trained by an earlier version of this code has no training profile.
        if model is None or "training" not in model.facts:
            return None
        facts = model.facts["training"]
        names = [feature["name"] for feature in model.facts["features"]]
        columns = dict(zip(names, values(self.test, names).T, strict=True))
        return {
            **drift(facts, columns, model.probability),
            "trained_on": {
                "companies": facts["companies"],
                "bankruptcies": facts["bankruptcies"],
                "data_sha256": facts["data"]["sha256"],
            },
        }

    def _provenance(self) -> dict[str, Any]:
        training = {name: model.facts["training"] for name, model in self.candidates.items()}
        settings = self.settings
        return {
            "parameters": {
                "FeatureCount": self.features["feature_count"],
                "Resampler": training["baseline"]["resampler"],
                "Estimator": self.candidates["recommended"].facts["estimator"],
                "RegisterCandidate": settings.register_candidate,
                "MinRocAuc": settings.min_roc_auc,
                "CompareWithChampion": settings.compare_with_champion,
                "RandomSeed": settings.random_seed,
            },
            "code_sha256": {
                "TrainBaseline": training["baseline"]["code_sha256"],
                "TrainRecommended": training["recommended"]["code_sha256"],
                "Evaluate": code_sha256(),
            },
            "versions": versions(),
        }


def _observed(level: Mapping[str, Any], y: Labels, probability: Floats) -> dict[str, Any]:
    """Return a risk level with the rates observed when flagging test companies from this level up."""
    counts = confusion(y, probability, level["from"])
    return {
        **level,
        "observed": {
            "false_positive_rate": counts.false_positive_rate,
            "recall": counts.recall,
            # Precision is undefined if no company is flagged.
            "precision": None if math.isnan(counts.precision) else counts.precision,
        },
    }


def _metrics(model: JudgedModel) -> dict[str, Any]:
    intervals = {name: interval.as_dict() for name, interval in model.intervals.items()}
    return {**model.metrics, "intervals": intervals}
