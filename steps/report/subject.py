"""The contents of a report: evaluation, models and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steps.dataset import known_files
from steps.judging.judged_model import JudgedModel
from steps.measures.importance import Importance
from steps.measures.metrics import Floats, Labels


@dataclass(frozen=True)
class Subject:
    """The contents of a report.

    Attributes
    ----------
    evaluation
        The contents of evaluation.json.
    y
        The test companies' labels.
    models
        The candidates, and `champion` if it was judged.
    importance
        Of the selected candidate's features, the most important first.
    features
        The contents of features.json.
    created
        The time of creation.
    """

    evaluation: Mapping[str, Any]
    y: Labels
    models: Mapping[str, JudgedModel]
    importance: list[Importance]
    features: Mapping[str, Any]
    created: datetime

    @property
    def selected_name(self) -> str:
        """The selected candidate's name."""
        name: str = self.evaluation["selected"]["candidate"]
        return name

    @property
    def selected(self) -> JudgedModel:
        """The selected candidate."""
        return self.models[self.selected_name]

    @property
    def champion(self) -> JudgedModel | None:
        """The champion, if it was judged."""
        return self.models.get("champion")

    @property
    def probability(self) -> Floats:
        """The selected candidate's probabilities for the test companies."""
        return self.selected.probability

    @property
    def levels(self) -> list[dict[str, Any]]:
        """The selected candidate's risk levels, lowest first."""
        levels: list[dict[str, Any]] = self.selected.facts["risk_levels"]
        return levels

    @property
    def data_warning(self) -> str | None:
        """A warning about data that is not the original data set; None if it is."""
        data = self.evaluation["data"]
        return known_files.data_warning(data["file"], data["sha256"])
