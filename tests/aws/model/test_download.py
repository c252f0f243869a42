"""`bankruptcy model download` saves the evaluated archive, and the guide's example predicts with it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import joblib
import numpy as np
import pytest
from support.models.registry import PROJECT
from support.models.small import register, register_folder, write_small_model
from support.repository import ROOT
from typer.testing import CliRunner, Result

from inference.artifact import Model
from scripts.aws.session import Aws
from scripts.cli import app

NAMES = ["assets", "debt", "cash"]


@pytest.fixture
def models(registry: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """Register two versions, and work in an empty folder."""
    made = [register(registry, tmp_path / f"model-{seed}", NAMES, seed)[1] for seed in (1, 2)]
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return made


def download(*options: str) -> Result:
    return CliRunner().invoke(app, ["--local", "--project", PROJECT, "model", "download", *options])


def text(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_archive_is_the_registered_one(models: list[Model], registry: Aws, tmp_path: Path) -> None:
    shown = download("1")
    assert shown.exit_code == 0, shown.output
    assert text(shown) == f"Version 1 is saved as {PROJECT}-1.tar.gz."
    expected = hashlib.sha256((tmp_path / "model-1" / "model.tar.gz").read_bytes()).hexdigest()
    assert hashlib.sha256(Path(f"{PROJECT}-1.tar.gz").read_bytes()).hexdigest() == expected
    # Without a number, it is the newest; the file can be named.
    assert "Version 2 is saved as other.tgz" in text(download("-o", "other.tgz"))
    assert sorted(path.name for path in Path().iterdir()) == ["other.tgz", f"{PROJECT}-1.tar.gz"]


def test_the_guides_example_predicts_with_numpy_alone(models: list[Model]) -> None:
    download("1")
    with tarfile.open(f"{PROJECT}-1.tar.gz") as archive:
        archive.extractall("model", filter="data")
    guide = (ROOT / "docs" / "model-at-home.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert found is not None
    # GIVEN a Python that finds no package but numpy
    only_numpy = Path("packages")
    only_numpy.mkdir()
    installed = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (installed / name).exists():
            (only_numpy / name).symlink_to(installed / name)
    environment = {**os.environ, "PYTHONPATH": str(only_numpy.resolve())}
    run = subprocess.run(
        [sys.executable, "-S", "-c", found[1]], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    expected = models[0].predict_proba(np.array([models[0].contract.medians]))[0]
    assert float(run.stdout) == pytest.approx(expected, abs=1e-12)


def test_the_pipeline_comes_with_a_warning(
    registry: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_model(tmp_path / "made", NAMES, seed=3)
    joblib.dump({"features": NAMES}, tmp_path / "made" / "model" / "model.joblib")
    register_folder(registry, tmp_path / "made")
    shown = download("--joblib")
    assert shown.exit_code == 0, shown.output
    assert f"Version 1 is saved as {PROJECT}-1.joblib." in text(shown)
    assert "This file is a pickle: loading it executes code" in text(shown)
    assert joblib.load(f"{PROJECT}-1.joblib") == {"features": NAMES}


def test_nothing_is_unpickled(registry: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_model(tmp_path / "made", NAMES, seed=3)
    trap = b"cos\nabort\n(tR."  # unpickling it ends the process
    (tmp_path / "made" / "model" / "model.joblib").write_bytes(trap)
    register_folder(registry, tmp_path / "made")
    assert download("--joblib").exit_code == 0
    assert Path(f"{PROJECT}-1.joblib").read_bytes() == trap


@pytest.mark.parametrize("options", [[], ["--joblib"]])
def test_a_changed_archive_is_not_saved(models: list[Model], registry: Aws, options: list[str]) -> None:
    key = "models/model-1/model.tar.gz"
    registry.client("s3").put_object(Bucket=registry.project.bucket, Key=key, Body=b"another")
    shown = download("1", "-o", "file", *options)
    assert shown.exit_code == 1
    assert "The archive of version 1 was changed after it was evaluated" in text(shown)
    assert list(Path().iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(models: list[Model]) -> None:
    shown = download("1", "-o", "nowhere/model.tar.gz")
    assert shown.exit_code == 1
    assert "nowhere/model.tar.gz can't be written: No such file or directory." in text(shown)


def test_an_archive_without_a_pipeline_is_an_error(
    registry: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_model(tmp_path / "made", NAMES, seed=3)
    (tmp_path / "made" / "model" / "model.joblib").unlink()
    register_folder(registry, tmp_path / "made")
    shown = download("--joblib")
    assert shown.exit_code == 1
    assert "model.joblib" in text(shown)
    assert not Path(f"{PROJECT}-1.joblib").exists()
