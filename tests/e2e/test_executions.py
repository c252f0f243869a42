"""Executions: caching, and how they fail or are stopped."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from support.local_aws.cloud import eventually
from support.pipeline.executions import ended, run, upload_frame

from pipeline import bundles
from pipeline.definition import build_definition
from pipeline.service import Execution, describe, start, stop, upsert
from scripts.aws.session import Aws
from scripts.deploy.outputs import read_outputs

ROOT = Path(bundles.__file__).resolve().parent.parent
TARGET = "Bankrupt?"
# The fastest execution. All but the first test use the cache where they can.
QUICK = {"Resampler": "none", "Estimator": "logistic"}


def reason(execution: Execution, step: str) -> str:
    """Return why a step failed."""
    found = next(item for item in execution.steps if item.name == step)
    assert found.status == "Failed"
    assert found.failure_reason is not None
    return found.failure_reason


def text_cell(frame: pd.DataFrame) -> pd.DataFrame:
    """Put text into a cell."""
    frame = frame.astype({" Cash/Total Assets": object})
    frame.loc[4, " Cash/Total Assets"] = "n/a"
    return frame


def missing_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop a column."""
    return frame.drop(columns=" Cash/Total Assets")


def one_class(frame: pd.DataFrame) -> pd.DataFrame:
    """Make all companies healthy."""
    return frame.assign(**{TARGET: 0})


@pytest.fixture(scope="module")
def killed(aws: Aws, data_uri: str) -> Execution:
    """An execution whose first job was killed."""
    arn = start(aws.client("sagemaker"), aws.project, {"InputDataUri": data_uri, **QUICK})
    os.kill(wait_for_process("run.py"), signal.SIGKILL)
    return ended(aws, arn)


@pytest.fixture(scope="module")
def first(aws: Aws, data_uri: str, killed: Execution) -> Execution:
    """The same execution again: the first one that succeeds."""
    return run(aws, InputDataUri=data_uri, **QUICK)


def test_a_killed_job_fails_its_step_and_the_next_execution_works(
    killed: Execution, first: Execution
) -> None:
    assert killed.status == "Failed"
    assert "SIGKILL" in reason(killed, "SelectFeatures")
    assert first.status == "Succeeded"
    # A failed step is not cached.
    assert not cached_steps(first)


def test_the_gate_rejects_a_model_that_is_not_good_enough(aws: Aws, data_uri: str, first: Execution) -> None:
    before = packages(aws)
    execution = run(aws, InputDataUri=data_uri, MinRocAuc="0.999", **QUICK)
    assert execution.status == "Failed"
    # Evaluate is the only step with another input.
    assert cached_steps(execution) == {"SelectFeatures", "Resample", "TrainBaseline", "TrainRecommended"}
    message = reason(execution, "ModelRejected")
    assert "0.999" in message
    assert "report.html" in message
    assert packages(aws) == before


def test_changed_code_reruns_its_step_and_the_later_ones(
    aws: Aws, data_uri: str, first: Execution, tmp_path: Path
) -> None:
    # GIVEN the repository with one module of one step changed
    for folder in ("steps", "inference"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "steps" / "resample.py").open("a", encoding="utf-8") as module:
        module.write("\n# changed\n")
    # WHEN it is uploaded and run
    outputs = read_outputs(aws)
    uris = bundles.upload_bundles(
        aws.client("s3"), outputs.bucket_name, bundles.build_bundles(source=tmp_path)
    )
    definition = build_definition(aws.project, outputs.job_role_arn, uris, "0" * 40)
    change = upsert(
        aws.client("sagemaker"),
        aws.project.pipeline,
        definition,
        outputs.pipeline_role_arn,
        {},
        description="Changed",
    )
    changed = run(aws, InputDataUri=data_uri, **QUICK)
    # THEN the steps that do not depend on it come from the cache
    assert change == "updated"
    assert changed.status == "Succeeded"
    assert cached_steps(changed) == {"SelectFeatures", "TrainRecommended"}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (text_cell, ["Cash/Total Assets", "6", "n/a"]),
        (missing_column, ["Cash/Total Assets"]),
        (one_class, ["too few firms with companies that are bankrupt: 0"]),
    ],
)
def test_invalid_data_fails_the_first_step_with_its_location(
    aws: Aws, companies: pd.DataFrame, tmp_path: Path, change: object, parts: list[str]
) -> None:
    assert callable(change)
    uri = upload_frame(aws, change(companies.copy()), tmp_path / "companies.csv")
    execution = run(aws, InputDataUri=uri)
    assert execution.status == "Failed"
    assert [step.name for step in execution.steps] == ["SelectFeatures"]
    message = reason(execution, "SelectFeatures")
    for part in parts:
        assert part in message
    assert "Traceback" not in message


def test_a_stopped_execution_stops_its_jobs(aws: Aws, data_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    arn = start(sagemaker, aws.project, {"InputDataUri": data_uri, "RandomSeed": 12})
    eventually(lambda: any(step.status == "Executing" for step in describe(sagemaker, arn).steps))
    stop(sagemaker, arn)
    execution = ended(aws, arn)
    assert execution.status == "Stopped"
    assert {step.status for step in execution.steps} <= {"Stopped", "Succeeded"}


def cached_steps(execution: Execution) -> set[str]:
    """Return the names of the steps whose outputs come from the cache."""
    return {step.name for step in execution.steps if step.cached}


def packages(aws: Aws) -> int:
    """Return the number of registered versions."""
    found = aws.client("sagemaker").list_model_packages(ModelPackageGroupName=aws.project.model_package_group)
    return len(found["ModelPackageSummaryList"])


def wait_for_process(name: str) -> int:
    """Wait for a child process that runs this file, and return its id."""

    def found() -> int | None:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if any(part.endswith(name) for part in child.cmdline()):
                    return child.pid
        return None

    return eventually(found)
