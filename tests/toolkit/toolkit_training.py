"""A training job in AWS's training toolkit: `train`, hyperparameters, channels, environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from toolkit.container import toolkit_environment

from inference.artifact import load
from pipeline.bundles import build_bundles
from scripts.data.sample import generate
from steps import select_features


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of SelectFeatures for sample companies."""
    root = tmp_path_factory.mktemp("selected")
    (root / "data").mkdir()
    generate(3000, 0).to_csv(root / "data" / "sample-data.csv", index=False)
    folders = [f"--{name}={root / name}" for name in ("data", "train", "test", "features")]
    select_features.main([*folders, "--feature-count=10"])
    return root


def train(base: Path, selected: Path, **hyperparameters: object) -> subprocess.CompletedProcess[str]:
    """Run `train` with the arguments of the TrainRecommended job; `base` takes the place of /opt/ml."""
    channels = base / "input" / "data"
    channels.mkdir(parents=True)
    for name in ("train", "features"):
        (channels / name).symlink_to(selected / name)
    for path, content in build_bundles()["TrainRecommended"].files.items():
        (channels / "code" / path).parent.mkdir(parents=True, exist_ok=True)
        (channels / "code" / path).write_bytes(content)
    config = base / "input" / "config"
    config.mkdir()
    all_hyperparameters = {
        **hyperparameters,
        "sagemaker_program": "run.py",
        "sagemaker_submit_directory": str(channels / "code"),
    }
    files = {
        # SageMaker passes every hyperparameter as text, which the toolkit parses as JSON.
        "hyperparameters": {name: json.dumps(value) for name, value in all_hyperparameters.items()},
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in ("train", "features", "code")},
        "resourceconfig": {"current_host": "localhost", "hosts": ["localhost"]},
    }
    for name, content in files.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    (base / "output").mkdir()
    return subprocess.run(
        ["train"], env=toolkit_environment(base), cwd=base, capture_output=True, text=True, check=False
    )


def test_a_job_writes_a_model_that_can_be_served(tmp_path: Path, selected: Path) -> None:
    done = train(tmp_path, selected, estimator="logistic", **{"random-seed": 7})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "output" / "success").exists()
    model = load(tmp_path / "model")
    assert model.contract.facts["estimator"] == "logistic"
    assert len(model.contract.names) == 10
    assert (tmp_path / "model" / "code" / "serve.py").exists()


def test_a_failed_job_writes_its_reason(tmp_path: Path, selected: Path) -> None:
    done = train(tmp_path, selected, estimator="magic", **{"random-seed": 7})
    assert done.returncode != 0
    assert "magic" in (tmp_path / "output" / "failure").read_text()
