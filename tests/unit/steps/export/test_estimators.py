"""Exported estimators return scikit-learn's probabilities, even at thresholds and for extreme values."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from support.models.blend import small_blend

from inference.artifact import load
from inference.contract import contract_hash
from inference.errors import ArtifactError
from inference.forward import chain
from steps.dataset.columns import RATIOS
from steps.estimators import recipes
from steps.estimators.boosting import BoostingBag
from steps.estimators.forest import Forest
from steps.estimators.inputs import Clip
from steps.estimators.recipes import ESTIMATORS
from steps.export.files import write_model
from steps.export.forward import served_logit
from steps.export.served import export_pipeline
from steps.frames import target, values
from steps.measures.logits import pipeline_logit
from steps.split import FOLDS
from steps.train_recommended import fit_recommended
from steps.training import Candidate, TrainingSet, train_candidate

NAMES = list(RATIOS[:60])
AS_IT_IS = SimpleNamespace(slope=1.0, intercept=0.0)
HOSTILE = [0.0, -0.0, 1.0, 1.0000001, 1e10, -1e10, -1.0, 5e-324, -1e-310, 0.3, 1e-9, 1e100, -1e100]
SMALL: dict[str, Callable[..., Pipeline]] = {
    "logistic": ESTIMATORS["logistic"],
    "networks": ESTIMATORS["networks"],
    "boosting": lambda names, seed: recipes.boosting(names, seed, bags=2, trees=20),
    "forest": lambda names, seed: recipes.forest(names, seed, trees=20),
    "blend": small_blend,
}


def contract(names: list[str]) -> dict[str, Any]:
    return {
        "contract": contract_hash(names),
        "features": [{"name": name} for name in names],
        "threshold": 0.12,
        "risk_levels": [{"level": "low", "from": 0.0}],
    }


def hostile(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(6).choice(HOSTILE, (rows, columns))


def assert_served(pipeline: Pipeline, X: np.ndarray, names: list[str], folder: Path) -> None:
    write_model(folder, export_pipeline(pipeline, AS_IT_IS), contract(names), None)
    model = load(folder)
    served = model.predict_proba(X)
    with np.errstate(all="ignore"):
        expected = 1 / (1 + np.exp(-pipeline_logit(pipeline, X)))
    np.testing.assert_allclose(served, expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(served_logit(pipeline)(X), model.log_odds(X))
    for row in range(0, len(X), 97):
        np.testing.assert_allclose(model.predict_proba(X[row : row + 1]), served[row], rtol=0, atol=1e-12)


def test_all_estimators_are_tested() -> None:
    assert set(SMALL) == set(ESTIMATORS)


@pytest.mark.parametrize("name", SMALL)
def test_served_probabilities_equal_those_of_scikit_learn(
    name: str, companies: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    frame = companies(rows=400, bankrupt=80)
    X = values(frame, NAMES)
    pipeline = SMALL[name](NAMES, 7).fit(X, target(frame))
    assert_served(pipeline, np.vstack([X, hostile(500, len(NAMES))]), NAMES, tmp_path)


def thresholds(classifier: BoostingBag | Forest) -> np.ndarray:
    if isinstance(classifier, Forest):
        return np.concatenate([tree.tree_.threshold for tree in classifier.forest_.estimators_])
    nodes = [trees[0].nodes for member in classifier.members_ for trees in member._predictors]
    return np.concatenate([tree["num_threshold"] for tree in nodes])


@pytest.mark.parametrize("classifier", [BoostingBag(bags=2, trees=30), Forest(trees=20)])
def test_values_at_thresholds_go_to_the_same_side_as_in_scikit_learn(
    classifier: BoostingBag | Forest, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    X = np.column_stack(
        [rng.normal(size=600), rng.lognormal(0, 9, 600), rng.random(600), rng.integers(0, 4, 600)]
    )
    y = (X[:, 0] + rng.normal(size=600) > 1).astype(int)
    pipeline = make_pipeline(Clip(1e12), classifier).fit(X, y)
    exact = rng.choice(thresholds(classifier), (2000, 4))
    near = [exact, np.nextafter(exact, np.inf), np.nextafter(exact, -np.inf), exact.astype(np.float32)]
    assert_served(pipeline, np.vstack([X, *near]), ["a", "b", "c", "d"], tmp_path)


def test_a_tree_with_one_leaf_is_served(tmp_path: Path) -> None:
    # GIVEN too few companies for boosting to split
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = (np.arange(40) % 4 == 0).astype(int)
    for classifier in (BoostingBag(bags=1, trees=2), Forest(trees=2).set_params(seed=3)):
        assert_served(make_pipeline(Clip(1e12), classifier).fit(X, y), X, ["a", "b"], tmp_path)


def test_large_boosted_trees_are_rejected() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    bag = BoostingBag(bags=1, trees=1).fit(X, y)
    bag.members_ = [
        HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=9, min_samples_leaf=2).fit(X, y)
    ]
    with pytest.raises(TypeError, match=r"9 leaves, .* at most 8 leaves"):
        export_pipeline(make_pipeline(bag), AS_IT_IS)


def test_training_a_blend_from_companies_to_artifact(
    companies: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    # GIVEN 400 companies in five folds
    frame = companies(rows=400, bankrupt=80)
    fold = np.random.default_rng(0).permutation(np.arange(400) % FOLDS).astype(np.int8)
    data = TrainingSet(NAMES, values(frame, NAMES), target(frame), fold)
    # WHEN a small blend is trained, by one process and by two
    for processes in (1, 2):
        train_candidate(
            Candidate("recommended", "blend"),
            data,
            partial(fit_recommended, data, small_blend, 42),
            tmp_path / str(processes),
            processes,
        )
    # THEN it ranks unseen companies, and its bytes are equal
    facts = json.loads((tmp_path / "1" / "model.json").read_text())
    assert facts["contract"]["estimator"] == "blend"
    assert facts["contract"]["out_of_fold"]["roc_auc"] > 0.85
    for file in ("model.npz", "model.json"):
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()


TREES = {
    "0.columns": np.zeros((7, 1), np.uint16),
    "0.thresholds": np.zeros((7, 1)),
    "0.masks": np.full((7, 1), 255, np.uint8),
    "0.leaves": np.zeros((1, 8)),
}
BOOSTED = {"kind": "boosted_trees", "arrays": "0", "intercept": 0.0}
WOOD = {
    "0.columns": np.array([0, 0, 0], np.uint16),
    "0.thresholds": np.array([0.5, 0, 0], np.float32),
    "0.left": np.array([1, 1, 2], np.uint32),
    "0.leaves": np.array([0.2, 0.8]),
}
FOREST = {"kind": "forest", "arrays": "0", "trees": 1, "smallest": 1e-6}
UNITS = {"kind": "units", "columns": [0], "limit": 1.0, "large_factor": 1.0, "small_factor": 1.0}
RATIOS_SPEC = {
    "kind": "ratios",
    "limit": 1e12,
    "quotient_offsets": [],
    **{
        f"{operation}_{side}": []
        for operation in ("difference", "quotient", "product")
        for side in ("left", "right")
    },
}


def test_a_small_forest_returns_its_leaves() -> None:
    (stage,) = chain([FOREST], WOOD, 1)
    logits = stage(np.array([[0.5], [0.6]]))[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), [0.2, 0.8], rtol=1e-12)


@pytest.mark.parametrize(
    ("spec", "arrays", "message"),
    [
        (BOOSTED, {**TREES, "0.columns": np.full((7, 1), 2, np.uint16)}, "integers from 0 to 1"),
        (BOOSTED, {**TREES, "0.columns": np.zeros((7, 1))}, "integers from 0 to 1"),
        (BOOSTED, {**TREES, "0.masks": np.zeros((7, 1), np.uint8)}, "exclude all of its leaves"),
        (BOOSTED, {**TREES, "0.leaves": np.zeros((2, 8))}, "shape"),
        (FOREST, {**WOOD, "0.left": np.array([1, 0, 2], np.uint32)}, "do not form trees"),
        (FOREST, {**WOOD, "0.left": np.array([2, 1, 2], np.uint32)}, "do not form trees"),
        ({**FOREST, "trees": 4}, WOOD, "do not form trees"),
        ({**FOREST, "smallest": 0.0}, WOOD, "between 0 and 0.5"),
        ({**UNITS, "columns": [2]}, {}, "column indexes from 0 to 1"),
        ({**UNITS, "columns": None}, {}, "column indexes from 0 to 1"),
        ({**RATIOS_SPEC, "product_left": [0]}, {}, "1 left but 0 right columns for products"),
        ({**RATIOS_SPEC, "quotient_offsets": [1.0]}, {}, "a list of 0 numbers"),
        ({"kind": "clip", "limit": 0.0}, {}, "must be above 0"),
        ({"kind": "blend", "members": []}, {}, "at least one member"),
        ({"kind": "blend", "members": [[UNITS]]}, {}, "one column of logits"),
        ({"kind": "blend", "members": ["forest"]}, {}, "list of lists of stages"),
        ({"kind": "blend", "members": [[{"kind": "blend", "members": []}]]}, {}, "is another blend"),
    ],
)
def test_invalid_parameters_are_rejected(spec: dict, arrays: dict, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        chain([spec], arrays, 2)
