"""Fixtures: small generated companies, and a workspace in which the steps have run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steps.dataset.columns import RATIOS, TARGET

CONSTANT = "Net Income Flag"
DUPLICATE, ORIGINAL = "Current Liability to Liability", "Current Liabilities/Liability"
INFORMATIVE = RATIOS[:8]


def make_companies(rows: int = 600, bankrupt: int = 120, seed: int = 0) -> pd.DataFrame:
    """Return companies whose first eight ratios separate the classes, with some values up to 1e10."""
    generator = np.random.default_rng(seed)
    y = np.zeros(rows, dtype=np.int8)
    y[generator.choice(rows, bankrupt, replace=False)] = 1
    table = generator.uniform(0, 1, size=(rows, len(RATIOS)))
    table[:, : len(INFORMATIVE)] += 0.25 * y[:, None]
    frame = pd.DataFrame(table, columns=list(RATIOS))
    huge = generator.random(rows) < 0.05
    frame["Current Ratio"] = np.where(huge, frame["Current Ratio"] * 1e10, frame["Current Ratio"])
    frame[CONSTANT] = 1.0
    frame[DUPLICATE] = frame[ORIGINAL]
    frame.insert(0, TARGET, y)
    return frame


def write_data(path: Path, frame: pd.DataFrame) -> Path:
    """Write a data file like the real one: all names but the target's have a leading space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name if name == TARGET else f" {name}" for name in frame.columns]
    frame.to_csv(path, index=False, header=names)
    return path


@pytest.fixture
def companies() -> Callable[..., pd.DataFrame]:
    return make_companies


@pytest.fixture
def data_file() -> Callable[[Path, pd.DataFrame], Path]:
    return write_data


@dataclass(frozen=True)
class Workspace:
    """The folders of one execution."""

    root: Path

    def folder(self, name: str) -> Path:
        return self.root / name

    def arguments(self, *names: str) -> list[str]:
        """Return `--name folder` for each name."""
        return [word for name in names for word in (f"--{name}", str(self.folder(name)))]


def run_training_side(root: Path, frame: pd.DataFrame) -> Workspace:
    """Run all steps but Evaluate, as the pipeline does."""
    from steps import resample, select_features, train_baseline, train_recommended
    from steps.export.archive import pack_model

    space = Workspace(root)
    write_data(root / "data" / "companies.csv", frame)
    select_features.main([*space.arguments("data", "train", "test", "features"), "--feature-count", "20"])
    resample.main(space.arguments("train", "features", "resampled"))
    shared = space.arguments("train", "features")
    train_baseline.main(
        [
            *shared,
            *space.arguments("resampled"),
            "--model-dir",
            str(root / "model-baseline"),
            "--processes",
            "1",
        ]
    )
    train_recommended.main(
        [*shared, "--model-dir", str(root / "model-recommended"), "--estimator", "logistic"]
    )
    for candidate in ("baseline", "recommended"):
        pack_model(root / f"model-{candidate}", root / candidate / "model.tar.gz")
    (root / "champion").mkdir()
    (root / "champion" / "none.txt").write_text("No model has been deployed yet.\n")
    return space


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return run_training_side(tmp_path_factory.mktemp("execution"), make_companies())
