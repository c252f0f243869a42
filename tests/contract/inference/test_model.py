"""A loaded model: its contract, its probabilities, and descriptions that are rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.models.artifacts import CONTRACT, MANY_STAGES, NAMES, SERVED, change, loads_or_is_rejected
from support.timing import cpu_time_below

from inference.artifact import MAX_STAGES, load
from inference.contract import contract_hash
from inference.errors import ArtifactError
from inference.forward.stage import CHUNK_ROWS
from steps.export.files import write_model
from steps.export.served import ServedModel


def test_the_contract_hash_is_the_hash_of_compact_json() -> None:
    # printf '%s' '["ROA(C) before …","Revenue Per Share (Yuan ¥)"]' | sha256sum | cut -c1-16
    assert contract_hash(NAMES) == "94a7708515f3a077"
    assert contract_hash(NAMES[::-1]) == "70d4f5ba6fb2246a"


def test_a_loaded_model_has_its_contract(folder: Path) -> None:
    contract = load(folder).contract
    assert contract.hash == "94a7708515f3a077"
    assert contract.names == tuple(NAMES)
    assert contract.threshold == 0.12
    assert contract.facts == CONTRACT
    levels = [contract.risk_level(p) for p in (0.0, 0.049, 0.05, 0.199, 0.2, 1.0)]
    assert levels == ["low", "low", "medium", "medium", "high", "high"]


@pytest.mark.parametrize("rows", [0, 1, CHUNK_ROWS, 2 * CHUNK_ROWS + 1])
def test_any_number_of_rows_is_predicted_in_order(folder: Path, rows: int) -> None:
    X = np.random.default_rng(1).normal(size=(rows, 2))
    expected = 1 / (1 + np.exp(-(X[:, 0] - X[:, 1])))
    probabilities = load(folder).predict_proba(X)
    assert probabilities.shape == (rows,)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 2, 2)])
def test_a_matrix_of_another_shape_is_rejected(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"it must be \(n, 2\)"):
        load(folder).predict_proba(np.zeros(shape))


def test_another_models_arrays_are_rejected(folder: Path, tmp_path: Path) -> None:
    other = ServedModel({**SERVED.arrays, "0.intercept": np.ones(1)}, SERVED.spec)
    write_model(tmp_path / "other", other, CONTRACT, None)
    (folder / "model.npz").write_bytes((tmp_path / "other" / "model.npz").read_bytes())
    with pytest.raises(ArtifactError, match="belongs to another model"):
        load(folder)


def test_a_tree_that_is_a_chain_is_rejected(tmp_path: Path) -> None:
    # GIVEN a tree whose right children form a chain of thousands of nodes
    inner = np.arange(0, 12_000, 2)
    left = np.arange(12_001, dtype=np.uint32)
    left[inner] = inner + 1
    arrays = {
        "wood.columns": np.zeros(len(left), np.uint16),
        "wood.thresholds": np.zeros(len(left), np.float32),
        "wood.left": left,
        "wood.leaves": np.full(len(inner) + 1, 0.5),
    }
    stages = [
        {"kind": "forest", "arrays": "wood", "trees": 1, "smallest": 1e-6},
        {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
    ]
    with pytest.raises(ArtifactError, match="has trees with 6000 levels; at most 500 are supported"):
        write_model(tmp_path, ServedModel(arrays, {"stages": stages}), CONTRACT, None)


def test_a_model_of_too_many_stages_is_rejected_before_it_is_built(folder: Path) -> None:
    def blend(members: int) -> Callable[[dict[str, Any]], object]:
        linear = {"kind": "linear", "arrays": "0"}
        return lambda d: d.update(
            stages=[{"kind": "blend", "members": [[linear]] * members}, d["stages"][-1]]
        )

    change(folder, blend(20_000))
    message = rf"has 20,002 stages, with those of its blends; at most {MAX_STAGES} are allowed\. Export"
    with cpu_time_below(5), pytest.raises(ArtifactError, match=message):
        load(folder)
    change(folder, lambda d: d.update(stages=[{"kind": "clip"}] * 201))
    with pytest.raises(ArtifactError, match="has 201 stages"):
        load(folder)
    # Stages that share one large array would each copy it.
    change(folder, lambda d: d.update(stages=[{"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}]))
    change(folder, blend(2))
    with pytest.raises(ArtifactError, match="2 stages have the arrays '0'; each stage needs its own"):
        load(folder)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


@pytest.mark.parametrize("junk", [None, 10**400, "x", [[]], {}], ids=lambda junk: type(junk).__name__)
def test_a_changed_description_is_rejected_or_valid(tmp_path: Path, junk: object) -> None:
    write_model(tmp_path, MANY_STAGES, CONTRACT, None)
    whole = (tmp_path / "model.json").read_text(encoding="utf-8")
    rejected = 0
    for *path, last in places(json.loads(whole))[1:]:
        description = node = json.loads(whole)
        for key in path:
            node = node[key]
        node[last] = junk
        (tmp_path / "model.json").write_text(json.dumps(description), encoding="utf-8")
        rejected += not loads_or_is_rejected(tmp_path)
    assert rejected > 30
