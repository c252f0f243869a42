"""Resample: balances the published candidate's scaled training companies, whole and once per fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from steps.data import read_frame, target, values
from steps.features import feature_names
from steps.job import Arguments, JobError, one_thread, processing_input, processing_output, run, say
from steps.schema import TARGET
from steps.split import FOLDS

RESAMPLERS = ("smote-tomek", "smote", "none")


def main(argv: Sequence[str] | None = None) -> None:
    """Write whole.parquet, fold-<k>.parquet (companies of the other folds) and resampling.json."""
    parser = Arguments(prog="resample", description=__doc__)
    parser.add_argument("--train", type=Path, default=processing_input("train"))
    parser.add_argument("--features", type=Path, default=processing_input("features"))
    parser.add_argument("--resampled", type=Path, default=processing_output("resampled"))
    parser.add_argument("--resampler", default="smote-tomek")
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    if args.resampler not in RESAMPLERS:
        raise JobError(f"Resampler is {args.resampler!r}; it must be one of {', '.join(RESAMPLERS)}.")

    names = feature_names(args.features, "published")
    train = read_frame(args.train, "train.parquet", [*names, TARGET, "fold"])
    parts = {"whole": train} | {f"fold-{k}": train[train["fold"] != k] for k in range(FOLDS)}
    args.resampled.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = {}
    with one_thread():
        for part, companies in parts.items():
            X, y = values(companies, names), target(companies)
            scaled = StandardScaler().fit_transform(X)
            resampled, labels = resample(args.resampler, scaled, y, args.random_seed)
            frame = pd.DataFrame(resampled, columns=names).assign(**{TARGET: labels.astype(np.int8)})
            frame.to_parquet(args.resampled / f"{part}.parquet", index=False)
            counts[part] = {"before": _count(y), "after": _count(labels)}
    facts = {"resampler": args.resampler, "random_seed": args.random_seed, "counts": counts}
    (args.resampled / "resampling.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    say(f"{args.resampler}: {counts['whole']['before']} before, {counts['whole']['after']} after")


def resample(
    resampler: str, X: NDArray[np.float64], y: NDArray[np.int8], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return resampled companies: as they are with `none`, else as many bankrupt as not.

    SMOTE (Chawla et al. 2002) draws between bankrupt neighbours; SMOTE-Tomek (Batista et al. 2004)
    then removes pairs of opposite class that are each other's nearest neighbour.
    """
    if resampler == "none":
        return X, y
    sampler = SMOTETomek(random_state=seed) if resampler == "smote-tomek" else SMOTE(random_state=seed)
    resampled, labels = sampler.fit_resample(X, y)
    return resampled, labels


def _count(y: NDArray[np.int8]) -> dict[str, int]:
    return {"bankrupt": int(np.sum(y == 1)), "not_bankrupt": int(np.sum(y == 0))}


if __name__ == "__main__":
    run(main)
