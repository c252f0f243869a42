"""What a report is about: the figures, the models behind them and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steps.judging.judging import Judged
from steps.measures.importance import Importance
from steps.measures.metrics import Floats, Labels

# Of UCI data set 572, as UCI's archive has it (Windows line ends) and with Unix line ends.
UCI_SHA256 = (
    "67bf2e7c75490f7ad3f76bbce57d49cdc25967cdab607527b94f944863fa14d8",
    "cbe49e73a9dfb375fca2bae51a39948c7d283469cb4cf65a12ce0d228afb8fa1",
)
SAMPLE = "sample-data.csv"


@dataclass(frozen=True)
class Subject:
    """All that a report shows.

    Attributes
    ----------
    evaluation
        The contents of evaluation.json.
    y
        The test companies' labels.
    models
        The candidates, and `champion` where it was judged.
    importance
        Of the selected candidate's features, the most important first.
    features
        The contents of features.json.
    created
        When.
    """

    evaluation: Mapping[str, Any]
    y: Labels
    models: Mapping[str, Judged]
    importance: list[Importance]
    features: Mapping[str, Any]
    created: datetime

    @property
    def selected_name(self) -> str:
        """The selected candidate's name."""
        name: str = self.evaluation["selected"]["candidate"]
        return name

    @property
    def selected(self) -> Judged:
        """The selected candidate."""
        return self.models[self.selected_name]

    @property
    def champion(self) -> Judged | None:
        """The model in service, where it was judged."""
        return self.models.get("champion")

    @property
    def probability(self) -> Floats:
        """The selected candidate's probabilities for the test companies."""
        return self.selected.probability

    @property
    def levels(self) -> list[dict[str, Any]]:
        """The selected candidate's risk levels, in rising order."""
        levels: list[dict[str, Any]] = self.selected.facts["risk_levels"]
        return levels

    @property
    def data_warning(self) -> str | None:
        """What to say of data that is not UCI 572; None where it is."""
        data = self.evaluation["data"]
        if data["sha256"] in UCI_SHA256:
            return None
        if data["file"] == SAMPLE:
            return (
                "Sample data: the companies are invented, and no figure here says anything about real ones."
            )
        return f"Not the UCI data set 572: these figures are about the companies in {data['file']}."
