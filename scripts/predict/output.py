"""Writes predictions as CSV or JSON Lines, and counts them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from scripts.predict.predictions import Result

MOST_ERRORS = 10  # that a summary keeps
LEVELS = ("low", "medium", "high")


class CsvOutput:
    """Writes one line per company, in order; a company without a prediction has an error.

    Parameters
    ----------
    unit
        What a company's number counts, such as ``line``; the first column's name.
    explain
        Whether to add a column with the explanation.
    """

    def __init__(self, stream: TextIO, unit: str, *, explain: bool = False) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        header = (unit, "probability_bankrupt", "risk_level", "prediction", "model_version", "error")
        self._header = (*header, "explanation") if explain else header
        self._is_empty = True

    def add(self, result: Result) -> None:
        """Write one line, after the header if it is the first."""
        self.finish()
        answer = result.prediction
        row: tuple[object, ...]
        if answer is None:
            row = (result.number, "", "", "", "", result.error, "")
        else:
            figures = (answer["probability"]["bankrupt"], answer["risk_level"], answer["prediction"])
            row = (result.number, *figures, result.version, "", "; ".join(effects_of(answer)))
        self._writer.writerow(row[: len(self._header)])

    def finish(self) -> None:
        """Write the header, unless it has been written."""
        if self._is_empty:
            self._writer.writerow(self._header)
        self._is_empty = False


class JsonOutput:
    """Writes one JSON object per company, each on a line, in order."""

    def __init__(self, stream: TextIO, unit: str) -> None:
        self._stream = stream
        self._unit = unit

    def add(self, result: Result) -> None:
        """Write one line."""
        line: dict[str, Any] = {self._unit: result.number}
        if result.prediction is None:
            line["error"] = result.error
        else:
            line |= {**result.prediction, "model_version": result.version}
            if result.warnings:
                line["warnings"] = result.warnings
        self._stream.write(json.dumps(line) + "\n")

    def finish(self) -> None:
        """Do nothing: every line has been written."""


class Summary:
    """Counts the predictions by risk level, and keeps the first errors and warnings.

    Attributes
    ----------
    levels
        Number of companies by risk level.
    versions
        The versions that answered, in the order of their first answers.
    first_errors
        The first results with an error, at most `MOST_ERRORS`.
    errors
        Number of companies without a prediction.
    first_warnings
        The first results with warnings, at most `MOST_ERRORS`.
    warned
        Number of companies with warnings.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.levels: Counter[str] = Counter()
        self.versions: list[str] = []
        self.first_errors: list[Result] = []
        self.errors = 0
        self.first_warnings: list[Result] = []
        self.warned = 0

    @property
    def companies(self) -> int:
        """Number of companies."""
        return self.levels.total() + self.errors

    def add(self, result: Result) -> None:
        """Count one result."""
        if result.prediction is None:
            self.errors += 1
            if len(self.first_errors) < MOST_ERRORS:
                self.first_errors.append(result)
            return
        self.levels[result.prediction["risk_level"]] += 1
        if result.warnings:
            self.warned += 1
            if len(self.first_warnings) < MOST_ERRORS:
                self.first_warnings.append(result)
        if result.version is not None and result.version not in self.versions:
            self.versions.append(result.version)


def effects_of(prediction: dict[str, Any]) -> list[str]:
    """Return the effects of an explanation, such as ``+0.25 Debt ratio %``."""
    return [f"{effect['effect']:+.2f} {effect['feature']}" for effect in prediction.get("explanation", [])]
