"""Reads features.json: each candidate's columns, and facts about the data and the split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from steps.job import require_file


def read_features(folder: Path) -> dict[str, Any]:
    """Return the contents of features.json (see `steps.select_features`)."""
    path = require_file(folder / "features.json", "list of selected features")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def feature_names(folder: Path, candidate: str) -> list[str]:
    """Return a candidate's column names, in order."""
    names: list[str] = read_features(folder)["candidates"][candidate]["features"]
    return names
