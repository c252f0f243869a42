"""What goes wrong ends in the right state, with words a stranger understands, and does no lasting harm."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from executions import ended, run, upload_frame

from pipeline.service import Execution, describe, start, stop
from scripts.session import Aws

TARGET = "Bankrupt?"


def reason(execution: Execution, step: str) -> str:
    """Return why a step failed."""
    found = next(item for item in execution.steps if item.name == step)
    assert found.status == "Failed"
    assert found.failure_reason is not None
    return found.failure_reason


def text_cell(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.astype({" Cash/Total Assets": object})
    frame.loc[4, " Cash/Total Assets"] = "n/a"
    return frame


def missing_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=" Cash/Total Assets")


def one_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{TARGET: 0})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (text_cell, ["Cash/Total Assets", "6", "n/a"]),
        (missing_column, ["Cash/Total Assets"]),
        (one_class, ["too few companies that are bankrupt: 0"]),
    ],
)
def test_bad_data_fails_the_first_step_with_the_place(
    aws: Aws, companies: pd.DataFrame, tmp_path: Path, spoil: object, told: list[str]
) -> None:
    assert callable(spoil)
    uri = upload_frame(aws, spoil(companies.copy()), tmp_path / "companies.csv")
    execution = run(aws, InputDataUri=uri)
    assert execution.status == "Failed"
    assert [step.name for step in execution.steps] == ["SelectFeatures"]
    message = reason(execution, "SelectFeatures")
    for part in told:
        assert part in message
    assert "Traceback" not in message


def test_the_gate_stops_a_model_that_is_not_good_enough(aws: Aws, data_uri: str) -> None:
    execution = run(aws, InputDataUri=data_uri, Resampler="none", MinRocAuc="0.999")
    assert execution.status == "Failed"
    message = reason(execution, "ModelRejected")
    assert "0.999" in message
    assert "report.html" in message
    assert not packages(aws)


def test_a_killed_job_fails_its_step_and_the_next_execution_works(
    aws: Aws, companies: pd.DataFrame, tmp_path: Path
) -> None:
    # GIVEN a running job; WHEN its process is killed from outside
    # (data of its own, so that nothing comes from the cache)
    data_uri = upload_frame(aws, companies.iloc[1:], tmp_path / "companies.csv")
    arn = start(aws.client("sagemaker"), aws.project, {"InputDataUri": data_uri, "Resampler": "none"})
    os.kill(wait_for_process("run.py"), signal.SIGKILL)
    execution = ended(aws, arn)
    # THEN the step says so
    assert execution.status == "Failed"
    assert "SIGKILL" in reason(execution, "SelectFeatures")
    # AND the same execution, started anew, succeeds
    assert run(aws, InputDataUri=data_uri, Resampler="none").status == "Succeeded"


def test_a_stopped_execution_stops_its_jobs(aws: Aws, data_uri: str) -> None:
    sagemaker = aws.client("sagemaker")
    arn = start(sagemaker, aws.project, {"InputDataUri": data_uri, "RandomSeed": 12})
    deadline = time.monotonic() + 30
    while not any(step.status == "Executing" for step in describe(sagemaker, arn).steps):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop(sagemaker, arn)
    execution = ended(aws, arn)
    assert execution.status == "Stopped"
    assert {step.status for step in execution.steps} <= {"Stopped", "Succeeded"}


def packages(aws: Aws) -> list[object]:
    """Return the registered versions."""
    group = aws.project.model_package_group
    found: list[object] = aws.client("sagemaker").list_model_packages(ModelPackageGroupName=group)[
        "ModelPackageSummaryList"
    ]
    return found


def wait_for_process(name: str) -> int:
    """Return the id of a descendant of this process whose command line names a file, once there is one."""
    import psutil

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process().children(recursive=True):
            try:
                if any(part.endswith(name) for part in child.cmdline()):
                    return child.pid
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    raise AssertionError(f"no process ran {name}")
