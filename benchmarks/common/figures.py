"""Stores the figures of a benchmark with their date and machine, and reads them back."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"
BUILD = ROOT / "build"  # data and models that a later run reuses

Document = Mapping[str, Any]


def machine() -> str:
    """Return the machine class: cores, operating system, Python."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def today() -> str:
    """Return the date in UTC, as YYYY-MM-DD."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def model_parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of benchmarks that train an estimator and then measure it."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--estimator", default="blend")
    parser.add_argument("--folder", type=Path, default=BUILD / "batch", help="folder for the data and models")
    return parser


def store(path: Path, figures: Document) -> dict[str, Any]:
    """Write figures to a JSON file, together with the date and the machine; return what `load` reads."""
    document = {"measured": today(), "machine": machine(), **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return load(path)


def load(path: Path) -> dict[str, Any]:
    """Read stored figures."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def source_line(document: Document, target: str) -> str:
    """Return the sentence that says when, how and where stored figures were measured."""
    data = f" on {document['data']}" if "data" in document else ""
    return f"Measured on {document['measured']} by `{target}`{data} ({document['machine']})."
