"""Compares the predictions of two versions for the companies of a file."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scripts.companies.company_file import Companies
from scripts.predict.predictions import Predictions, Result
from scripts.preview.local_model import LocalModel

MOST_CHANGES = 100
MOST_REASONS = 3
DIGITS = 6


@dataclass(frozen=True)
class Answer:
    """A version's answer for one company."""

    probability_bankrupt: float
    risk_level: str


@dataclass(frozen=True)
class Reason:
    """A feature whose effect on a company differs between the two versions.

    Attributes
    ----------
    value
        The company's number.
    effect
        The feature's effect on the log-odds in the new version, minus its effect in the champion. The effect
        is 0 in a version that does not use the feature.
    """

    feature: str
    value: float
    effect: float


@dataclass(frozen=True)
class Change:
    """A company with another risk level."""

    number: int
    ids: tuple[Any, ...]
    before: Answer
    after: Answer
    reasons: tuple[Reason, ...] = ()

    @property
    def answers(self) -> tuple[Answer, Answer]:
        """The answers of both versions, the champion's first."""
        return self.before, self.after

    @property
    def size(self) -> float:
        """The change of the probability, without its sign."""
        return abs(self.after.probability_bankrupt - self.before.probability_bankrupt)


@dataclass
class Preview:
    """What a version would change for the companies of a file.

    Attributes
    ----------
    levels
        The risk levels, lowest first.
    median_scores
        The log-odds of a company with the median of every feature, the champion's first. Effects are relative
        to them, so their difference adds to the reasons of every change.
    companies
        The number of companies with an answer from both versions.
    moves
        The number of companies for each pair of levels, the champion's first.
    changes
        The companies with another level, the largest change of the probability first; at most 100.
    errors
        The number and the problem of each company without an answer.
    """

    champion: int
    version: int
    unit: str
    ids: tuple[str, ...]
    levels: tuple[str, ...]
    median_scores: tuple[float, float]
    companies: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    totals: list[float] = field(default_factory=lambda: [0.0, 0.0])
    changes: list[Change] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """The number of companies with another level."""
        return sum(count for (before, after), count in self.moves.items() if before != after)

    @property
    def means(self) -> tuple[float, float]:
        """The mean probabilities of both versions, the champion's first; 0 without companies."""
        count = max(self.companies, 1)
        return self.totals[0] / count, self.totals[1] / count

    def mix(self, level: str) -> tuple[int, int]:
        """Return how many companies have a level with the champion, and with the version."""
        before = sum(count for (old, _), count in self.moves.items() if old == level)
        after = sum(count for (_, new), count in self.moves.items() if new == level)
        return before, after

    def as_dict(self) -> dict[str, Any]:
        """Return the preview as JSON data."""
        champion, version = self.means
        return {
            "champion": self.champion,
            "version": self.version,
            "companies": self.companies,
            "changed": self.changed,
            "mean_probability": {"champion": champion, "version": version},
            "median_log_odds": dict(zip(("champion", "version"), self.median_scores, strict=True)),
            "levels": [
                {"level": level, "champion": before, "version": after}
                for level in self.levels
                for before, after in [self.mix(level)]
            ],
            "moves": [
                {"champion": before, "version": after, "companies": count}
                for (before, after), count in sorted(self.moves.items())
            ],
            "unit": self.unit,
            "changes": [self._change(change) for change in self.changes],
            "errors": [{"number": number, "error": problem} for number, problem in self.errors],
        }

    def _change(self, change: Change) -> dict[str, Any]:
        return {
            "number": change.number,
            "ids": dict(zip(self.ids, change.ids, strict=True)),
            "champion": vars(change.before),
            "version": vars(change.after),
            "reasons": [vars(reason) for reason in change.reasons],
        }


def preview(champion: LocalModel, version: LocalModel, read: Callable[[], Companies]) -> Preview:
    """Compare two versions on a file of companies.

    Parameters
    ----------
    champion, version
        The models.
    read
        Returns the companies, each time from the start.

    Raises
    ------
    CompanyFileError
        If the file can't be read, lacks columns of one of the models, or has numbers by position although the
        order of the columns differs.
    """
    companies = read()
    # One reader for both, so that numbers by position are rejected if the contracts differ.
    for model in (champion, version):
        companies.check(model.contract, model.names)
    levels = tuple(dict.fromkeys((*champion.levels, *version.levels)))
    scores = (champion.median_score, version.median_score)
    result = Preview(champion.version, version.version, companies.unit, companies.ids, levels, scores)
    largest: list[tuple[float, int, Change]] = []
    pairs = zip(Predictions(champion, companies), Predictions(version, read()), strict=True)
    for before, after in pairs:
        problem = before.error or after.error
        if problem is not None:
            result.errors.append((before.number, problem))
            continue
        change = Change(before.number, before.ids, _answer(before), _answer(after))
        result.companies += 1
        result.moves[change.before.risk_level, change.after.risk_level] += 1
        result.totals[0] += change.before.probability_bankrupt
        result.totals[1] += change.after.probability_bankrupt
        if change.before.risk_level != change.after.risk_level:
            # Among equal changes, the earlier company comes first.
            heapq.heappush(largest, (change.size, -change.number, change))
            if len(largest) > MOST_CHANGES:
                heapq.heappop(largest)
    reasons = dict(_reasons(champion, version, read(), {change.number for *_, change in largest}))
    result.changes = [
        Change(change.number, change.ids, change.before, change.after, reasons[change.number])
        for *_, change in sorted(largest, reverse=True)
    ]
    return result


def _answer(result: Result) -> Answer:
    prediction = result.prediction or {}
    return Answer(prediction["probability"]["bankrupt"], prediction["risk_level"])


def _reasons(
    champion: LocalModel, version: LocalModel, companies: Companies, numbers: set[int]
) -> Iterator[tuple[int, tuple[Reason, ...]]]:
    """Yield the reasons why the companies with these numbers have another probability."""
    for company in companies:
        if company.number not in numbers:
            continue
        before = champion.effects(companies.instance(company.content, champion.names))
        after = version.effects(companies.instance(company.content, version.names))
        found = [
            Reason(name, value, _difference(before.get(name), after.get(name)))
            for name, (value, _) in {**before, **after}.items()
        ]
        found.sort(key=lambda reason: -abs(reason.effect))
        yield company.number, tuple(reason for reason in found[:MOST_REASONS] if reason.effect)


def _difference(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float:
    """Return how much more a feature adds in the new version; a version without it adds 0."""
    (_, old), (_, new) = before or (0.0, 0.0), after or (0.0, 0.0)
    # Both are rounded, but the difference of rounded numbers is not.
    return round(new - old, DIGITS)
