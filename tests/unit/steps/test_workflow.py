"""Runs all steps one after another, in SageMaker's folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from support.repository import ROOT

from steps.export.archive import pack_model
from steps.monitoring.profile import Profile


def start(module: str, base: Path, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a step as a job: in its own process, with its folders from the environment."""
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    command = [sys.executable, "-W", "error", "-m", f"steps.{module}", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_five_steps_with_default_folders(
    tmp_path: Path,
    companies: Callable[..., pd.DataFrame],
    data_file: Callable[[Path, pd.DataFrame], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from steps import evaluate, resample, select_features, train_baseline, train_recommended

    def job(name: str) -> Path:
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / name))
        return tmp_path / name

    base = job("select")
    data_file(base / "processing/input/data/companies.csv", companies())
    select_features.main([])
    selected = base / "processing/output"

    base = job("resample")
    for name in ("train", "features"):
        shutil.copytree(selected / name, base / "processing/input" / name)
    resample.main([])
    resampled = base / "processing/output/resampled"

    models = {}
    for name in ("baseline", "recommended"):
        base = job(name)
        shutil.copytree(selected / "train", base / "input/data/train")
        shutil.copytree(selected / "features", base / "input/data/features")
        shutil.copytree(resampled, base / "input/data/resampled")
        if name == "baseline":
            train_baseline.main(["--random-seed", "42", "--processes", "1"])
        else:
            train_recommended.main(["--estimator", "logistic", "--random-seed", "42"])
        models[name] = base / "model"

    base = job("evaluate")
    for name, folder in models.items():
        pack_model(folder, base / "processing/input" / name / "model.tar.gz")
    for name in ("test", "features"):
        shutil.copytree(selected / name, base / "processing/input" / name)
    (base / "processing/input/champion").mkdir()
    (base / "processing/input/champion/none.txt").touch()
    evaluate.main(["--register-candidate", "best", "--min-roc-auc", "0.8"])

    output = base / "processing/output"
    evaluation = json.loads((output / "evaluation/evaluation.json").read_text())
    assert evaluation["gate"]["roc_auc"] > 0.85
    written = sorted(path.name for path in (output / "model").iterdir())
    assert written == ["contract.json", "model.tar.gz", "profile.json"]
    contract = json.loads((output / "model/contract.json").read_text())
    assert len(contract["features"]) == 50
    profile = Profile.from_document(json.loads((output / "model/profile.json").read_text()), "1")
    assert profile.contract == contract["contract"]
    assert profile.names == tuple(feature["name"] for feature in contract["features"])


def test_invalid_data_fails_the_job_with_a_reason(
    tmp_path: Path,
    companies: Callable[..., pd.DataFrame],
    data_file: Callable[[Path, pd.DataFrame], Path],
) -> None:
    path = data_file(tmp_path / "processing/input/data/companies.csv", companies(rows=20, bankrupt=5))
    path.write_text(path.read_text().replace("1.0", "one"))
    finished = start("select_features", tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("The data file companies.csv cannot be used: it has")
    assert "Traceback" not in finished.stderr
    assert (tmp_path / "output/message").read_text().startswith(finished.stderr.splitlines()[0])
    assert not (tmp_path / "processing/output").exists()
