"""Which predictions watch_model gives to the next execution, and when a silent log is a problem."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from watch_model.bucket import Bucket
from watch_model.runs import Runs
from watch_model.settings import Settings

NAME = "watched-123456789012-eu-west-1"
SETTINGS = Settings(
    bucket=NAME,
    pipeline="watched-monitoring",
    training_pipeline="watched",
    group="watched",
    paused_parameter="/watched/paused",
    instance_count=1,
    hours=24,
    horizon_days=365,
)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


class S3:
    """S3 for a role that can list only by prefix, so that a read does not say that a key is missing."""

    def __init__(self) -> None:
        self.now = NOON
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str = "", **_: str) -> None:
        if IfNoneMatch and Key in self.objects:
            raise refusal("PreconditionFailed", "PutObject")
        self.objects[Key] = Body, self.now

    def get_object(self, *, Key: str, **_: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise refusal("AccessDenied", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key][0])}

    def list_objects_v2(self, *, Prefix: str, StartAfter: str = "", **_: Any) -> dict[str, Any]:
        return {
            "Contents": [
                {"Key": key, "LastModified": written}
                for key, (_, written) in sorted(self.objects.items())
                if key.startswith(Prefix) and key > StartAfter
            ]
        }

    def get_paginator(self, _: str) -> S3:
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return [self.list_objects_v2(**request)]


class SageMaker:
    """A registry without versions, and a pipeline."""

    def get_paginator(self, _: str) -> SageMaker:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"ModelPackageSummaryList": []}]

    def start_pipeline_execution(self, **_: Any) -> dict[str, str]:
        return {"PipelineExecutionArn": "arn"}


class Ssm:
    """The parameter that pauses the service."""

    paused = "false"

    def get_parameter(self, **_: str) -> dict[str, Any]:
        return {"Parameter": {"Value": self.paused}}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class Account:
    """The bucket with the log, and a clock that can be moved."""

    def __init__(self, hours: float = 24) -> None:
        self.s3, self.ssm = S3(), Ssm()
        s3: Any = self.s3
        sagemaker: Any = SageMaker()
        ssm: Any = self.ssm
        self.bucket = Bucket(s3, NAME)
        settings = replace(SETTINGS, hours=hours)
        self.runs = Runs(settings, self.bucket, sagemaker=sagemaker, ssm=ssm, now=lambda: self.s3.now)

    def wait(self, **time: float) -> None:
        self.s3.now += timedelta(**time)

    def log(self, name: str, folder: str = "predictions/", ahead: timedelta = timedelta()) -> str:
        """Log predictions under the hour of a clock that can be ahead; return the key."""
        key = f"{folder}{self.s3.now + ahead:%Y/%m/%d/%H}/{name}.gz"
        self.s3.put_object(Key=key, Body=b"x")
        return key

    def read(self) -> list[str]:
        """Start the next run, and return the objects that it reads."""
        step = self.runs.start_next()
        if step["action"] == "nothing":
            return []
        _, *keys = json.loads(self.s3.objects[f"{step['run']}/predictions.manifest"][0])
        return list(keys)


@pytest.fixture
def account() -> Account:
    return Account()


def test_each_object_is_read_once(account: Account) -> None:
    first = account.log("first")
    account.wait(minutes=2)
    second = account.log("second")
    # The second one is still too new.
    assert account.read() == [first]
    account.wait(hours=24)
    third = account.log("third", "predictions/batch/")
    account.wait(minutes=2)
    assert account.read() == [second, third]
    assert account.read() == []


def test_an_object_of_a_clock_that_is_ahead_is_read_once(account: Account) -> None:
    # GIVEN a portfolio that is logged at 12:50 by a computer on which it is past one
    account.wait(minutes=50)
    key = account.log("early", "predictions/batch/", ahead=timedelta(minutes=15))
    account.wait(minutes=2)
    assert account.read() == [key]
    account.wait(hours=24)
    assert account.read() == []


def test_silence_needs_a_champion(account: Account) -> None:
    # GIVEN a service that never had a version to predict with
    assert account.runs.start_next() == {"action": "nothing", "silent": False}
    account.s3.put_object(Key="champion/contract.json", Body=b"{}")
    assert account.runs.start_next() == {"action": "nothing", "silent": True}


def test_a_run_by_hand_between_two_frequent_runs_makes_no_silence() -> None:
    account = Account(hours=2)
    account.s3.put_object(Key="champion/contract.json", Body=b"{}")
    account.log("first")
    # GIVEN a run by hand ten minutes after the schedule
    account.wait(minutes=10)
    assert account.runs.start_next()["action"] == "started"
    # WHEN the next scheduled run finds nothing, the log has not been silent for two hours
    account.wait(minutes=110)
    assert account.runs.start_next() == {"action": "nothing", "silent": False}
    account.wait(minutes=120)
    assert account.runs.start_next() == {"action": "nothing", "silent": True}


def test_silence_needs_the_time_between_two_scheduled_runs(account: Account) -> None:
    account.s3.put_object(Key="champion/contract.json", Body=b"{}")
    account.log("first")
    account.wait(minutes=2)
    # GIVEN a run by hand that reads everything
    assert account.runs.start_next()["action"] == "started"
    # WHEN the schedule comes soon after it, no prediction was to be expected
    account.wait(hours=2)
    assert account.runs.start_next() == {"action": "nothing", "silent": False}
    # THEN a later scheduled run finds the silence, even if it comes a little early
    account.wait(hours=21, minutes=50)
    assert account.runs.start_next() == {"action": "nothing", "silent": True}
    account.ssm.paused = "true"
    assert account.runs.start_next() == {"action": "nothing", "silent": False}
