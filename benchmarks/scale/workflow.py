"""Measures each step on sample data of 1, 10 and 100 times the rows of the real file: `make bench-scale`.

The companies are drawn again rather than copied: copies would be each other's nearest neighbours, which
would make every search for neighbours look faster than it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common import figures
from benchmarks.common.steps import STEPS, MeasuredStep, run_steps
from benchmarks.scale.page import PAGE, write
from steps.estimators.recipes import ESTIMATORS
from steps.job import log

RESULTS = figures.RESULTS / "scale.json"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the steps, print and store the figures, and update docs/scale.md."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale.workflow", description=__doc__)
    parser.add_argument("--factors", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=["logistic", "blend"])
    parser.add_argument(
        "--folder", type=Path, default=figures.BUILD / "scale", help="folder for the data and models"
    )
    args = parser.parse_args(argv)
    for factor in args.factors:
        for measured in run_steps(args.folder / str(factor), factor, args.steps, args.estimators):
            store(measured)
            log(_line(measured))
    write(RESULTS, PAGE)


def store(measured: MeasuredStep) -> None:
    """Add a measurement to the results; it replaces an earlier one of the same step."""
    known = figures.load(RESULTS)["steps"] if RESULTS.exists() else []
    new = asdict(measured)
    entries = [entry for entry in known if _key(entry) != _key(new)]
    figures.store(RESULTS, {"data": "sample data", "steps": [*entries, new]})


def _key(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry["factor"], entry["step"], entry["estimator"]


def _line(measured: MeasuredStep) -> str:
    name = f"{measured.step} {measured.estimator}".strip()
    state = "  FAILED" if measured.failed else ""
    return (
        f"{measured.factor:>4}x {name:<28} {measured.seconds:>9.1f} s {measured.cpu_seconds:>9.1f} s cpu "
        f"{measured.peak_mib:>7,} MiB{state}"
    )


if __name__ == "__main__":
    main()
