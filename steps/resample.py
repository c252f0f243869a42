"""Resample: balances the scaled training companies of the baseline, all together and once per fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import TomekLinks
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from steps.dataset.columns import TARGET
from steps.estimators.samples import bounded
from steps.features import feature_names
from steps.frames import read_frame, target, values
from steps.job import Arguments, log, one_thread, processing_input, processing_output, require_choice, run
from steps.split import FOLDS

# The resampled UCI data fits into one block, so all of its links are found; see docs/scale.md.
LARGEST_BLOCK = 15_000

RESAMPLERS = ("smote-tomek", "smote", "none")


def main(argv: Sequence[str] | None = None) -> None:
    """Write whole.parquet, fold-<k>.parquet (companies outside fold k) and resampling.json."""
    parser = Arguments(prog="resample", description=__doc__)
    parser.add_argument("--train", type=Path, default=processing_input("train"))
    parser.add_argument("--features", type=Path, default=processing_input("features"))
    parser.add_argument("--resampled", type=Path, default=processing_output("resampled"))
    parser.add_argument("--resampler", default="smote-tomek")
    parser.add_argument("--random-seed", type=int, default=42)
    args = parser.parse_args(argv)
    require_choice("Resampler", args.resampler, RESAMPLERS)

    names = feature_names(args.features, "baseline")
    train = read_frame(args.train, "train.parquet", [*names, TARGET, "fold"])
    all_X, all_y, fold = values(train, names), target(train), train["fold"].to_numpy()
    del train  # its unused columns take most of the memory
    parts = {"whole": fold >= 0} | {f"fold-{k}": fold != k for k in range(FOLDS)}
    args.resampled.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = {}
    with one_thread():
        for part, chosen in parts.items():
            X, y = all_X[chosen], all_y[chosen]
            scaler = StandardScaler().fit(X)  # on the same companies as in TrainBaseline
            sample = bounded(y, args.random_seed)
            before = y[sample]
            after, labels = resample(args.resampler, scaler.transform(X[sample]), before, args.random_seed)
            frame = pd.DataFrame(after, columns=names).assign(**{TARGET: labels.astype(np.int8)})
            frame.to_parquet(args.resampled / f"{part}.parquet", index=False)
            counts[part] = {"before": _count(before), "after": _count(labels)}
    facts = {"resampler": args.resampler, "random_seed": args.random_seed, "counts": counts}
    (args.resampled / "resampling.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    log(f"{args.resampler}: {counts['whole']['before']} before, {counts['whole']['after']} after")


def resample(
    resampler: str, X: NDArray[np.float64], y: NDArray[np.int8], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return resampled companies: unchanged with `none`, otherwise with balanced classes.

    SMOTE (Chawla et al. 2002) interpolates between bankrupt neighbors. SMOTE-Tomek (Batista et al. 2004)
    then removes Tomek links: pairs of opposite class that are each other's nearest neighbor.
    """
    if resampler == "none":
        return X, y
    resampled, labels = SMOTE(random_state=seed).fit_resample(X, y)
    if resampler == "smote-tomek":
        kept = without_tomek_links(resampled, labels)
        resampled, labels = resampled[kept], labels[kept]
    return resampled, labels


def without_tomek_links(
    X: NDArray[np.float64], y: NDArray[np.int8], largest: int = LARGEST_BLOCK
) -> NDArray[np.intp]:
    """Return the sorted indexes of the companies that are not in a Tomek link.

    The time to find nearest neighbors grows with the square of the number of companies. So more than
    `largest` companies are divided into blocks of close companies, and neighbors are only searched for
    within a block. This misses some links between blocks, and reports some links although a company in
    another block is nearer.
    """
    kept = [_unlinked(X, y, block) for block in _blocks(X, np.arange(len(X)), largest)]
    return np.sort(np.concatenate(kept))


def _unlinked(X: NDArray[np.float64], y: NDArray[np.int8], block: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(np.unique(y[block])) == 1:
        return block
    tomek = TomekLinks(sampling_strategy="all")
    tomek.fit_resample(X[block], y[block])
    kept: NDArray[np.intp] = block[tomek.sample_indices_]
    return kept


def _blocks(X: NDArray[np.float64], companies: NDArray[np.intp], largest: int) -> list[NDArray[np.intp]]:
    """Split companies at the median of the column with the largest variance, until each block fits."""
    if len(companies) <= largest:
        return [companies]
    column = X[companies, np.argmax(X[companies].std(axis=0))]
    # Split by rank, because many companies can share the median.
    order = companies[np.argsort(column, kind="stable")]
    middle = len(order) // 2
    return [
        block for half in (order[:middle], order[middle:]) for block in _blocks(X, np.sort(half), largest)
    ]


def _count(y: NDArray[np.int8]) -> dict[str, int]:
    return {"bankrupt": int(np.sum(y == 1)), "not_bankrupt": int(np.sum(y == 0))}


if __name__ == "__main__":
    run(main)
