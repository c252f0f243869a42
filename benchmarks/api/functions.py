"""Measures the cold imports and the zip sizes of the Lambda functions: `make bench-functions`.

Each import runs in a separate process, from a freshly unpacked zip, without cached bytecode. Times are CPU
time, which other load hardly changes.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.common import figures
from benchmarks.common.pages import put, table
from scripts.deploy.packaging import FUNCTIONS, LARGEST, pack

RESULTS = figures.RESULTS / "functions.json"
PAGE = figures.DOCS / "api.md"
TARGET_SECONDS = {
    "predict_api": 0.6,
    "deploy_model": 0.5,
    "send_notices": 0.5,
    "watch_api": 0.5,
    "watch_model": 0.5,
}
RUNS = 9
# Environment variables that the functions read on import.
_ENVIRONMENT = {
    "API_KEY_REQUIRED": "true",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "BUCKET": "bucket",
    "CORS_ORIGINS": "*",
    "ENDPOINT_NAME": "endpoint",
    "POWERTOOLS_METRICS_NAMESPACE": "namespace",
    "POWERTOOLS_SERVICE_NAME": "service",
    "PREDICTION_LOG": "off",
}
_MEASURE = """
import importlib, sys, time
started = time.process_time()
importlib.import_module(sys.argv[1])
print(time.process_time() - started)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and store the figures; return 1 if a function misses its target."""
    argparse.ArgumentParser(prog="benchmarks.api.functions", description=__doc__).parse_args(arguments)
    measured = {
        function: {
            "import_cpu_seconds": round(import_seconds(function), 2),
            "target_seconds": TARGET_SECONDS[function],
            "zip_bytes": len(pack(function).content),
            "zip_limit_bytes": LARGEST,
        }
        for function in FUNCTIONS
    }
    document = figures.store(RESULTS, {"runs": RUNS, "functions": measured})
    put(PAGE, "make bench-functions", chapter(document))
    sys.stdout.write(chapter(document) + "\n")
    return int(
        any(
            found["import_cpu_seconds"] > found["target_seconds"] or found["zip_bytes"] > LARGEST
            for found in measured.values()
        )
    )


def chapter(document: figures.Document) -> str:
    """Return the stored figures as docs/api.md shows them."""
    rows = [["function", "import, CPU time", "target", "zip", "limit"]]
    rows += [
        [
            name,
            f"{found['import_cpu_seconds']:.2f} s",
            f"{found['target_seconds']} s",
            f"{found['zip_bytes'] / 1000:.1f} kB",
            f"{found['zip_limit_bytes'] // 1000} kB",
        ]
        for name, found in document["functions"].items()
    ]
    source = figures.source_line(document, "make bench-functions")
    return f"{source} Median of {document['runs']} imports.\n\n{table(rows, '---:')}"


def import_seconds(function: str, runs: int = RUNS) -> float:
    """Return the median CPU seconds of importing a function's handler."""
    return median(_import_once(function) for _ in range(runs))


def _import_once(function: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(io.BytesIO(pack(function).content)) as archive:
            archive.extractall(folder)
        inherited = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        run = subprocess.run(
            [sys.executable, "-c", _MEASURE, f"{function}.handler"],
            env={**inherited, **_ENVIRONMENT, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=Path(folder),
            capture_output=True,
            text=True,
            check=True,
        )
    return float(run.stdout)


if __name__ == "__main__":
    sys.exit(main())
