"""Measures what explaining a company costs: ``python -m benchmarks.explain``, or ``make bench-explain``.

Trains the model on sample data (once), then times one company with and without explanation in turn, and as
many as a request may hold. The computing is of one core, which a busy machine leaves as it is.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.batch import trained
from benchmarks.scale import SOURCE
from inference import load
from inference.explain import MAX_COMPANIES, explain
from inference.forward.stage import Floats
from scripts.data.sample import generate
from steps.export.files import unpack_model

TARGET_MS = 5.0
TURNS = 200


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print; end with 1 if one company takes longer than the target."""
    parser = argparse.ArgumentParser(prog="benchmarks.explain", description=__doc__)
    parser.add_argument("--estimator", default="blend")
    parser.add_argument(
        "--folder", type=Path, default=SOURCE / "build" / "batch", help="for the trained model"
    )
    args = parser.parse_args(argv)
    archive = trained(args.folder, args.estimator)
    with tempfile.TemporaryDirectory() as folder:
        unpack_model(archive, Path(folder))
        model = load(Path(folder))
    frame = generate(MAX_COMPANIES, seed=1)
    frame.columns = [name.strip() for name in frame.columns]
    X: Floats = frame[list(model.contract.names)].to_numpy(dtype=float)
    plain, explained = [], []
    for turn in range(TURNS):
        company = X[turn % len(X)][None]
        plain.append(_milliseconds(partial(model.predict_proba, company)))
        explained.append(_milliseconds(partial(explain, model, company)))
    many = median(_milliseconds(partial(explain, model, X)) for _ in range(5)) / len(X)
    one = median(explained)
    times = one / median(plain)
    lines = (
        f"{args.estimator}, {X.shape[1]} columns, sample data; {os.cpu_count()} cores, {platform.system()}",
        f"one company, predicted   {median(plain):6.2f} ms of computing",
        f"one company, explained   {one:6.2f} ms, {times:.1f} times as much; target: {TARGET_MS:g} ms",
        f"of {len(X)} companies, each  {many:6.2f} ms",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    if one > TARGET_MS:
        sys.exit(1)


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


if __name__ == "__main__":
    main()
