"""Shows the figures of the quality benchmark as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common.figures import Document, source_line
from benchmarks.common.pages import table
from benchmarks.quality.protocols import BLOCKS_APART
from steps.dataset.columns import RATIOS

MINUS_RANDOM = "ROC-AUC minus that of random rows"
DIGITS = {
    "ROC-AUC": 4,
    "ROC-AUC within blocks": 4,
    MINUS_RANDOM: 4,
    "PR-AUC": 3,
    "log loss": 4,
    "Brier": 4,
    "ECE": 4,
    "ECE noise floor": 4,
    "recall at 5 % FPR": 3,
    "recall at 1 % FPR": 3,
}
SHOWN = (
    "ROC-AUC",
    MINUS_RANDOM,
    "ROC-AUC within blocks",
    "PR-AUC",
    "Brier",
    "ECE",
    "ECE noise floor",
    "recall at 5 % FPR",
)
WAYS = ("random rows", "firms apart", BLOCKS_APART)


@dataclass(frozen=True)
class Result:
    """The figures of a recipe with one protocol, number of columns and seed; some with a 95 % interval."""

    protocol: str
    recipe: str
    columns: int
    seed: int
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def results_table(results: Sequence[Result]) -> str:
    """Return a row per protocol, recipe and number of columns: the mean over the seeds."""
    groups: dict[tuple[str, str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.recipe, result.columns), []).append(result)
    heading = ["protocol", "recipe", "columns", *DIGITS, "ROC-AUC by seed"]
    return table([heading, *(_row(*key, of_seeds) for key, of_seeds in groups.items())])


def ways_table(results: Sequence[Result], recipes: Sequence[str], columns: int) -> str:
    """Return a row per recipe and way to judge: means over seeds and layouts of blocks, with intervals."""
    rows = [["recipe", "judged on", *SHOWN]]
    for recipe in recipes:
        rows += [
            [recipe, way, *(_with_interval(chosen, name) for name in SHOWN)]
            for way in WAYS
            if (chosen := of_way(results, way, recipe, columns))
        ]
    return table(rows)


def of_way(results: Sequence[Result], way: str, recipe: str, columns: int) -> list[Result]:
    """Return the results of a recipe for a way to judge: those of all its seeds and layouts."""
    return [
        result
        for result in results
        if result.protocol.startswith(way) and (result.recipe, result.columns) == (recipe, columns)
    ]


def chapter(document: Document) -> str:
    """Return the stored figures as docs/honest-figures.md shows them; all but the main ones are folded."""
    results = [Result(**result) for result in document["results"]]
    return "\n\n".join(
        [
            source_line(document, "make bench-quality"),
            ways_table(results, ["blend", "logistic", "baseline"], 50),
            "<details>\n<summary>Every protocol, recipe and number of columns</summary>",
            results_table(results),
            "</details>",
        ]
    )


def _row(protocol: str, recipe: str, columns: int, of_seeds: Sequence[Result]) -> list[str]:
    cells = [_mean(of_seeds, name) for name in DIGITS]
    by_seed = [f"{result.figures['ROC-AUC']:.4f}" for result in of_seeds]
    # "all" columns, because constant and duplicate ones are dropped from the 95.
    count = str(columns) if columns < len(RATIOS) else "all"
    return [protocol, recipe, count, *cells, ", ".join(by_seed)]


def _mean(results: Sequence[Result], name: str) -> str:
    found = [result.figures[name] for result in results if name in result.figures]
    return f"{np.mean(found):.{DIGITS[name]}f}" if found else "–"


def _with_interval(results: Sequence[Result], name: str) -> str:
    bounds = [result.intervals[name] for result in results if name in result.intervals]
    if not bounds:
        return _mean(results, name)
    low, high = np.mean(bounds, axis=0)
    return f"{_mean(results, name)} ({low:.{DIGITS[name] - 1}f} to {high:.{DIGITS[name] - 1}f})"
