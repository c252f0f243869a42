"""SelectFeatures: checks and splits the data, and selects each candidate's columns on the training side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from steps.dataset.columns import FEATURE_COUNT, RATIOS
from steps.dataset.reader import csv_sha256, find_data_file, read_data, unused_columns
from steps.frames import target, values
from steps.job import (
    Arguments,
    DataError,
    ParameterError,
    log,
    one_thread,
    processing_input,
    processing_output,
    run,
)
from steps.sensitivity import sensitive_to_rounding
from steps.split import FOLDS, sides, split, split_rule

Floats = NDArray[np.float64]

LARGEST_SEED = 2**32 - 1

METHODS = {
    "baseline": "f_classif (ANOVA F) on the unchanged columns",
    "recommended": "backward elimination in a logistic regression on normal scores of columns and derived "
    "ratios, averaged over resamples of the training companies; without columns sensitive to rounding",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Write train.parquet, test.parquet and features.json."""
    parser = Arguments(prog="select_features", description=__doc__)
    parser.add_argument("--data", type=Path, default=processing_input("data"))
    parser.add_argument("--train", type=Path, default=processing_output("train"))
    parser.add_argument("--test", type=Path, default=processing_output("test"))
    parser.add_argument("--features", type=Path, default=processing_output("features"))
    parser.add_argument("--feature-count", type=int, default=FEATURE_COUNT)
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    if not 1 <= args.feature_count <= len(RATIOS):
        problem = f"FeatureCount is {args.feature_count}; it must be between 1 and {len(RATIOS)}."
        raise ParameterError(problem)
    if not 0 <= args.random_seed <= LARGEST_SEED:
        raise ParameterError(f"RandomSeed is {args.random_seed}; it must be between 0 and {LARGEST_SEED}.")

    path = find_data_file(args.data)
    frame = read_data(path)
    train, test = split(frame, args.random_seed)
    facts = {
        "data": {"file": path.name, "sha256": csv_sha256(path), "companies": len(train) + len(test)},
        "split": {"rule": split_rule(frame), **_split_facts(train, test)},
        "feature_count": args.feature_count,
        "random_seed": args.random_seed,
        "candidates": select(train, args.feature_count, args.random_seed),
    }
    for folder in (args.train, args.test, args.features):
        folder.mkdir(parents=True, exist_ok=True)
    train.to_parquet(args.train / "train.parquet", index=False)
    test.to_parquet(args.test / "test.parquet", index=False)
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    (args.features / "features.json").write_text(text, encoding="utf-8")
    log(f"{len(train):,} training and {len(test):,} test companies from {path.name}")
    if unused := unused_columns(path):
        log(f"Ignored columns: {unused}")


def check(path: Path) -> pd.DataFrame:
    """Read a data file; raise a `DataError` if this step would reject it, whatever its parameters."""
    companies = read_data(path)
    train, _ = sides(companies)
    unusable_and_sensitive(train, seed=0)
    return companies


def select(train: pd.DataFrame, count: int, seed: int) -> dict[str, Any]:
    """Select each candidate's columns, using only the training companies.

    Returns
    -------
    dict
        Per candidate: `method`, `features` (names in the order of the data file), `scores` (of every usable
        column; the highest are selected) and `rejected` (the reason for each other column). If fewer than
        `count` columns are usable, all of them are selected. `recommended` does not use columns that are
        sensitive to rounding, and also has `stability`: the share of resamples that would select each column.
    """
    rejected, sensitive = unusable_and_sensitive(train, seed)
    usable = [name for name in RATIOS if name not in rejected]
    selectable = [name for name in usable if name not in sensitive]
    X, y = values(train, usable), target(train)
    from steps.selection import elimination_order  # noqa: PLC0415 (An invalid file fails before this slow import.)

    with one_thread():
        order = elimination_order(values(train, selectable), y, selectable, seed)
    stability = np.mean(order >= len(selectable) - count, axis=0)
    return {
        "baseline": _choose("baseline", usable, _f_scores(X, y), count, rejected),
        "recommended": {
            **_choose("recommended", selectable, order.mean(axis=0), count, rejected | sensitive),
            "stability": dict(zip(selectable, stability.tolist(), strict=True)),
        },
    }


def unusable_and_sensitive(train: pd.DataFrame, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns that no candidate can use, and those that only the baseline can use, with reasons.

    Raises
    ------
    DataError
        If no column is left for a candidate.
    """
    rejected = unusable(train)
    usable = [name for name in RATIOS if name not in rejected]
    if not usable:
        raise DataError("Every ratio is constant over the training companies, so no model can be trained.")
    sensitive = sensitive_to_rounding(values(train, usable), target(train), usable, seed)
    if len(sensitive) == len(usable):
        raise DataError(
            "Every ratio is sensitive to rounding, so no ratio can be used for the recommended candidate.",
            "Use a file with more digits, or with ratios that differ more between companies.",
        )
    return rejected, sensitive


def unusable(train: pd.DataFrame) -> dict[str, str]:
    """Return the unusable columns with the reason: constant, or equal to an earlier column."""
    reasons: dict[str, str] = {}
    first_with: dict[bytes, str] = {}
    for name in RATIOS:
        column = train[name].to_numpy(dtype=np.float64) + 0.0
        earlier = first_with.setdefault(column.tobytes(), name)
        if np.all(column == column[0]):
            reasons[name] = f"constant: every training company has {column[0]:g}"
        elif earlier != name:
            reasons[name] = f"duplicate of {earlier}"
    return reasons


def _choose(
    candidate: str, usable: Sequence[str], scores: Floats, count: int, rejected: dict[str, str]
) -> dict[str, Any]:
    # A stable sort selects the earlier of two columns with equal scores on every machine.
    ranking = np.argsort(-scores, kind="stable")
    chosen = set(ranking[:count].tolist())
    rank = {usable[index]: position for position, index in enumerate(ranking.tolist(), start=1)}
    return {
        "method": METHODS[candidate],
        "features": [name for index, name in enumerate(usable) if index in chosen],
        "scores": dict(zip(usable, scores.tolist(), strict=True)),
        "rejected": rejected
        | {
            name: f"lower score: rank {rank[name]} of {len(usable)}"
            for index, name in enumerate(usable)
            if index not in chosen
        },
    }


def _f_scores(X: Floats, y: NDArray[np.int8]) -> Floats:
    from sklearn.feature_selection import f_classif  # noqa: PLC0415

    with np.errstate(divide="ignore", invalid="ignore"):
        scores: Floats = f_classif(X, y)[0]
    # F is infinite for a column that separates the classes perfectly: it has no variance within them.
    return np.nan_to_num(scores, nan=0.0, posinf=float(np.finfo(np.float64).max))


def _split_facts(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    def counts(part: pd.DataFrame) -> dict[str, int]:
        return {
            "companies": len(part),
            "firms": part["firm"].nunique(),
            "bankruptcies": int(target(part).sum()),
        }

    return {
        "train": counts(train),
        "test": counts(test),
        "folds": [counts(train[train["fold"] == number]) for number in range(FOLDS)],
    }


if __name__ == "__main__":
    run(main)
