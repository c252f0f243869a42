"""Measures the figures of the model card: `make model-card`.

Trains both candidates as the pipeline does by default, evaluates them, stores the figures and writes them
into docs/model-card.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.quality.execution import Execution
from scripts.data.data_file import DataError
from scripts.data.source import resolve
from steps.job import log

RESULTS = figures.RESULTS / "model_card.json"
PAGE = figures.DOCS / "model-card.md"
ESTIMATOR = "blend"
SEED = 42

_FIGURES = (
    ("roc_auc", "ROC-AUC", 3),
    ("pr_auc", "PR-AUC", 3),
    ("brier", "Brier score", 4),
    ("ece", "calibration error (ECE)", 4),
    ("ece_noise_floor", "ECE of perfect probabilities", 4),
    ("recall_at_1_percent_fpr", "recall at 1 % false positives", 2),
    ("recall_at_5_percent_fpr", "recall at 5 % false positives", 2),
    ("recall_at_10_percent_fpr", "recall at 10 % false positives", 2),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, evaluate, store the figures and update docs/model-card.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.model_card", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="the data file (default: UCI 572, downloaded)")
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    if source.is_sample:
        sys.exit(f"The model card shows figures of the real file only. {source.description}")
    with TemporaryDirectory() as scratch:
        execution = Execution(Path(scratch), SEED)
        execution.prepare(source.path)
        for name in ("baseline", ESTIMATOR):
            execution.train(name, "train", SEED)
        evaluation = execution.evaluate(f"{ESTIMATOR}-train", "best")
    document = figures.store(RESULTS, {"data": "UCI 572", **figures_of(evaluation)})
    put(PAGE, "make model-card", chapter(document))
    log(f"Wrote {PAGE}")


def figures_of(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an evaluation that the model card shows; the selected candidate comes first."""
    selected = evaluation["selected"]["candidate"]
    names = sorted(evaluation["candidates"], key=lambda name: name != selected)
    shown = ("estimator", "out_of_fold_roc_auc", "robustness", *(key for key, _, _ in _FIGURES))
    return {
        "test": {key: evaluation["test"][key] for key in ("companies", "bankruptcies")},
        "candidates": {
            name: {
                **{key: evaluation["candidates"][name][key] for key in shown},
                "intervals": {
                    key: evaluation["candidates"][name]["intervals"][key]
                    for key, _, _ in _FIGURES
                    if key in evaluation["candidates"][name]["intervals"]
                },
            }
            for name in names
        },
        "risk_levels": evaluation["risk_levels"],
    }


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/model-card.md shows them."""
    candidates = document["candidates"]
    titles = [f"{name} ({item['estimator']})" for name, item in candidates.items()]
    test = document["test"]
    rows = [
        ["", *titles],
        ["ROC-AUC, out of fold", *(f"{item['out_of_fold_roc_auc']:.3f}" for item in candidates.values())],
        *(
            [label, *(_with_interval(item, key, digits) for item in candidates.values())]
            for key, label, digits in _FIGURES
        ),
        *(
            [
                f"flagged companies whose level changes if digit {digits} is jittered, out of fold",
                *(_percent(item["robustness"]["level_changes"][digits]) for item in candidates.values()),
            ]
            for digits in next(iter(candidates.values()))["robustness"]["level_changes"]
        ),
        [
            "companies with a wrong-way effect, out of fold, for the worst ratio",
            *(_worst_effect(item["robustness"]["wrong_way"]) for item in candidates.values()),
        ],
    ]
    levels = [["flagged from", "probability", "", "false positives", "recall", "precision"]]
    for level in document["risk_levels"]:
        for kind, label in (("expected", "expected, out of fold"), ("observed", "unseen companies")):
            if "expected" in level:
                rates = [level[kind][rate] for rate in ("false_positive_rate", "recall", "precision")]
                shown = ["–" if rate is None else _percent(rate) for rate in rates]
                levels.append([level["level"], f"{level['from']:.3f}", label, *shown])
    return "\n\n".join(
        [
            f"{figures.source_line(document, 'make model-card')} {test['companies']:,} unseen companies, "
            f"{test['bankruptcies']} of them bankrupt; 95 % bootstrap intervals.",
            table(rows),
            table(levels),
        ]
    )


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _worst_effect(wrong_way: Mapping[str, float]) -> str:
    ratio, share = max(wrong_way.items(), key=lambda item: item[1])
    return f"{_percent(share)} ({ratio})" if share else _percent(share)


def _with_interval(item: Mapping[str, Any], key: str, digits: int) -> str:
    interval = item["intervals"].get(key)
    if interval is None:
        return f"{item[key]:.{digits}f}"
    low, high = interval["low"], interval["high"]
    return f"{interval['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
