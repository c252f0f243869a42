"""Local AWS releases memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest
from moto.logs.models import LogEvent
from moto.moto_server.werkzeug_app import BackendRequest
from moto.s3.models import FakeKey
from support.local_aws.cloud import BUCKET, Cloud, eventually

from local_aws.base.clients import Clients
from local_aws.base.logs import MOST_WAITING, LogShipper, LogStream
from local_aws.logs import api as logs_api
from local_aws.server import LocalAws


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collections")
def test_an_answered_request_is_released_from_memory(cloud: Cloud) -> None:
    # The body can be part of a portfolio, and full garbage collections are rare in local AWS.
    cloud.s3.put_object(Bucket=BUCKET, Key="large", Body=bytes(2**20))

    eventually(lambda: not any(isinstance(each, BackendRequest) for each in gc.get_objects()))


def test_a_log_stream_keeps_its_newest_events_and_a_group_its_newest_streams(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_api, "MOST_EVENTS", 5)
    monkeypatch.setattr(logs_api, "MOST_STREAMS", 3)
    cloud.logs.create_log_group(logGroupName="group")
    for number in range(5):
        cloud.logs.create_log_stream(logGroupName="group", logStreamName=f"stream-{number}")
    moment = time.time_ns() // 1_000_000
    events = [{"timestamp": moment + number, "message": str(number)} for number in range(4)]
    for _ in range(3):
        cloud.logs.put_log_events(logGroupName="group", logStreamName="stream-4", logEvents=events)
    streams = cloud.logs.describe_log_streams(logGroupName="group")["logStreams"]
    assert [each["logStreamName"] for each in streams] == ["stream-2", "stream-3", "stream-4"]
    kept = cloud.logs.get_log_events(logGroupName="group", logStreamName="stream-4", startFromHead=True)
    assert sorted(each["message"] for each in kept["events"]) == ["0", "1", "2", "3", "3"]
    # A newer stream takes the place of the events of the older one.
    newer = [{"timestamp": moment + 10, "message": "newer"}] * 3
    cloud.logs.put_log_events(logGroupName="group", logStreamName="stream-2", logEvents=newer)
    found = cloud.logs.filter_log_events(logGroupName="group")["events"]
    assert sorted(each["message"] for each in found) == ["2", "3", "newer", "newer", "newer"]


def test_dropped_resources_are_released_from_memory(cloud: Cloud) -> None:
    def count() -> int:
        gc.collect()
        return sum(isinstance(each, (FakeKey, LogEvent)) for each in gc.get_objects())

    before = count()
    for _ in range(3):
        cloud.s3.put_object(Bucket=BUCKET, Key="object", Body=b"x")
    assert count() > before
    cloud.s3.delete_object(Bucket=BUCKET, Key="object")
    cloud.logs.create_log_group(logGroupName="group")
    cloud.logs.create_log_stream(logGroupName="group", logStreamName="stream")
    event = {"timestamp": time.time_ns() // 1_000_000, "message": "x"}
    cloud.logs.put_log_events(logGroupName="group", logStreamName="stream", logEvents=[event])
    cloud.logs.delete_log_group(logGroupName="group")

    eventually(lambda: count() <= before)


def test_a_process_that_floods_its_log_waits_and_loses_no_line(cloud: Cloud, local_aws: LocalAws) -> None:
    shipper = LogShipper()
    clients = Clients(local_aws.url, local_aws.region)
    for number in range(MOST_WAITING + 1000):
        LogStream(shipper, clients, "flood", "stream").write(str(number))
    LogStream(shipper, clients, "flood", "long").write("x" * 300_000)
    shipper.close()
    streams = {
        each["logStreamName"]: each
        for each in cloud.logs.describe_log_streams(logGroupName="flood")["logStreams"]
    }
    last = cloud.logs.get_log_events(logGroupName="flood", logStreamName="stream", limit=1)["events"]
    assert last[0]["message"] == str(MOST_WAITING + 999)
    assert streams["long"]["storedBytes"] == 250_000
