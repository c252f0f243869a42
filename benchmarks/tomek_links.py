"""Measures what looking for Tomek links within blocks costs: ``python -m benchmarks.tomek_links``.

Takes ever more of the training companies of ten times the sample data, which `benchmarks.scale` leaves, and
looks for links among all that SMOTE makes of them, and within blocks, as Resample does above a bound.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from imblearn.over_sampling import SMOTE
from sklearn.preprocessing import StandardScaler

from benchmarks.scale import SOURCE
from steps.features import feature_names
from steps.frames import read_frame, target, values
from steps.job import log, one_thread
from steps.resample import LARGEST_BLOCK, without_tomek_links

SEED = 42


def main(argv: Sequence[str] | None = None) -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(prog="benchmarks.tomek_links", description=__doc__)
    parser.add_argument("--folder", type=Path, default=SOURCE / "build" / "scale" / "10")
    parser.add_argument("--companies", type=int, nargs="*", default=[5_000, 10_000, 20_000, 50_000])
    parser.add_argument("--block", type=int, default=LARGEST_BLOCK)
    args = parser.parse_args(argv)
    names = feature_names(args.folder / "features", "baseline")
    train = read_frame(args.folder / "train", "train.parquet", names)
    X, y = values(train, names), target(train)
    order = np.random.default_rng(0).permutation(len(y))
    blocks = f"in blocks of {args.block:,}"
    log(f"| companies | resampled | removed, among all | removed, {blocks} | seconds: among all, {blocks} |")
    log("|---|---|---|---|---|")
    for companies in args.companies:
        seen = order[:companies]
        with one_thread():
            scaled = StandardScaler().fit_transform(X[seen])
            resampled, labels = SMOTE(random_state=SEED).fit_resample(scaled, y[seen])
            started = time.process_time()
            exact = len(without_tomek_links(resampled, labels, largest=len(labels)))
            between = time.process_time()
            in_blocks = len(without_tomek_links(resampled, labels, largest=args.block))
            seconds = f"{between - started:.1f}, {time.process_time() - between:.1f}"
        removed = f"{len(labels) - exact} | {len(labels) - in_blocks}"
        log(f"| {len(seen):,} | {len(labels):,} | {removed} | {seconds} |")


if __name__ == "__main__":
    main()
