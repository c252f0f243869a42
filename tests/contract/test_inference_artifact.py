"""Loads models and contracts, and rejects damaged and foreign files."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inference
from inference.artifact import CHUNK_ROWS, MAX_JSON_BYTES, MAX_NPZ_BYTES, MAX_STAGES
from steps.export.files import write_model
from steps.export.served import ServedModel

NAMES = ["ROA(C) before interest and depreciation before interest", "Revenue Per Share (Yuan ¥)"]
CONTRACT = {
    "contract": "94a7708515f3a077",
    "features": [{"name": name} for name in NAMES],
    "threshold": 0.12,
    "risk_levels": [
        {"level": "low", "from": 0.0},
        {"level": "medium", "from": 0.05},
        {"level": "high", "from": 0.2},
    ],
    "estimator": "logistic",
}
SERVED = ServedModel(
    {"0.coefficients": np.array([[1.0], [-1.0]]), "0.intercept": np.zeros(1)},
    {
        "stages": [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path, SERVED, CONTRACT, None)
    return tmp_path


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    edit(description)
    path.write_text(json.dumps(description), encoding="utf-8")


def state_hash_of_arrays(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.npz").read_bytes()).hexdigest()
    change(folder, lambda description: description.update(model_npz_sha256=digest))


def test_the_contract_hash_is_the_hash_of_compact_json() -> None:
    # printf '%s' '["ROA(C) before …","Revenue Per Share (Yuan ¥)"]' | sha256sum | cut -c1-16
    assert inference.contract_hash(NAMES) == "94a7708515f3a077"
    assert inference.contract_hash(NAMES[::-1]) == "70d4f5ba6fb2246a"


def test_a_loaded_model_has_its_contract(folder: Path) -> None:
    contract = inference.load(folder).contract
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
    probabilities = inference.load(folder).predict_proba(X)
    assert probabilities.shape == (rows,)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 2, 2)])
def test_a_matrix_of_another_shape_is_rejected(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"it must be \(n, 2\)"):
        inference.load(folder).predict_proba(np.zeros(shape))


def pickled(folder: Path) -> None:
    np.savez(folder / "model.npz", **{"0.coefficients": np.array([print], dtype=object)})
    state_hash_of_arrays(folder)


def no_archive(folder: Path) -> None:
    (folder / "model.npz").write_bytes(b"PK\x03\x04 or not")
    state_hash_of_arrays(folder)


def plain_array(folder: Path) -> None:
    with (folder / "model.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    state_hash_of_arrays(folder)


def not_arrays(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.npz", "w") as archive:
        archive.writestr("0.coefficients.npy", b"none")
    state_hash_of_arrays(folder)


def written_otherwise(compression: int) -> Callable[[Path], object]:
    """Return a function that packs the arrays with another compression and damages the stream."""

    def damage(folder: Path) -> None:
        random = np.random.default_rng(0).bytes(500)
        with zipfile.ZipFile(folder / "model.npz", "w", compression) as archive:
            archive.writestr("0.coefficients.npy", random)
        content = bytearray((folder / "model.npz").read_bytes())
        content[60:200] = bytes(140)
        (folder / "model.npz").write_bytes(content)
        state_hash_of_arrays(folder)

    return damage


def header_without_end(folder: Path) -> None:
    header = b"(" * 62 + b"\n"
    with zipfile.ZipFile(folder / "model.npz", "w") as archive:
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("0.coefficients.npy", content)
    state_hash_of_arrays(folder)


def beyond_float64(folder: Path) -> None:
    arrays = {"0.coefficients": np.full((2, 1), np.longdouble("1e400")), "0.intercept": np.zeros(1)}
    np.savez(folder / "model.npz", **arrays)
    state_hash_of_arrays(folder)


def cut(folder: Path) -> None:
    path = folder / "model.npz"
    path.write_bytes(path.read_bytes()[:100])


def text(folder: Path, content: bytes) -> None:
    (folder / "model.json").write_bytes(content)


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("no model.json", lambda f: (f / "model.json").unlink(), "model.json cannot be read"),
    ("no model.npz", lambda f: (f / "model.npz").unlink(), "model.npz cannot be read"),
    ("cut json", lambda f: text(f, b'{"format": 1'), "it is not JSON"),
    ("deep json", lambda f: text(f, b"[" * 100_000), "it is not JSON"),
    ("json bytes", lambda f: text(f, b"\xff\xfe{"), "it is not JSON"),
    ("a list", lambda f: text(f, b"[]"), "it has no format"),
    (
        "another format",
        lambda f: change(f, lambda d: d.update(format=2)),
        "has the format 2; this code reads format 1",
    ),
    ("no stages", lambda f: change(f, lambda d: d.pop("stages")), "'stages' is missing or is not a list"),
    (
        "stage text",
        lambda f: change(f, lambda d: d.update(stages=["linear"])),
        "each stage must be an object",
    ),
    ("stages empty", lambda f: change(f, lambda d: d.update(stages=[])), "last stage is not a sigmoid"),
    ("no sigmoid", lambda f: change(f, lambda d: d["stages"].pop()), "last stage is not a sigmoid"),
    (
        "unknown kind",
        lambda f: change(f, lambda d: d["stages"][0].update(kind="svm")),
        "kind 'svm'; this code",
    ),
    ("cut npz", cut, "damaged or belongs to another model"),
    ("pickles", pickled, "not an archive of plain arrays"),
    ("no archive", no_archive, "not an archive of plain arrays"),
    ("plain array", plain_array, "not an archive of plain arrays"),
    ("not arrays", not_arrays, "not an archive of plain arrays"),
    ("bzip2", written_otherwise(zipfile.ZIP_BZIP2), "not an archive of plain arrays"),
    ("lzma", written_otherwise(zipfile.ZIP_LZMA), "not an archive of plain arrays"),
    ("header without end", header_without_end, "not an archive of plain arrays"),
    ("beyond float64", beyond_float64, "must contain only finite numbers"),
    (
        "names changed",
        lambda f: change(f, lambda d: d["contract"]["features"].reverse()),
        "but the hash of its feature names is",
    ),
    ("no threshold", lambda f: change(f, lambda d: d["contract"].pop("threshold")), "lacks 'threshold'"),
    ("threshold", lambda f: change(f, lambda d: d["contract"].update(threshold=2)), "must be a probability"),
    ("text", lambda f: change(f, lambda d: d["contract"].update(threshold="x")), "contract is damaged"),
    ("levels", lambda f: change(f, lambda d: d["contract"]["risk_levels"].reverse()), "must rise from 0"),
    (
        "half a character",
        lambda f: change(f, lambda d: d["contract"]["features"][0].update(name="\ud800")),
        "contract is damaged",
    ),
    *(
        (
            f"level {level!a}",
            lambda f, level=level: change(f, lambda d: d["contract"]["risk_levels"][0].update(level=level)),
            "names must be printable",
        )
        for level in ("", "low,", 'l"w', "l\now", "l\row", "\ud800")
    ),
    ("no levels", lambda f: change(f, lambda d: d["contract"].update(risk_levels=[])), "must rise from 0"),
    (
        "same names",
        lambda f: change(f, lambda d: d["contract"].update(features=[{"name": "a"}, {"name": "a"}])),
        "must be different",
    ),
]


@pytest.mark.parametrize(("damage", "message"), [case[1:] for case in DAMAGES], ids=[c[0] for c in DAMAGES])
def test_damaged_and_foreign_files_are_rejected(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    with pytest.raises(inference.ArtifactError, match=message):
        inference.load(folder)


def with_known_answer(probability: float, numbers: Sequence[float] = (3.0, 1.0)) -> dict[str, Any]:
    """Return the contract with a known answer; the model's own for these numbers is 1 / (1 + e⁻²)."""
    return {**CONTRACT, "smoke_test": {"features": list(numbers), "probability": probability}}


