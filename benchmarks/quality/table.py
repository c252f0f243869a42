"""Shows the figures of the quality benchmark as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common.figures import Document, source_line
from benchmarks.common.pages import table
from steps.dataset.columns import RATIOS

# The figures of one fit, by name.
Figures = dict[str, float]

DIGITS = {"ROC-AUC": 4, "PR-AUC": 3, "Brier": 4, "ECE": 4, "recall at 5 % FPR": 3}


@dataclass(frozen=True)
class Result:
    """The figures of every fit of a recipe, with one protocol, number of columns and seed."""

    protocol: str
    recipe: str
    columns: int
    seed: int
    figures: list[Figures]


def results_table(results: Sequence[Result]) -> str:
    """Return a row per protocol, recipe and number of columns: mean ± standard deviation over the fits."""
    groups: dict[tuple[str, str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.protocol, result.recipe, result.columns), []).append(result)
    heading = ["protocol", "recipe", "columns", *DIGITS, "ROC-AUC by seed"]
    return table([heading, *(_row(*key, of_seeds) for key, of_seeds in groups.items())])


def chapter(document: Document) -> str:
    """Return the stored figures as docs/honest-figures.md shows them, folded."""
    results = [Result(**result) for result in document["results"]]
    return "\n\n".join(
        [
            source_line(document, "make bench-quality"),
            "<details>\n<summary>Every protocol, recipe and number of columns</summary>",
            results_table(results),
            "</details>",
        ]
    )


def _row(protocol: str, recipe: str, columns: int, of_seeds: Sequence[Result]) -> list[str]:
    fits = [figures for result in of_seeds for figures in result.figures]
    cells = [_cell([fit[name] for fit in fits], digits) for name, digits in DIGITS.items()]
    by_seed = [f"{np.mean([fit['ROC-AUC'] for fit in result.figures]):.4f}" for result in of_seeds]
    # "all" columns, because constant and duplicate ones are dropped from the 95.
    count = str(columns) if columns < len(RATIOS) else "all"
    return [protocol, recipe, count, *cells, ", ".join(by_seed)]


def _cell(values: Sequence[float], digits: int) -> str:
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"
