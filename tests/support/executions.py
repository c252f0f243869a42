"""Running executions and uploading data, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.service import Execution, describe, start, watch
from scripts.aws.session import Aws
from scripts.data.upload import upload


def upload_frame(aws: Aws, frame: pd.DataFrame, path: Path) -> str:
    """Write a frame as CSV and upload it as `bankruptcy data upload` does."""
    frame.to_csv(path, index=False)
    return upload(aws.client("s3"), aws.project.bucket, path)


def run(aws: Aws, **parameters: object) -> Execution:
    """Start an execution, of a quick estimator unless told otherwise, and return it as it ended."""
    arn = start(aws.client("sagemaker"), aws.project, {"Estimator": "logistic", **parameters})
    return ended(aws, arn)


def ended(aws: Aws, arn: str) -> Execution:
    """Wait for an execution's end."""
    for _ in watch(aws.client("sagemaker"), arn, interval=0.1):
        pass
    return describe(aws.client("sagemaker"), arn)