def test_a_model_with_the_known_answer_is_loaded(tmp_path: Path) -> None:
    write_model(tmp_path, SERVED, with_known_answer(1 / (1 + math.exp(-2)) + 9e-10), None)
    known = inference.load(tmp_path).contract.known_answer
    assert known is not None
    assert known.features == (3.0, 1.0)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (with_known_answer(1 / (1 + math.exp(-2)) + 2e-9), "gives its known company the probability 0.88"),
        (with_known_answer(math.nan), "but nan is stated"),
        (with_known_answer(0.5, [1e308, -1e308]), "the probability 1.0, but 0.5 is stated"),
        (with_known_answer(0.5, [1.0]), "a finite number for every feature"),
        (with_known_answer(0.5, [1.0, math.inf]), "a finite number for every feature"),
        ({**CONTRACT, "smoke_test": {"features": [1.0, 2.0]}}, "lacks 'probability'"),
        ({**CONTRACT, "smoke_test": None}, "is damaged"),
    ],
)
def test_a_model_that_answers_differently_from_the_evaluated_one_is_rejected(
    folder: Path, contract: dict[str, Any], message: str
) -> None:
    change(folder, lambda description: description.update(contract=contract))
    with pytest.raises(inference.ArtifactError, match=message):
        inference.load(folder)


