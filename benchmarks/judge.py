"""Tries the judge on a data file: ``python -m benchmarks.judge [DATA]``.

Trains every candidate family as the pipeline does, and prints
(a) how far served probabilities lie from model.joblib's, for every company of the file and for hostile ones;
(b) what the gate says of a model that was made worse on purpose: trained with the labels of a third of the
training companies shuffled among them, and judged against the good one;
(c) how often the gate refuses an equally good model: the same training with other seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import inference
from scripts.data.source import DataError, resolve
from steps import evaluate, resample, select_features, train_baseline, train_recommended
from steps.dataset.columns import TARGET
from steps.dataset.reader import find_data_file, read_data
from steps.estimators.recipes import ESTIMATORS
from steps.export.files import pack_model
from steps.frames import values
from steps.job import log, one_thread
from steps.judging.parity import PARITY
from steps.measures.logits import pipeline_logit

Floats = NDArray[np.float64]

MINIMUM = 0.8  # MinRocAuc, as an execution has it unless told otherwise
# Units change at 1, trees branch at values of the data, and float64 has a zero of each sign.
HOSTILE = (0.0, -0.0, 5e-324, 1e-4, np.nextafter(1, 0), 1.0, np.nextafter(1, 2), -1.0, 1e4, 1e10, -1e10, 1e12)


def main(argv: Sequence[str] | None = None) -> None:
    """Print both tables; exit with 1 where a probability differs or the worse model passes."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.judge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, nargs="?", help="a data file; default: the UCI file, or sample data"
    )
    parser.add_argument("--estimators", nargs="*", choices=list(ESTIMATORS), default=list(ESTIMATORS))
    parser.add_argument("--seed", type=int, default=42, help="of training and of the shuffling (default: 42)")
    parser.add_argument(
        "--equals", type=int, default=5, help="equally good models of each family (default: 5)"
    )
    args = parser.parse_args(argv)
    try:
        source = resolve(args.data)
    except DataError as error:
        sys.exit(str(error))
    log(f"Data: {source.description}\n")
    # Networks with few epochs on purpose need not converge.
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as scratch, one_thread():
        space = Space(Path(scratch), args.seed)
        space.prepare(source.path)
        companies = read_data(find_data_file(space.folder("data")))
        log(f"(a) served against model.joblib: {len(companies):,} companies and hostile ones\n")
        log("| family | features | largest difference | over hostile companies |")
        log("|---|---|---|---|")
        worst = 0.0
        for name in ("baseline", *args.estimators):
            space.train(name, "train", args.seed)
            found = parity(space.folder(f"{name}-train"), companies)
            worst = max(worst, *found[1:])
            log(f"| {name} | {found[0]} | {found[1]:.1e} | {found[2]:.1e} |")
        log("\n(b) the gate, of models trained on labels of which a third is shuffled\n")
        space.shuffle_labels()
        passed = [name for name in args.estimators if worse_passes(space, name, args.seed)]
        log(f"\n(c) the gate, of {args.equals} models of each family that differ in their seed alone\n")
        for name in args.estimators:
            refused = equals_refused(space, name, range(args.seed + 1, args.seed + 1 + args.equals))
            log(f"- {name}: {refused} refused")
    if worst > PARITY or passed:
        sys.exit(f"Largest difference {worst:.1e} (allowed: {PARITY:.0e}); passed: {', '.join(passed)}.")


