"""Tries the gate on the real file: `make bench-judge`.

Trains every family as the pipeline does, and measures

(a) the largest difference between served probabilities and model.joblib's, for every company of the file and
    for companies with hostile values;
(b) whether the gate refuses models that were made worse on purpose, by shuffling a third of the training
    labels;
(c) how often the gate refuses models that are equally good, because only their seed differs.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from benchmarks.quality.execution import MIN_ROC_AUC, Execution
from inference.artifact import load
from scripts.data.data_file import DataError
from scripts.data.source import resolve
from steps.dataset.reader import find_data_file, read_data
from steps.estimators.recipes import ESTIMATORS
from steps.frames import values
from steps.job import log, one_thread
from steps.judging.parity import PARITY
from steps.measures.logits import pipeline_logit

RESULTS = figures.RESULTS / "judge.json"
PAGE = figures.DOCS / "honest-figures.md"
Floats = NDArray[np.float64]

# Units change at 1, trees branch at values of the data, and float64 has a positive and a negative zero.
HOSTILE = (0.0, -0.0, 5e-324, 1e-4, np.nextafter(1, 0), 1.0, np.nextafter(1, 2), -1.0, 1e4, 1e10, -1e10, 1e12)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and store the figures; exit with 1 if a probability differs or a worse model passes."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.quality.judge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        help="the data file (default: UCI 572, or sample data without a network)",
    )
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument(
        "--seed", type=int, default=42, help="seed of the training and the shuffling (default: 42)"
    )
    parser.add_argument(
        "--equals", type=int, default=5, help="number of equally good models per family (default: 5)"
    )
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    # Some networks stop after few epochs by design.
    warnings.simplefilter("ignore")
    families: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as scratch, one_thread():
        execution = Execution(Path(scratch), args.seed)
        execution.prepare(source.path)
        companies = read_data(find_data_file(execution.folder("data")))
        for name in ("baseline", *args.estimators):
            execution.train(name, "train", args.seed)
            families[name] = parity(execution.folder(f"{name}-train"), companies)
            log(f"{name}: {families[name]}")
        execution.shuffle_labels()
        for name in args.estimators:
            gate = judge_worse(execution, name, args.seed)
            families[name]["worse_passed"] = gate["passed"]
            families[name]["worse_reason"] = gate["reason"]
            log(f"{name}, a third of the labels shuffled: {gate['reason']}")
        for name in args.estimators:
            seeds = range(args.seed + 1, args.seed + 1 + args.equals)
            families[name]["equals_refused"] = count_refused_equals(execution, name, seeds)
            log(f"{name}, other seeds: {families[name]['equals_refused']} of {args.equals} refused")
    document = figures.store(
        RESULTS,
        {
            "data": "sample data" if source.is_sample else "UCI 572",
            "companies": len(companies),
            "min_roc_auc": MIN_ROC_AUC,
            "equals": args.equals,
            "families": families,
        },
    )
    put(PAGE, "make bench-judge", chapter(document))
    worst = max(max(found["difference"], found["hostile_difference"]) for found in families.values())
    passed = [name for name in args.estimators if families[name]["worse_passed"]]
    if worst > PARITY or passed:
        sys.exit(
            f"Largest difference {worst:.1e} (allowed: {PARITY:.0e}); worse models that passed: "
            f"{', '.join(passed) or 'none'}."
        )


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/honest-figures.md shows them."""
    rows = [["family", "worse model", "equally good models refused"]]
    rows += [
        [
            name,
            "passed" if found["worse_passed"] else "refused",
            f"{found['equals_refused']} of {document['equals']}",
        ]
        for name, found in document["families"].items()
        if "worse_passed" in found
    ]
    return f"{figures.source_line(document, 'make bench-judge')}\n\n{table(rows)}"


def judge_worse(execution: Execution, name: str, seed: int) -> dict[str, Any]:
    """Train a family on shuffled labels and return the gate's verdict against the good model."""
    execution.train(name, "shuffled", seed)
    evaluation = execution.evaluate(f"{name}-shuffled", "recommended", champion=f"{name}-train")
    gate: dict[str, Any] = evaluation["gate"]
    return gate


def count_refused_equals(execution: Execution, name: str, seeds: Sequence[int]) -> int:
    """Train a family with each seed, judge it against the first model, and count the refused ones."""
    execution.rename(f"{name}-train", f"{name}-first")
    refused = 0
    for seed in seeds:
        execution.train(name, "train", seed)
        evaluation = execution.evaluate(f"{name}-train", "recommended", champion=f"{name}-first")
        refused += not evaluation["gate"]["passed"]
    return refused


def parity(folder: Path, companies: pd.DataFrame) -> dict[str, Any]:
    """Return the number of features, and the largest difference over real and over hostile companies."""
    audit = joblib.load(folder / "model.joblib")
    model = load(folder)
    X = values(companies, model.contract.names)

    def difference(rows: Floats) -> float:
        expected = audit["calibration"].apply(pipeline_logit(audit["pipeline"], rows))
        return float(np.max(np.abs(model.predict_proba(rows) - expected)))

    return {
        "features": X.shape[1],
        "difference": difference(X),
        "hostile_difference": difference(hostile_companies(X)),
    }


def hostile_companies(X: Floats) -> Floats:
    """Return companies with each hostile value in every column, and in one column of a median company."""
    columns = X.shape[1]
    middling = np.tile(np.median(X, axis=0), (columns * len(HOSTILE), 1))
    middling[np.arange(len(middling)), np.arange(len(middling)) % columns] = np.repeat(HOSTILE, columns)
    return np.vstack([np.repeat(np.array(HOSTILE)[:, None], columns, axis=1), middling])


if __name__ == "__main__":
    main()
