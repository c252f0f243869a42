"""Measures every step of the workflow on sample data of 1, 10 and 100 times the real file's rows.

``python -m benchmarks.scale`` draws the data once, runs each step as a process of its own, prints and stores
seconds, seconds of computing and peak memory, and shows them in docs/scale.md. The companies are drawn anew,
not copied: copies would be each other's nearest neighbours, and what searches for neighbours would look
better than it is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.scale_page import PAGE, write
from scripts.data.sample import ROWS, generate
from steps.job import log

SOURCE = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results") / "scale.json"
STEPS = ("SelectFeatures", "Resample", "TrainBaseline", "TrainRecommended", "Evaluate")
ESTIMATORS = ("logistic", "boosting", "mlp-bag", "forest", "blend")
SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """What one step took.

    Attributes
    ----------
    seconds, cpu_seconds
        On the clock, and of computing on all cores.
    peak_mib
        The most memory that the step and the processes that it started held at one moment.
    """

    factor: int
    rows: int
    step: str
    estimator: str
    seconds: float
    cpu_seconds: float
    peak_mib: int
    failed: bool
    measured: str


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table and store it."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--factors", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--estimators", nargs="*", choices=ESTIMATORS, default=["logistic", "blend"])
    parser.add_argument("--folder", type=Path, default=SOURCE / "build" / "scale", help="for data and models")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--docs", type=Path, default=PAGE, help="page that shows the figures")
    args = parser.parse_args(argv)
    for factor in args.factors:
        for measured in measure(args.folder / str(factor), factor, args.steps, args.estimators):
            store(args.results, measured)
            log(_line(measured))
    write(args.results, args.docs)


def measure(folder: Path, factor: int, steps: Sequence[str], estimators: Sequence[str]) -> Iterator[Measured]:
    """Run the steps in `folder` on `factor` times the rows; a step finds there what an earlier run left."""
    data = folder / "data" / "sample-data.csv"
    if not data.exists():
        write_data(data, factor)

    def step(name: str, estimator: str, *command: str) -> Measured:
        seconds, cpu_seconds, peak, code = run([sys.executable, "-m", *command])
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        return Measured(factor, factor * ROWS, name, estimator, seconds, cpu_seconds, peak, code != 0, today)

    features = ["--features", str(folder / "features")]
    train = ["--train", str(folder / "train"), *features]
    if "SelectFeatures" in steps:
        where = ["--data", str(data.parent), "--test", str(folder / "test")]
        yield step("SelectFeatures", "", "steps.select_features", *where, *train)
    resampled = ["--resampled", str(folder / "resampled")]
    if "Resample" in steps:
        yield step("Resample", "", "steps.resample", *train, *resampled)
    if "TrainBaseline" in steps:
        model = ["--model-dir", str(folder / "baseline" / "model")]
        yield step("TrainBaseline", "mlp", "steps.train_baseline", *train, *resampled, *model)
        pack(folder / "baseline")
    for estimator in estimators:
        kept = folder / estimator
        if "TrainRecommended" in steps:
            model = ["--model-dir", str(kept / "model"), "--estimator", estimator]
            yield step("TrainRecommended", estimator, "steps.train_recommended", *train, *model)
            pack(kept)
        if "Evaluate" in steps:
            (folder / "champion").mkdir(exist_ok=True)
            where = [
                *("--baseline", str(folder / "baseline"), "--recommended", str(kept)),
                *("--test", str(folder / "test"), "--champion", str(folder / "champion"), *features),
                *("--evaluation", str(kept / "evaluation"), "--model", str(kept / "registered")),
            ]
            yield step("Evaluate", estimator, "steps.evaluate", *where)


def write_data(path: Path, factor: int) -> None:
    """Write `factor` blocks of sample data, each as large as the real file and drawn with its own seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        for seed in range(factor):
            generate(ROWS, seed).to_csv(file, index=False, header=seed == 0, lineterminator="\n")
    partial.rename(path)


def pack(folder: Path) -> None:
    """Archive a trained model as SageMaker does; not part of what is measured."""
    from steps.export.files import pack_model  # noqa: PLC0415 (scikit-learn; the measuring process stays small.)

    if (folder / "model" / "model.json").exists():
        pack_model(folder / "model", folder / "model.tar.gz")
        shutil.rmtree(folder / "model")


def run(command: Sequence[str]) -> tuple[float, float, int, int]:
    """Run a command; return seconds, seconds of computing, peak memory in MiB and the exit code."""
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=SOURCE, start_new_session=True)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while child.returncode is None:
            peak = max(peak, session_mib(child.pid))
            time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    watcher.join()
    # Linux counts in KiB, macOS in bytes; of the largest process alone, but between the samples too.
    largest = usage.ru_maxrss // (2**20 if platform.system() == "Darwin" else 2**10)
    seconds = time.perf_counter() - started
    return seconds, usage.ru_utime + usage.ru_stime, max(peak, largest), child.returncode


def session_mib(session: int) -> int:
    """Return the memory of all processes of a session, what they share counted once; 0 without /proc."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything; the session is the fourth field after it.
            if int(stat.read_text().rpartition(")")[2].split()[3]) != session:
                continue
            lines = (stat.parent / "smaps_rollup").read_text().splitlines()
        except (OSError, ValueError, IndexError):
            continue  # it has ended since
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total // 2**10


def store(path: Path, measured: Measured) -> None:
    """Put a measurement into the results in place of an earlier one of the same step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8"))["steps"] if path.exists() else []
    key: Callable[[dict[str, object]], tuple[object, ...]] = lambda entry: (  # noqa: E731
        entry["factor"],
        entry["step"],
        entry["estimator"],
    )
    entries = [entry for entry in known if key(entry) != key(asdict(measured))]
    entries.append(asdict(measured))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    text = json.dumps({"machine": machine, "data": "sample data", "steps": entries}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _line(measured: Measured) -> str:
    what = f"{measured.step} {measured.estimator}".strip()
    state = "  FAILED" if measured.failed else ""
    return (
        f"{measured.factor:>4}x {what:<28} {measured.seconds:>9.1f} s {measured.cpu_seconds:>9.1f} s cpu "
        f"{measured.peak_mib:>7,} MiB{state}"
    )


if __name__ == "__main__":
    main()
