"""Measures the functions' cold imports and zips: ``make bench-functions``.

Each import runs in a process of its own, on a zip just unpacked, without the bytecode of an earlier one.
Times are of one core's computing, which a busy machine leaves nearly as it is.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from scripts.deploy.packaging import FUNCTIONS, LARGEST, pack

TARGET_SECONDS = {"predict_api": 0.6, "deploy_model": 0.5}
RUNS = 9
# What the functions read as they are imported.
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "BUCKET": "bucket",
    "CORS_ORIGINS": "*",
    "ENDPOINT_NAME": "endpoint",
    "POWERTOOLS_METRICS_NAMESPACE": "namespace",
    "POWERTOOLS_SERVICE_NAME": "service",
}
_MEASURE = """
import importlib, sys, time
begun = time.process_time()
importlib.import_module(sys.argv[1])
print(time.process_time() - begun)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a function misses its target."""
    argparse.ArgumentParser(prog="benchmarks.functions", description=__doc__).parse_args(arguments)
    lines = [f"cold imports, median of {RUNS}; {os.cpu_count()} cores, {platform.system()}"]
    missed = False
    for function in FUNCTIONS:
        seconds, size = import_seconds(function), len(pack(function).content)
        target = TARGET_SECONDS[function]
        missed = missed or seconds > target or size > LARGEST
        limits = f"target {target} s; zip {size / 1000:.1f} kB, at most {LARGEST // 1000} kB"
        lines.append(f"{function:13} {seconds:.2f} s of computing, {limits}")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(missed)


def import_seconds(function: str, runs: int = RUNS) -> float:
    """Return the median time to import a function's handler, in seconds of computing."""
    return median(_once(function) for _ in range(runs))


def _once(function: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(pack(function).content)) as archive:
            archive.extractall(folder)
        kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        run = subprocess.run(
            [sys.executable, "-c", _MEASURE, f"{function}.handler"],
            env={**kept, **_ENVIRONMENT, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=Path(folder),
            capture_output=True,
            text=True,
            check=True,
        )
    return float(run.stdout)


if __name__ == "__main__":
    sys.exit(main())
