"""Runs jobs on local AWS and waits for their end, their objects and their logs."""

from __future__ import annotations

import os
from typing import Any

from support.local_aws.cloud import BUCKET, Cloud, eventually, processing_request

OUT = "/opt/ml/processing/output/out"
ENDED = {"Completed", "Failed", "Stopped"}


def run_processing(cloud: Cloud, script: str, name: str = "job", **changes: Any) -> None:
    code = cloud.put_script(name, script)
    request = processing_request({"code": code}, [OUT, "plain"], f"s3://{BUCKET}/out/{name}")
    cloud.sagemaker.create_processing_job(ProcessingJobName=name, **{**request, **changes})


def ended_processing(cloud: Cloud, name: str = "job") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_processing_job(ProcessingJobName=name)
        return found if found["ProcessingJobStatus"] in ENDED else None

    return eventually(look)


def ended_training(cloud: Cloud, name: str = "job") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in ENDED else None

    return eventually(look)


def wait_for_object(cloud: Cloud, key: str) -> bytes:
    def look() -> bytes | None:
        try:
            return cloud.get(key)
        except cloud.s3.exceptions.NoSuchKey:
            return None

    return eventually(look)


def log_of(cloud: Cloud, group: str, job: str, last: str) -> list[str]:
    """Return a job's log as soon as it contains the line `last`."""

    def look() -> list[str] | None:
        try:
            events = cloud.logs.get_log_events(logGroupName=group, logStreamName=f"{job}/algo-1")["events"]
        except cloud.logs.exceptions.ResourceNotFoundException:
            return None
        lines = [each["message"] for each in events]
        return lines if last in lines else None

    return eventually(look)


def process_is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
