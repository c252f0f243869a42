"""Resample: balances the baseline candidate's scaled training companies, whole and once per fold."""

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
from steps.job import Arguments, JobError, one_thread, processing_input, processing_output, run, say
from steps.split import FOLDS

# The UCI file's companies, resampled, fit into one block, so of it every link is found; see docs/scale.md.
LARGEST_BLOCK = 15_000

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

    names = feature_names(args.features, "baseline")
    train = read_frame(args.train, "train.parquet", [*names, TARGET, "fold"])
    all_X, all_y, fold = values(train, names), target(train), train["fold"].to_numpy()
    del train  # with all its columns it is the larger part
    parts = {"whole": fold >= 0} | {f"fold-{k}": fold != k for k in range(FOLDS)}
    args.resampled.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Any] = {}
    with one_thread():
        for part, chosen in parts.items():
            X, y = all_X[chosen], all_y[chosen]
            scaler = StandardScaler().fit(X)  # on all of them, as TrainBaseline does again
            sample = bounded(y, args.random_seed)
            before = y[sample]
            after, labels = resample(args.resampler, scaler.transform(X[sample]), before, args.random_seed)
            frame = pd.DataFrame(after, columns=names).assign(**{TARGET: labels.astype(np.int8)})
            frame.to_parquet(args.resampled / f"{part}.parquet", index=False)
            counts[part] = {"before": _count(before), "after": _count(labels)}
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
    resampled, labels = SMOTE(random_state=seed).fit_resample(X, y)
    if resampler == "smote-tomek":
        kept = without_tomek_links(resampled, labels)
        resampled, labels = resampled[kept], labels[kept]
    return resampled, labels


def without_tomek_links(
    X: NDArray[np.float64], y: NDArray[np.int8], largest: int = LARGEST_BLOCK
) -> NDArray[np.intp]:
    """Return the positions, in order, of the companies that are in no Tomek link.

    The time to find nearest neighbours grows with the square of their number. So above `largest` companies
    they are looked for within blocks of at most that many which lie close together: then some links across
    the blocks' borders are missed, and some pairs are taken for links although a third is nearer.
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
    """Halve companies at the median of the column that varies most, until no part is too large."""
    if len(companies) <= largest:
        return [companies]
    column = X[companies, np.argmax(X[companies].std(axis=0))]
    # By rank, not by value: companies that share the median are shared out too.
    order = companies[np.argsort(column, kind="stable")]
    middle = len(order) // 2
    return [
        block for half in (order[:middle], order[middle:]) for block in _blocks(X, np.sort(half), largest)
    ]


def _count(y: NDArray[np.int8]) -> dict[str, int]:
    return {"bankrupt": int(np.sum(y == 1)), "not_bankrupt": int(np.sum(y == 0))}


if __name__ == "__main__":
    run(main)
