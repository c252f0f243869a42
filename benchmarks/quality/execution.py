"""Runs the steps of one execution in this process, in folders under a root."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steps import evaluate, resample, select_features, train_baseline, train_recommended
from steps.dataset.columns import TARGET
from steps.export.archive import pack_model

MIN_ROC_AUC = 0.8  # the default of the pipeline's parameter MinRocAuc


class Execution:
    """The folders of an execution; models are trained into folders named `<family>-<companies>`."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root, self._seed = root, seed

    def folder(self, name: str) -> Path:
        """Return the path of a folder."""
        return self._root / name

    def prepare(self, data: Path) -> None:
        """Split the data, select columns and resample."""
        self.folder("data").mkdir()
        (self.folder("data") / data.name).symlink_to(data.resolve())
        seed = ("--random-seed", str(self._seed))
        _run(select_features.main, [*self._options("data", "train", "test", "features"), *seed])
        _run(resample.main, [*self._options("train", "features", "resampled"), *seed])

    def train(self, family: str, companies: str, seed: int) -> None:
        """Train a family on the companies in the folder `companies`."""
        options = ["--train", str(self.folder(companies)), *self._options("features")]
        options += ["--random-seed", str(seed), "--model-dir", str(self.folder(f"{family}-{companies}"))]
        if family == "baseline":
            _run(train_baseline.main, [*options, *self._options("resampled")])
        else:
            _run(train_recommended.main, [*options, "--estimator", family])

    def rename(self, folder: str, new: str) -> None:
        """Rename a folder."""
        self.folder(folder).rename(self.folder(new))

    def shuffle_labels(self) -> None:
        """Write the folder `shuffled`: the training companies, with a third of their labels shuffled."""
        train = pd.read_parquet(self.folder("train") / "train.parquet")
        generator = np.random.default_rng(self._seed)
        third = generator.permutation(len(train))[: len(train) // 3]
        labels = train[TARGET].to_numpy(copy=True)
        labels[third] = labels[generator.permutation(third)]
        self.folder("shuffled").mkdir()
        train.assign(**{TARGET: labels}).to_parquet(self.folder("shuffled") / "train.parquet")

    def evaluate(self, recommended: str, register: str, champion: str | None = None) -> dict[str, Any]:
        """Evaluate the models trained into folders and return evaluation.json.

        Parameters
        ----------
        recommended, champion
            Folders of trained models; the baseline is always `baseline-train`.
        register
            The candidate to register: best, baseline or recommended.
        """
        models = {"baseline": "baseline-train", "recommended": recommended, "champion": champion}
        for role, trained in models.items():
            if trained:
                pack_model(self.folder(trained), self.folder(role) / "model.tar.gz")
        inputs = self._options("baseline", "recommended", "test", "features", "champion")
        outputs = self._options("evaluation", "model")
        settings = ["--register-candidate", register, "--min-roc-auc", str(MIN_ROC_AUC)]
        _run(evaluate.main, [*inputs, *outputs, *settings, "--random-seed", str(self._seed)])
        path = self.folder("evaluation") / "evaluation.json"
        evaluation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return evaluation

    def _options(self, *names: str) -> list[str]:
        return [word for name in names for word in (f"--{name}", str(self.folder(name)))]


def _run(step: Any, arguments: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        step(arguments)