class Space:
    """The folders of an execution, with a training job for each family; `seed` is that of its other steps."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root, self._seed = root, seed

    def folder(self, name: str) -> Path:
        """Return a folder by name."""
        return self._root / name

    def prepare(self, data: Path) -> None:
        """Split the data, choose columns and resample."""
        self.folder("data").mkdir()
        (self.folder("data") / data.name).symlink_to(data.resolve())
        seed = ("--random-seed", str(self._seed))
        _silently(select_features.main, [*self._options("data", "train", "test", "features"), *seed])
        _silently(resample.main, [*self._options("train", "features", "resampled"), *seed])

    def train(self, name: str, companies: str, seed: int) -> None:
        """Train a family on the companies in a folder, into the folder `<name>-<companies>`."""
        options = ["--train", str(self.folder(companies)), *self._options("features")]
        options += ["--random-seed", str(seed), "--model-dir", str(self.folder(f"{name}-{companies}"))]
        if name == "baseline":
            _silently(train_baseline.main, [*options, *self._options("resampled")])
        else:
            _silently(train_recommended.main, [*options, "--estimator", name])

    def keep(self, name: str, as_name: str) -> None:
        """Keep a folder under another name."""
        self.folder(name).rename(self.folder(as_name))

    def shuffle_labels(self) -> None:
        """Make the folder `shuffled`: training companies, a third of whose labels are mixed among them."""
        train = pd.read_parquet(self.folder("train") / "train.parquet")
        generator = np.random.default_rng(self._seed)
        third = generator.permutation(len(train))[: len(train) // 3]
        labels = train[TARGET].to_numpy(copy=True)
        labels[third] = labels[generator.permutation(third)]
        self.folder("shuffled").mkdir()
        train.assign(**{TARGET: labels}).to_parquet(self.folder("shuffled") / "train.parquet")

    def judge(self, recommended: str, register: str, champion: str | None = None) -> dict[str, Any]:
        """Judge the models trained into folders and return the evaluation."""
        placed = {"baseline": "baseline-train", "recommended": recommended, "champion": champion}
        for place, trained in placed.items():
            if trained:
                pack_model(self.folder(trained), self.folder(place) / "model.tar.gz")
        inputs = self._options("baseline", "recommended", "test", "features", "champion")
        outputs = self._options("evaluation", "model")
        settings = ["--register-candidate", register, "--min-roc-auc", str(MINIMUM)]
        _silently(evaluate.main, [*inputs, *outputs, *settings, "--random-seed", str(self._seed)])
        path = self.folder("evaluation") / "evaluation.json"
        evaluation: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return evaluation

    def _options(self, *names: str) -> list[str]:
        return [word for name in names for word in (f"--{name}", str(self.folder(name)))]


def worse_passes(space: Space, name: str, seed: int) -> bool:
    """Judge a family trained on shuffled labels against the good one; return whether it passed."""
    space.train(name, "shuffled", seed)
    gate = space.judge(f"{name}-shuffled", "recommended", champion=f"{name}-train")["gate"]
    log(f"- {name}: {'PASSED' if gate['passed'] else 'refused'}. {gate['reason']}")
    return bool(gate["passed"])


def equals_refused(space: Space, name: str, seeds: Sequence[int]) -> int:
    """Judge a family trained with each seed against the first one; return how many were refused."""
    space.keep(f"{name}-train", f"{name}-first")
    refused = 0
    for seed in seeds:
        space.train(name, "train", seed)
        gate = space.judge(f"{name}-train", "recommended", champion=f"{name}-first")["gate"]
        refused += not gate["passed"]
    return refused


def parity(folder: Path, companies: pd.DataFrame) -> tuple[int, float, float]:
    """Return the number of features, and the largest difference over real and over hostile companies."""
    audit = joblib.load(folder / "model.joblib")
    model = inference.load(folder)
    X = values(companies, model.contract.names)

    def difference(rows: Floats) -> float:
        expected = audit["calibration"].apply(pipeline_logit(audit["pipeline"], rows))
        return float(np.max(np.abs(model.predict_proba(rows) - expected)))

    return X.shape[1], difference(X), difference(hostile(X))


def hostile(X: Floats) -> Floats:
    """Return companies with each hostile value in every column, and in one column of a middling company."""
    columns = X.shape[1]
    middling = np.tile(np.median(X, axis=0), (columns * len(HOSTILE), 1))
    middling[np.arange(len(middling)), np.arange(len(middling)) % columns] = np.repeat(HOSTILE, columns)
    return np.vstack([np.repeat(np.array(HOSTILE)[:, None], columns, axis=1), middling])


def _silently(step: Any, arguments: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        step(arguments)


if __name__ == "__main__":
    main()
