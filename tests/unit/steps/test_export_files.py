"""A model's folder and archive: reproducible, installable without a network, safe to unpack."""

from __future__ import annotations

import ensurepip
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

import inference
from steps.export.files import pack_model, unpack_model, write_model
from steps.export.served import ServedModel

NAMES = ["debt", "cash"]
CONTRACT = {
    "contract": inference.contract_hash(NAMES),
    "features": [{"name": name} for name in NAMES],
    "threshold": 0.5,
    "risk_levels": [{"level": "low", "from": 0.0}],
}
SERVED = ServedModel(
    {"0.coefficients": np.array([[1.0], [-1.0]]), "0.intercept": np.array([0.0])},
    {
        "stages": [
            {"kind": "linear", "arrays": "0"},
            {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0},
        ]
    },
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_model_folder_holds_the_model_and_its_code(tmp_path: Path) -> None:
    write_model(tmp_path, SERVED, CONTRACT, {"trained": "somehow"})
    files = contents(tmp_path)
    package = {
        f"code/inference/{path.relative_to(Path(inference.__file__).parent).as_posix()}"
        for path in Path(inference.__file__).parent.rglob("*.py")
    }
    assert set(files) == package | {
        "model.npz",
        "model.json",
        "model.joblib",
        "code/serve.py",
        "code/build_backend.py",
        "code/pyproject.toml",
    }
    assert json.loads(files["model.json"])["contract"] == CONTRACT
    assert joblib.load(tmp_path / "model.joblib") == {"trained": "somehow"}
    model = inference.load(tmp_path)
    assert model.contract.names == ("debt", "cash")
    np.testing.assert_array_equal(model.predict_proba(np.array([[1.0, 1.0]])), [0.5])


def test_writing_a_model_twice_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "a", SERVED, CONTRACT, [1, 2])
    pack_model(tmp_path / "a", tmp_path / "a.tar.gz")
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    backwards = ServedModel(dict(reversed(SERVED.arrays.items())), SERVED.spec)
    write_model(tmp_path / "b", backwards, CONTRACT, [1, 2])
    os.utime(tmp_path / "b" / "model.npz", (1, 1))
    (tmp_path / "b" / "model.json").chmod(0o600)
    pack_model(tmp_path / "b", tmp_path / "b.tar.gz")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_unpacking_an_archive_restores_the_folder(tmp_path: Path) -> None:
    write_model(tmp_path / "model", SERVED, CONTRACT, None)
    pack_model(tmp_path / "model", tmp_path / "out" / "model.tar.gz")
    unpack_model(tmp_path / "out" / "model.tar.gz", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "model")


def test_an_entry_outside_the_folder_is_rejected(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("../escaped.txt")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    with pytest.raises(inference.ArtifactError, match=r"evil\.tar\.gz cannot be unpacked"):
        unpack_model(tmp_path / "evil.tar.gz", tmp_path / "inside")
    assert not (tmp_path / "escaped.txt").exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "not a tar"])
def test_a_damaged_archive_is_rejected(tmp_path: Path, damage: str) -> None:
    write_model(tmp_path / "model", SERVED, CONTRACT, None)
    archive = tmp_path / "model.tar.gz"
    pack_model(tmp_path / "model", archive)
    content = archive.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "flipped": content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 99])
        + content[middle + 99 :],
        "not a tar": b"none",
    }
    if damage == "missing":
        archive.unlink()
    else:
        archive.write_bytes(damaged[damage])
    with pytest.raises(inference.ArtifactError, match=r"model\.tar\.gz cannot be unpacked"):
        unpack_model(archive, tmp_path / "again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract": "0" * 16}, "but the hash of its feature names is"),
        ({"features": [{"name": "debt"}], "contract": inference.contract_hash(["debt"])}, "shape"),
    ],
)
def test_writing_an_invalid_contract_is_rejected(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(inference.ArtifactError, match=message):
        write_model(tmp_path, SERVED, {**CONTRACT, **change}, None)


def test_the_code_installs_without_a_network_and_serves(tmp_path: Path) -> None:
    # GIVEN a model's folder, and pip without an index
    write_model(tmp_path / "model", SERVED, CONTRACT, None)
    (pip,) = Path(ensurepip.__file__).parent.joinpath("_bundled").glob("pip-*.whl")
    environment = {**os.environ, "PYTHONPATH": str(pip), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    # WHEN the code is installed as in the container
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(tmp_path / "site"), "."]
    done = subprocess.run(
        command, cwd=tmp_path / "model" / "code", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # THEN the handlers of the installed copy answer, without scikit-learn
    program = """
import inference, serve, sys
model = serve.model_fn(sys.argv[1])
request = serve.input_fn('{"data": [2, 2]}', "application/json")
print(inference.__file__)
print(serve.output_fn(serve.predict_fn(request, model), "text/csv")[0].strip())
print("sklearn" in sys.modules, "werkzeug" in sys.modules)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    path, line, imported = answer.stdout.splitlines()
    assert path == str(tmp_path / "site" / "inference" / "__init__.py")
    assert line == "1,0.5,0.5,low,0.5"
    assert imported == "False False"
