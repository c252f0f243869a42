"""Uploads data and runs executions for end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.service import Execution, describe, start, watch
from scripts.aws.session import Aws
from scripts.data.data_file import read_data_file
from scripts.data.upload import upload


def upload_frame(aws: Aws, frame: pd.DataFrame, path: Path) -> str:
    """Write a frame to a CSV file and upload it like `bankruptcy data upload`."""
    frame.to_csv(path, index=False)
    return upload(aws, read_data_file(path))


def run(aws: Aws, **parameters: object) -> Execution:
    """Run an execution to its end, by default with a fast estimator."""
    arn = start(aws.client("sagemaker"), aws.project, {"Estimator": "logistic", **parameters})
    return ended(aws, arn)


def ended(aws: Aws, arn: str) -> Execution:
    """Wait until an execution has ended, and return it."""
    for _ in watch(aws.client("sagemaker"), arn, interval=0.1):
        pass
    return describe(aws.client("sagemaker"), arn)
