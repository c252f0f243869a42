"""Profiles, predictions and outcomes for tests of monitoring."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steps.measures.drift import profile as binned
from steps.monitoring.profile import Profile

Floats = NDArray[np.float64]

CONTRACT = "21293902a1a1ee52"
# Ratios around 0, debts around 1, and a column with two units: 0 to 1, and from 100,000 on.
NAMES = ("ratio", "debt", "quick")
TWO_UNITS = {"largest_small": 1.0, "small_factor": 1e4, "smallest_large": 1e5, "large_factor": 1e-10}
LEVELS = [{"level": "low", "from": 0.0}, {"level": "medium", "from": 0.1}, {"level": "high", "from": 0.3}]


def companies(count: int, seed: int) -> Floats:
    """Return companies like those of training, shape (count, 3)."""
    generator = np.random.default_rng(seed)
    quick = generator.random(count)
    quick[generator.random(count) < 0.1] *= 1e9
    return np.column_stack([generator.normal(0, 1, count), generator.gamma(4, 0.25, count), quick])


def probabilities(features: Floats) -> Floats:
    """Return the model's probabilities: they rise with debt and fall with the ratio; their mean is 5 %."""
    return 1 / (1 + np.exp(4.3 + features[:, 0] - 1.2 * (features[:, 1] - 1)))


def profile_document(version: str = "3", training: int = 5000) -> dict[str, Any]:
    """Return a version's profile.json."""
    features = companies(training, seed=99)
    columns = binned({name: features[:, index] for index, name in enumerate(NAMES)})
    return {
        "contract": CONTRACT,
        "companies": training,
        "bankruptcies": 250,
        "roc_auc": 0.8,
        "risk_levels": LEVELS,
        "features": [
            {
                "name": name,
                "min": float(features[:, index].min()),
                "max": float(features[:, index].max()),
                **({"two_units": TWO_UNITS} if name == "quick" else {}),
                **columns[name],
            }
            for index, name in enumerate(NAMES)
        ],
        **binned({"probability": probabilities(features)}),
    }


def profile(version: str = "3", training: int = 5000) -> Profile:
    """Return a version's profile."""
    return Profile.from_document(profile_document(version, training), version)


def write_profiles(folder: Path, *versions: str) -> Path:
    """Write the profiles of versions to a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for version in versions:
        (folder / f"{version}.json").write_text(json.dumps(profile_document(version)), encoding="utf-8")
    return folder


def level_of(probability: float) -> str:
    """Return the risk level of a probability."""
    return str([level["level"] for level in LEVELS if probability >= level["from"]][-1])


def lines(
    features: Floats,
    *,
    version: str = "3",
    day: str = "2026-03-04",
    start: int = 0,
    ids: Sequence[str] | None = None,
    with_features: bool = True,
) -> list[dict[str, Any]]:
    """Return logged predictions of companies."""
    return [
        {
            "prediction_id": f"{version}-{day}-{start + position}",
            **({"id": ids[position]} if ids else {}),
            "timestamp": f"{day}T12:00:00.000Z",
            "source": "api",
            "version": version,
            "contract": CONTRACT,
            "prediction": int(probability >= 0.1),
            "probability": probability,
            "risk_level": level_of(probability),
            **({"features": row} if with_features else {}),
        }
        for position, (row, probability) in enumerate(
            zip(features.tolist(), probabilities(features).tolist(), strict=True)
        )
    ]


def write_log(path: Path, logged: Iterable[dict[str, Any] | str]) -> Path:
    """Write logged predictions, or lines as they are, to a compressed file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [each if isinstance(each, str) else json.dumps(each) for each in logged]
    path.write_bytes(gzip.compress("".join(f"{text}\n" for text in texts).encode()))
    return path