def test_another_models_arrays_are_rejected(folder: Path, tmp_path: Path) -> None:
    other = ServedModel({**SERVED.arrays, "0.intercept": np.ones(1)}, SERVED.spec)
    write_model(tmp_path / "other", other, CONTRACT, None)
    (folder / "model.npz").write_bytes((tmp_path / "other" / "model.npz").read_bytes())
    with pytest.raises(inference.ArtifactError, match="belongs to another model"):
        inference.load(folder)


# One stage of each kind of parameter: numbers, lists of columns, arrays of numbers and of integers, members
MANY_STAGES = ServedModel(
    {
        "trees.columns": np.zeros((7, 1), np.uint16),
        "trees.thresholds": np.zeros((7, 1)),
        "trees.masks": np.full((7, 1), 255, np.uint8),
        "trees.leaves": np.zeros((1, 8)),
        "wood.columns": np.array([0, 0, 0], np.uint16),
        "wood.thresholds": np.array([0.5, 0, 0], np.float32),
        "wood.left": np.array([1, 1, 2], np.uint32),
        "wood.leaves": np.array([0.2, 0.8]),
    },
    {
        "stages": [
            {"kind": "units", "columns": [0], "limit": 1.0, "large_factor": 1.0, "small_factor": 1.0},
            {
                "kind": "blend",
                "members": [
                    [{"kind": "boosted_trees", "arrays": "trees", "intercept": 0.0}],
                    [{"kind": "forest", "arrays": "wood", "trees": 1, "smallest": 1e-6}],
                ],
            },
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)


def loads_or_is_rejected(folder: Path) -> bool:
    try:
        model = inference.load(folder)
    except inference.ArtifactError:
        return False
    assert model.predict_proba(np.ones((1, len(model.contract.names)))).shape == (1,)
    return True


def test_changed_or_cut_arrays_are_rejected_or_valid(tmp_path: Path) -> None:
    # GIVEN damage from before the hash was computed, so that the hash is right
    write_model(tmp_path, MANY_STAGES, CONTRACT, None)
    whole = (tmp_path / "model.npz").read_bytes()
    random = np.random.default_rng(0)
    rejected = 0
    for turn in range(100):
        content = bytearray(whole)
        for place in random.integers(len(whole), size=3):
            content[place] = random.integers(256)
        (tmp_path / "model.npz").write_bytes(
            content[: random.integers(len(whole))] if turn % 5 == 0 else content
        )
        state_hash_of_arrays(tmp_path)
        # THEN it is loaded or rejected, without other errors
        rejected += not loads_or_is_rejected(tmp_path)
    assert rejected > 60


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
    with pytest.raises(
        inference.ArtifactError, match="has trees with 6000 levels; at most 500 are supported"
    ):
        write_model(tmp_path, ServedModel(arrays, {"stages": stages}), CONTRACT, None)


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_unsupported_archives_are_rejected(folder: Path, flag: int) -> None:
    # GIVEN members marked as encrypted or patched
    content = bytearray((folder / "model.npz").read_bytes())
    for header, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(header) + offset] |= flag
    (folder / "model.npz").write_bytes(content)
    state_hash_of_arrays(folder)
    with pytest.raises(inference.ArtifactError, match="not an archive of plain arrays"):
        inference.load(folder)


def array_bytes(array: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    return content.getvalue()


def write_members(
    folder: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED
) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "model.npz", "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names.
        for name, content in members:
            archive.writestr(name, content)
    state_hash_of_arrays(folder)


COEFFICIENTS = array_bytes(np.array([[1.0], [-1.0]]))


@pytest.mark.parametrize("second", ["0.coefficients.npy", "0.coefficients"])
def test_an_array_that_occurs_twice_is_rejected(folder: Path, second: str) -> None:
    zeros = array_bytes(np.zeros(1))
    write_members(
        folder,
        [("0.coefficients.npy", COEFFICIENTS), (second, COEFFICIENTS[::-1]), ("0.intercept.npy", zeros)],
    )
    with pytest.raises(
        inference.ArtifactError, match=r"it has 2 members '0\.coefficients'; one is allowed\)\. Export the"
    ):
        inference.load(folder)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_array_is_rejected_before_it_is_unpacked(folder: Path, compression: int) -> None:
    # GIVEN 20 MB in a few thousand bytes
    write_members(folder, [("0.coefficients.npy", array_bytes(np.zeros(2_500_000)))], compression)
    assert (folder / "model.npz").stat().st_size < 30_000
    with pytest.raises(
        inference.ArtifactError,
        match=r"'0\.coefficients\.npy' is compressed; only stored members are allowed",
    ):
        inference.load(folder)


def test_members_that_share_their_bytes_are_rejected(folder: Path) -> None:
    # GIVEN an archive whose second member is the first one again
    write_members(folder, [("0.a.npy", array_bytes(np.zeros(1000))), ("0.b.npy", array_bytes(np.zeros(0)))])
    with zipfile.ZipFile(folder / "model.npz") as archive:
        sizes = [archive.getinfo("0.a.npy").file_size, archive.getinfo("0.b.npy").file_size]
    small, large = (size.to_bytes(4, "little") for size in (sizes[1], sizes[0]))
    content = (folder / "model.npz").read_bytes()
    directory = content.index(b"PK\x01\x02")
    forged = content[:directory] + content[directory:].replace(small, large)
    (folder / "model.npz").write_bytes(forged)
    state_hash_of_arrays(folder)
    with pytest.raises(inference.ArtifactError, match="its members have 16,256 bytes, but the archive only"):
        inference.load(folder)


def test_an_archive_of_too_many_arrays_is_rejected(folder: Path) -> None:
    write_members(folder, [(f"{number}.npy", b"") for number in range(2_001)])
    with pytest.raises(
        inference.ArtifactError, match=r"has about 2,001 arrays; at most 2,000 are allowed\. Export"
    ):
        inference.load(folder)


@pytest.mark.parametrize(
    ("name", "limit"), [("model.json", MAX_JSON_BYTES), ("model.npz", MAX_NPZ_BYTES)], ids=["json", "npz"]
)
def test_a_file_that_is_too_large_is_rejected_unread(folder: Path, name: str, limit: int) -> None:
    # GIVEN a sparse file, which needs no room on the disk
    os.truncate(folder / name, limit + 1)
    with pytest.raises(
        inference.ArtifactError, match=rf"{name} has {limit + 1:,} bytes; at most {limit:,} are allowed\."
    ):
        inference.load(folder)


def test_a_model_of_too_many_stages_is_rejected_before_it_is_built(folder: Path) -> None:
    def blend(members: int) -> Callable[[dict[str, Any]], object]:
        linear = {"kind": "linear", "arrays": "0"}
        return lambda d: d.update(
            stages=[{"kind": "blend", "members": [[linear]] * members}, d["stages"][-1]]
        )

    change(folder, blend(20_000))
    started = time.process_time()
    with pytest.raises(
        inference.ArtifactError,
        match=rf"has 20,002 stages, with those of its blends; at most {MAX_STAGES} are allowed\. Export",
    ):
        inference.load(folder)
    assert time.process_time() - started < 1.0
    change(folder, lambda d: d.update(stages=[{"kind": "clip"}] * 201))
    with pytest.raises(inference.ArtifactError, match="has 201 stages"):
        inference.load(folder)
    # Stages that share one large array would each copy it.
    change(folder, lambda d: d.update(stages=[{"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}]))
    change(folder, blend(2))
    with pytest.raises(
        inference.ArtifactError, match="2 stages have the arrays '0'; each stage needs its own"
    ):
        inference.load(folder)


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
