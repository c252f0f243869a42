"""Which uploads start an execution, with which token, and what happens to the others."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from watch_model.bucket import Bucket
from watch_model.retraining import Retraining

NAME = "watched-123456789012-eu-west-1"
SHA256 = "0a" * 32
KEY = f"data/{SHA256}/companies.csv"


class S3:
    """S3 with the given objects."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:
        return {"Contents": [{"Key": key} for key in self.keys if key.startswith(Prefix)]}


class SageMaker:
    """A pipeline that records what starts it, or has reached its limit of executions."""

    def __init__(self, refusal: ClientError | None = None) -> None:
        self.started: list[dict[str, Any]] = []
        self.refusal = refusal

    def start_pipeline_execution(self, **request: Any) -> dict[str, str]:
        if self.refusal is not None:
            raise self.refusal
        self.started.append(request)
        return {"PipelineExecutionArn": "arn"}


def retraining(s3: Any, sagemaker: Any) -> Retraining:
    return Retraining(Bucket(s3, NAME), sagemaker, "watched")


def test_an_upload_is_the_input_of_an_execution_that_its_hash_identifies() -> None:
    sagemaker = SageMaker()
    step = retraining(S3(KEY), sagemaker).start_on(KEY)
    [request] = sagemaker.started
    assert request["PipelineName"] == "watched"
    assert request["ClientRequestToken"] == SHA256
    # All other parameters have their defaults, so the model waits for a person.
    assert request["PipelineParameters"] == [{"Name": "InputDataUri", "Value": f"s3://{NAME}/{KEY}"}]
    assert step == {"action": "retraining", "execution": "arn", "data": f"s3://{NAME}/{KEY}"}


def test_the_same_data_under_another_name_has_the_same_token() -> None:
    renamed, sagemaker = f"data/{SHA256.upper()}/renamed.CSV", SageMaker()
    for key in (KEY, renamed):
        retraining(S3(KEY, renamed), sagemaker).start_on(key)
    assert [each["ClientRequestToken"] for each in sagemaker.started] == [SHA256, SHA256]


@pytest.mark.parametrize(
    "key",
    [
        "data/companies.csv",
        "data/",
        f"data/{SHA256}/",
        f"data/{SHA256}/readme.txt",
        f"data/{SHA256}/more/companies.csv",
        f"data/{SHA256[:-1]}/companies.csv",
        f"runs/data/{SHA256}/companies.csv",
    ],
)
def test_another_object_starts_nothing_and_is_no_failure(key: str) -> None:
    sagemaker = SageMaker()
    step = retraining(S3(key), sagemaker).start_on(key)
    assert (step["action"], step["data"], sagemaker.started) == ("ignored", f"s3://{NAME}/{key}", [])
    assert "bankruptcy data upload" in step["reason"]


def test_an_upload_that_was_deleted_starts_nothing() -> None:
    sagemaker = SageMaker()
    step = retraining(S3(f"{KEY}.old"), sagemaker).start_on(KEY)
    assert (step["action"], sagemaker.started) == ("ignored", [])
    assert "deleted" in step["reason"]


def test_a_limit_fails_the_call_so_that_lambda_repeats_it() -> None:
    error: Any = {"Error": {"Code": "ResourceLimitExceeded", "Message": "too many executions"}}
    sagemaker = SageMaker(ClientError(error, "StartPipelineExecution"))
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        retraining(S3(KEY), sagemaker).start_on(KEY)
