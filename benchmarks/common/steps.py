"""Runs the steps of the workflow on sample data, each in a separate process, and measures them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.figures import ROOT, today
from benchmarks.common.processes import session_mib
from benchmarks.common.sample import write_sample
from scripts.data.sample import ROWS

STEPS = ("SelectFeatures", "Resample", "TrainBaseline", "TrainRecommended", "Evaluate")
SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class MeasuredStep:
    """Time and memory of one step.

    Attributes
    ----------
    factor, rows
        How many times the rows of the real file, and how many rows that is.
    seconds, cpu_seconds
        Wall-clock time, and CPU time over all cores.
    peak_mib
        The most memory that the step and its child processes held at one moment.
    measured
        Date of the measurement.
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


def run_steps(
    folder: Path, factor: int, steps: Sequence[str], estimators: Sequence[str]
) -> Iterator[MeasuredStep]:
    """Run steps on `factor` times the rows of the real file.

    The steps read and write subfolders of `folder`; the output of an earlier run there is reused.
    """
    data = write_sample(folder / "data" / "sample-data.csv", factor * ROWS)

    def run(name: str, estimator: str, *command: str) -> MeasuredStep:
        seconds, cpu_seconds, peak, code = _run([sys.executable, "-m", *command])
        return MeasuredStep(
            factor, factor * ROWS, name, estimator, seconds, cpu_seconds, peak, code != 0, today()
        )

    features = ["--features", str(folder / "features")]
    train = ["--train", str(folder / "train"), *features]
    if "SelectFeatures" in steps:
        inputs = ["--data", str(data.parent), "--test", str(folder / "test")]
        yield run("SelectFeatures", "", "steps.select_features", *inputs, *train)
    resampled = ["--resampled", str(folder / "resampled")]
    if "Resample" in steps:
        yield run("Resample", "", "steps.resample", *train, *resampled)
    if "TrainBaseline" in steps:
        model = ["--model-dir", str(folder / "baseline" / "model")]
        yield run("TrainBaseline", "mlp", "steps.train_baseline", *train, *resampled, *model)
        _pack(folder / "baseline")
    for estimator in estimators:
        trained = folder / estimator
        if "TrainRecommended" in steps:
            model = ["--model-dir", str(trained / "model"), "--estimator", estimator]
            yield run("TrainRecommended", estimator, "steps.train_recommended", *train, *model)
            _pack(trained)
        if "Evaluate" in steps:
            (folder / "champion").mkdir(exist_ok=True)
            folders = [
                *("--baseline", str(folder / "baseline"), "--recommended", str(trained)),
                *("--test", str(folder / "test"), "--champion", str(folder / "champion"), *features),
                *("--evaluation", str(trained / "evaluation"), "--model", str(trained / "registered")),
            ]
            yield run("Evaluate", estimator, "steps.evaluate", *folders)


def _pack(folder: Path) -> None:
    """Archive a trained model as SageMaker does; the time for it is not measured."""
    from steps.export.archive import pack_model  # noqa: PLC0415 (Keeps scikit-learn out of the measuring process.)

    if (folder / "model" / "model.json").exists():
        pack_model(folder / "model", folder / "model.tar.gz")
        shutil.rmtree(folder / "model")


def _run(command: Sequence[str]) -> tuple[float, float, int, int]:
    """Run a command; return seconds, CPU seconds, peak memory in MiB and the exit code."""
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
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
    # ru_maxrss is in KiB on Linux and in bytes on macOS. It covers the largest process alone, but never
    # misses a peak between two samples.
    largest = usage.ru_maxrss // (2**20 if platform.system() == "Darwin" else 2**10)
    seconds = time.perf_counter() - started
    return seconds, usage.ru_utime + usage.ru_stime, max(peak, largest), child.returncode
