"""Delivery streams of local AWS: buffering, delivery to S3, quotas, and what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, ROLE, Cloud, eventually
from support.local_aws.stacks import Stacks, refusal

from local_aws.firehose.streams import Streams
from local_aws.iam.sessions import AssumeRoleError

PREFIX = "predictions/!{timestamp:yyyy/MM/dd/HH}/"
DESTINATION: dict[str, Any] = {
    "RoleARN": ROLE,
    "BucketARN": f"arn:aws:s3:::{BUCKET}",
    "Prefix": PREFIX,
    "ErrorOutputPrefix": "failed/",
    "CompressionFormat": "GZIP",
    "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 1},
}
NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


class Sessions:
    """Clients of one in-memory bucket; `error` is raised instead of writing."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.roles: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def of_role(self, role_arn: str, service: str) -> Sessions:
        self.roles.append((role_arn, service))
        if self.error is not None:
            raise self.error
        return self

    def get(self, service: str) -> Sessions:
        assert service == "s3"
        return self

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        assert Bucket == BUCKET
        self.objects[Key] = Body


class World:
    """Streams with a clock that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.sessions = Sessions()
        sessions: Any = self.sessions
        self.streams = Streams(sessions, clock=lambda: self.seconds, now=lambda: NOON)

    def put(self, *records: bytes, stream: str = "s") -> list[bool]:
        return self.streams.put(stream, DESTINATION, records)

    def after(self, seconds: float) -> dict[str, bytes]:
        """Return the contents of all objects after some time."""
        self.seconds += seconds
        self.streams.deliver_due()
        return {key: gzip.decompress(body) for key, body in self.sessions.objects.items()}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.streams.reset()
    world.streams.close()


def test_records_are_delivered_together_when_the_oldest_is_old_enough(world: World) -> None:
    world.put(b"one\n")
    assert world.after(59) == {}
    world.put(b"two\n", b"three\n")
    [(key, body)] = world.after(1).items()

    assert body == b"one\ntwo\nthree\n"
    assert key.startswith("predictions/2026/03/04/12/s-1-2026-03-04-12-30-00-")
    assert key.endswith(".gz")
    assert world.sessions.roles == [(ROLE, "firehose.amazonaws.com")]
    assert len(world.after(1000)) == 1


def test_a_full_buffer_is_delivered_at_once(world: World) -> None:
    world.put(b"x" * 600_000)
    assert world.after(0) == {}
    world.put(b"y" * 600_000)
    [body] = world.after(0).values()
    assert len(body) == 1_200_000


def test_streams_have_buffers_of_their_own(world: World) -> None:
    world.put(b"one")
    world.put(b"two", stream="t")
    assert sorted(world.after(60).values()) == [b"one", b"two"]


def test_a_failed_delivery_is_repeated_and_loses_nothing(world: World) -> None:
    world.put(b"one\n")
    world.sessions.error = AssumeRoleError("no such role")
    assert world.after(60) == {}
    world.put(b"two\n")
    world.sessions.error = None
    assert world.after(9) == {}
    assert list(world.after(1).values()) == [b"one\ntwo\n"]


def test_records_above_the_quota_of_a_second_fail_one_by_one(world: World) -> None:
    record = b"x" * (1000 * 1024)
    assert world.put(*[record] * 4) == [True] * 4
    assert world.put(record, record, b"y") == [True, False, True]
    world.seconds += 1
    assert world.put(record) == [True]


def test_what_is_buffered_is_delivered_when_local_aws_stops(world: World) -> None:
    world.put(b"one")
    world.streams.close()
    assert [gzip.decompress(body) for body in world.sessions.objects.values()] == [b"one"]


def create(cloud: Cloud, **changes: Any) -> Any:
    return cloud.firehose.create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration={**DESTINATION, **changes}
    )


def objects(cloud: Cloud) -> list[str]:
    listed = cloud.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return [each["Key"] for each in listed]


def test_a_stream_delivers_what_is_put_into_it(cloud: Cloud) -> None:
    create(cloud, BufferingHints={"IntervalInSeconds": 0, "SizeInMBs": 1})
    answer = cloud.firehose.put_record_batch(
        DeliveryStreamName="s", Records=[{"Data": b"one\n"}, {"Data": "zwölf\n".encode()}]
    )
    assert answer["FailedPutCount"] == 0
    assert len({each["RecordId"] for each in answer["RequestResponses"]}) == 2

    [key] = eventually(lambda: objects(cloud))
    assert gzip.decompress(cloud.get(key)).decode() == "one\nzwölf\n"


def test_deleting_a_stream_delivers_the_rest(cloud: Cloud) -> None:
    create(cloud, CompressionFormat="UNCOMPRESSED")
    cloud.firehose.put_record(DeliveryStreamName="s", Record={"Data": b"last"})
    assert objects(cloud) == []
    cloud.firehose.delete_delivery_stream(DeliveryStreamName="s")
    [key] = objects(cloud)
    assert cloud.get(key) == b"last"


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([b"x" * (1000 * 1024 + 1)], "A record has 1,024,001 bytes; at most 1,024,000 are allowed."),
        ([b"x" * 1_000_000] * 5, "The records have 5,000,000 bytes; at most 4,194,304 are allowed."),
    ],
)
def test_too_large_records_are_refused(cloud: Cloud, records: list[bytes], problem: str) -> None:
    create(cloud)
    with pytest.raises(ClientError) as error:
        cloud.firehose.put_record_batch(DeliveryStreamName="s", Records=[{"Data": each} for each in records])
    assert refusal(error) == ("InvalidArgumentException", problem)


def test_a_missing_stream_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as error:
        cloud.firehose.put_record_batch(DeliveryStreamName="gone", Records=[{"Data": b"x"}])
    assert refusal(error)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ProcessingConfiguration": {"Enabled": True}}, "does not support ProcessingConfiguration of an S3"),
        ({"CompressionFormat": "Snappy"}, "CompressionFormat is 'Snappy'; local AWS supports GZIP"),
        ({"Prefix": "p/!{partitionKeyFromQuery:id}/"}, "The prefix has !{partitionKeyFromQuery:id}"),
        ({"Prefix": "p/!{timestamp:yyyy-'W'ww}/"}, "The prefix has !{timestamp:yyyy-'W'ww}"),
    ],
)
def test_a_destination_that_local_aws_cannot_serve_is_refused(
    cloud: Cloud, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClientError) as error:
        create(cloud, **changes)
    code, message = refusal(error)
    assert code == "InvalidArgumentException"
    assert problem in message


def test_a_stack_creates_changes_and_deletes_a_stream(stacks: Stacks) -> None:
    stacks.cloud.make_bucket()

    def stream(seconds: int) -> dict[str, Any]:
        destination = {
            **DESTINATION,
            "BufferingHints": {"IntervalInSeconds": seconds, "SizeInMBs": 1},
        }
        properties = {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": destination}
        return {"Stream": {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}}

    arn = {"Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Stream", "Arn"]}}}}
    stack = stacks.create(stream(300), **arn)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stacks.events()
    assert stack["Outputs"][0]["OutputValue"] == "arn:aws:firehose:eu-west-1:123456789012:deliverystream/s"
    assert stacks.update(stream(60), **arn)["StackStatus"] == "UPDATE_COMPLETE", stacks.events()
    described = stacks.cloud.firehose.describe_delivery_stream(DeliveryStreamName="s")
    [destination] = described["DeliveryStreamDescription"]["Destinations"]
    hints = destination["ExtendedS3DestinationDescription"]["BufferingHints"]
    assert hints == {"IntervalInSeconds": 60, "SizeInMBs": 1}
    stacks.api.delete_stack(StackName="s")
    eventually(lambda: not stacks.cloud.firehose.list_delivery_streams()["DeliveryStreamNames"])
