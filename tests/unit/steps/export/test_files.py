"""A model's folder and archive: reproducible, installable without a network, safe to unpack."""

from __future__ import annotations

import ensurepip
import gzip
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
from inference.artifact import load
from inference.contract import contract_hash
from inference.errors import ArtifactError
from steps.export import archive as archives
from steps.export.archive import pack_model, unpack_model
from steps.export.files import write_model
from steps.export.served import ServedModel

NAMES = ["debt", "cash"]
CONTRACT = {
    "contract": contract_hash(NAMES),
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
    model = load(tmp_path)
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
    with pytest.raises(ArtifactError, match=r"evil\.tar\.gz cannot be unpacked"):
        unpack_model(tmp_path / "evil.tar.gz", tmp_path / "inside")
    assert not (tmp_path / "escaped.txt").exists()


def entry(name: str, size: int = 1, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.type, found.linkname = size, kind, "model.json"
    return found


def write_tar(path: Path, entries: list[tarfile.TarInfo]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for each in entries:
            archive.addfile(each, io.BytesIO(bytes(each.size)))


REFUSED: list[tuple[str, list[tarfile.TarInfo], str]] = [
    (
        "file twice",
        [entry("model.npz"), entry("a"), entry("model.npz")],
        "the entry 'model.npz' is there twice",
    ),
    (
        "two spellings",
        [entry("model.npz"), entry("./x/../model.npz")],
        "the entry 'model.npz' is there twice",
    ),
    (
        "file and folder",
        [entry("code"), entry("code", 0, tarfile.DIRTYPE)],
        "the entry 'code' is there twice",
    ),
    ("entries", [entry(str(number), 0) for number in range(1_001)], "it has more than 1,000 entries"),
    (
        "symbolic link",
        [entry("model.npz", 0, tarfile.SYMTYPE)],
        "the entry 'model.npz' is neither a file nor a folder",
    ),
    (
        "hard link",
        [entry("model.npz", 0, tarfile.LNKTYPE)],
        "the entry 'model.npz' is neither a file nor a folder",
    ),
    (
        "pipe",
        [entry("model.npz", 0, tarfile.FIFOTYPE)],
        "the entry 'model.npz' is neither a file nor a folder",
    ),
]


@pytest.mark.parametrize(("entries", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_an_unsafe_archive_is_rejected_before_it_is_unpacked(
    tmp_path: Path, entries: list[tarfile.TarInfo], message: str
) -> None:
    write_tar(tmp_path / "model.tar.gz", [entry("first.txt"), *entries])
    with pytest.raises(ArtifactError, match=rf"model\.tar\.gz cannot be unpacked: {message}.*\. Pack "):
        unpack_model(tmp_path / "model.tar.gz", tmp_path / "again")
    assert contents(tmp_path / "again") == {}


def test_a_bomb_is_rejected_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN 300 MB of zeros in 300 kB, and a count of the bytes that gzip unpacks
    write_tar(tmp_path / "model.tar.gz", [entry("first.txt"), entry("model.npz", 300_000_000)])
    counted = []
    read = gzip.GzipFile.read

    def counting(file: gzip.GzipFile, size: int | None = -1) -> bytes:
        chunk = read(file, size)
        counted.append(len(chunk))
        return chunk

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    with pytest.raises(ArtifactError, match=r"bytes unpack to more than 100 times as many\. Pack"):
        unpack_model(tmp_path / "model.tar.gz", tmp_path / "again")
    assert contents(tmp_path / "again") == {}
    # THEN unpacking ends soon after the limit, a hundred times 300 kB
    assert sum(counted) < 32_000_000


@pytest.mark.parametrize("sparse", [False, True])
def test_an_archive_of_too_many_bytes_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sparse: bool
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 50_000)
    if sparse:
        # A sparse file states a size that the archive does not hold.
        member = tarfile.TarInfo("model.npz")
        member.pax_headers = {
            "GNU.sparse.size": "60000",
            "GNU.sparse.map": "0,1",
            "GNU.sparse.numblocks": "1",
        }
        member.size = 1
        write_tar(tmp_path / "model.tar.gz", [member])
    else:
        write_tar(tmp_path / "model.tar.gz", [entry("model.npz", 60_000)])
    with pytest.raises(ArtifactError, match=r"it has more than 50,000 bytes unpacked\. Pack a smaller"):
        unpack_model(tmp_path / "model.tar.gz", tmp_path / "again")
    assert contents(tmp_path / "again") == {}


def test_folders_can_be_listed_more_than_once(tmp_path: Path) -> None:
    folder = entry("code", 0, tarfile.DIRTYPE)
    folder.mode = 0o755
    write_tar(tmp_path / "model.tar.gz", [folder, entry("code/a.py"), folder])
    unpack_model(tmp_path / "model.tar.gz", tmp_path / "again")
    assert list(contents(tmp_path / "again")) == ["code/a.py"]


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
    with pytest.raises(ArtifactError, match=r"model\.tar\.gz cannot be unpacked"):
        unpack_model(archive, tmp_path / "again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contract": "0" * 16}, "but the hash of its feature names is"),
        ({"features": [{"name": "debt"}], "contract": contract_hash(["debt"])}, "shape"),
    ],
)
def test_writing_an_invalid_contract_is_rejected(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
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
