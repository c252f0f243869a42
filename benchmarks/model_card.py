"""Writes the figures of the model card: ``python -m benchmarks.model_card [DATA]``.

Trains both candidates as the pipeline does by default, judges them, and puts the tables into
docs/model-card.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.judge import Space
from benchmarks.pages import put
from scripts.data.source import DataError, resolve
from steps.job import log

CARD = Path(__file__).parent.parent / "docs" / "model-card.md"
ESTIMATOR = "blend"
SEED = 42

_FIGURES = (
    ("roc_auc", "ROC-AUC", 3),
    ("pr_auc", "PR-AUC", 3),
    ("brier", "Brier score", 4),
    ("ece", "calibration error", 4),
    ("recall_at_1_percent_fpr", "recall at 1 % false positives", 2),
    ("recall_at_5_percent_fpr", "recall at 5 % false positives", 2),
    ("recall_at_10_percent_fpr", "recall at 10 % false positives", 2),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.model_card", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="a data file; default: the UCI file")
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    if source.is_sample:
        sys.exit(f"The card holds figures of the real file alone. {source.description}")
    with TemporaryDirectory() as scratch:
        space = Space(Path(scratch), SEED)
        space.prepare(source.path)
        for name in ("baseline", ESTIMATOR):
            space.train(name, "train", SEED)
        evaluation = space.judge(f"{ESTIMATOR}-train", "best")
    put(CARD, "model-card", tables(evaluation))
    log(f"Wrote {CARD}")


def tables(evaluation: dict[str, Any]) -> str:
    """Return the card's tables: figures of both candidates, and what the risk levels find."""
    names = sorted(evaluation["candidates"], key=lambda name: name != evaluation["selected"]["candidate"])
    candidates = [evaluation["candidates"][name] for name in names]
    titles = [f"{name} ({item['estimator']})" for name, item in zip(names, candidates, strict=True)]
    test = evaluation["test"]
    machine = f"{os.cpu_count()} cores, {platform.system()}"
    lines = [
        f"{datetime.now(UTC):%d %B %Y}, {machine}; {test['companies']:,} unseen companies, "
        f"{test['bankruptcies']} of them bankrupt; 95 % bootstrap intervals.",
        "",
        _row(["", *titles]),
        _row(["---"] * (len(titles) + 1)),
        _row(["ROC-AUC, out of fold", *(f"{item['out_of_fold_roc_auc']:.3f}" for item in candidates)]),
        *(
            _row([label, *(_figure(item, key, digits) for item in candidates)])
            for key, label, digits in _FIGURES
        ),
        "",
        _row(["flagged from", "probability", "", "false positives", "recall", "precision"]),
        _row(["---"] * 6),
    ]
    for level in evaluation["risk_levels"]:
        for kind, words in (("expected", "expected, out of fold"), ("observed", "unseen companies")):
            if "expected" in level:
                rates = [level[kind][rate] for rate in ("false_positive_rate", "recall", "precision")]
                shown = ["–" if rate is None else f"{rate:.1%}".replace("%", " %") for rate in rates]
                lines.append(_row([level["level"], f"{level['from']:.3f}", words, *shown]))
    return "\n".join([*lines, ""])


def _figure(item: dict[str, Any], key: str, digits: int) -> str:
    interval = item["intervals"].get(key)
    if interval is None:
        return f"{item[key]:.{digits}f}"
    low, high = interval["low"], interval["high"]
    return f"{interval['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
