"""Writes predictions as CSV or JSON Lines, and counts them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from scripts.companies.output import RESULT, safe_cell

if TYPE_CHECKING:
    from scripts.predict.predictions import Result

MOST_ERRORS = 10  # that a summary keeps
LEVELS = ("low", "medium", "high")
_ANSWERED = ("prediction_id", "prediction", "probability", "risk_level", "confidence", "explanation")


class CsvOutput:
    """Writes one line per company, in order; a company without a prediction has an error.

    Parameters
    ----------
    unit
        What a company's number counts, such as ``line``; the first column's name.
    ids
        The names of the values that identify a company; they follow.
    explain
        Whether to add a column with the explanation.
    """

    def __init__(self, stream: TextIO, unit: str, ids: Sequence[str] = (), *, explain: bool = False) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._header = (unit, *map(safe_cell, ids), *RESULT, *(["explanation"] if explain else []))
        self._is_empty = True

    def add(self, result: Result) -> None:
        """Write one line, after the header if it is the first."""
        self.finish()
        answer = result.prediction
        cells: tuple[object, ...]
        if answer is None:
            cells = ("", "", "", "", safe_cell(result.error), "")
        else:
            figures = (answer["prediction"], answer["probability"]["bankrupt"], answer["risk_level"])
            cells = (*figures, result.version, "", safe_cell("; ".join(effects_of(answer))))
        row = (result.number, *map(safe_cell, result.ids), *cells)
        self._writer.writerow(row[: len(self._header)])

    def finish(self) -> None:
        """Write the header, unless it has been written."""
        if self._is_empty:
            self._writer.writerow(self._header)
        self._is_empty = False


class JsonOutput:
    """Writes one JSON object per company, each on a line, in order."""

    def __init__(self, stream: TextIO, unit: str, ids: Sequence[str] = ()) -> None:
        self._stream = stream
        self._unit = unit
        self._ids = ids

    def add(self, result: Result) -> None:
        """Write one line."""
        line: dict[str, Any] = {self._unit: result.number, **dict(zip(self._ids, result.ids, strict=True))}
        if result.prediction is None:
            line["error"] = result.error
        else:
            line |= {**result.prediction, "model_version": result.version}
            if result.warnings:
                line["warnings"] = result.warnings
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        """Do nothing: every line has been written."""


class ListOutput:
    """Collects the predictions as JSON data.

    Attributes
    ----------
    predictions
        One object per company, in order.
    """

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.predictions: list[dict[str, Any]] = []
        self._ids = ids

    def add(self, result: Result) -> None:
        """Add one object, which always has the same fields."""
        answer = result.prediction or {}
        self.predictions.append(
            {
                "number": result.number,
                "ids": dict(zip(self._ids, result.ids, strict=True)),
                **{name: answer.get(name) for name in _ANSWERED},
                "model_version": result.version,
                "warnings": result.warnings,
                "error": result.error,
            }
        )

    def finish(self) -> None:
        """Do nothing: every object has been added."""


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
    """Return the effects of an explanation, such as ``Debt ratio % +0.25``."""
    return [f"{effect['feature']} {effect['effect']:+.2f}" for effect in prediction.get("explanation", [])]
