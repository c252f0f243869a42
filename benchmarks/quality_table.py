"""The figures of the quality benchmark: kept as JSON, shown as a Markdown table."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.pages import put
from steps.dataset.columns import RATIOS

# What the table shows of one fit, by name.
Figures = dict[str, float]

RESULTS = Path(__file__).with_name("results") / "quality.json"
DOCS = Path(__file__).parents[1] / "docs" / "honest-figures.md"
DIGITS = {"ROC-AUC": 4, "PR-AUC": 3, "Brier": 4, "ECE": 4, "recall at 5 % FPR": 3}


@dataclass(frozen=True)
class Result:
    """What a recipe with so many columns reached in each fit of a protocol with one seed."""

    protocol: str
    recipe: str
    columns: int
    seed: int
    figures: list[Figures]


def table(results: Sequence[Result]) -> str:
    """Return a line per protocol, recipe and number of columns: means ± standard deviations of the fits."""
    lines: dict[tuple[str, str, int], list[Result]] = {}
    for result in results:
        lines.setdefault((result.protocol, result.recipe, result.columns), []).append(result)
    heading = f"| protocol | recipe | columns | {' | '.join(DIGITS)} | ROC-AUC by seed |"
    rule = f"|---|---|---{'|---' * len(DIGITS)}|---|"
    return "\n".join([heading, rule, *(_line(*key, of_seeds) for key, of_seeds in lines.items())])


def store(results: Sequence[Result], path: Path = RESULTS, docs: Path = DOCS) -> None:
    """Write the figures, with date and machine, and put their table into the documentation."""
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "results": [asdict(result) for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    put(docs, "bench-quality", chapter(path))


def chapter(path: Path = RESULTS) -> str:
    """Return what the documentation shows of stored figures."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    results = [Result(**result) for result in facts["results"]]
    return f"Measured on {facts['date']} by `make bench-quality` ({facts['machine']}).\n\n{table(results)}"


def _line(protocol: str, recipe: str, columns: int, of_seeds: Sequence[Result]) -> str:
    fits = [figures for result in of_seeds for figures in result.figures]
    cells = [_cell([fit[name] for fit in fits], digits) for name, digits in DIGITS.items()]
    by_seed = [f"{np.mean([fit['ROC-AUC'] for fit in result.figures]):.4f}" for result in of_seeds]
    # Where all were asked for, constant and duplicate columns still fall.
    count = columns if columns < len(RATIOS) else "all"
    return f"| {protocol} | {recipe} | {count} | {' | '.join(cells)} | {', '.join(by_seed)} |"


def _cell(values: Sequence[float], digits: int) -> str:
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"
