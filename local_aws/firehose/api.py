"""Adapter: moto's Firehose with real delivery; moto itself writes one object for each call."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import moto.firehose.urls
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.firehose.exceptions import InvalidArgumentException, ResourceNotFoundException
from moto.firehose.responses import FirehoseResponse

from local_aws.firehose.streams import Streams

MOST_RECORD_BYTES = 1000 * 1024
MOST_BATCH_BYTES = 4 * 1024 * 1024
_DESTINATION = {
    "BucketARN",
    "BufferingHints",
    "CompressionFormat",
    "EncryptionConfiguration",
    "ErrorOutputPrefix",
    "Prefix",
    "RoleARN",
}
_STREAM = {"DeliveryStreamName", "DeliveryStreamType", "ExtendedS3DestinationConfiguration", "Tags"}
_EXPRESSION = re.compile(r"!\{([^}:]*):?([^}]*)\}")
_DATE = re.compile(r"(yyyy|MM|dd|HH|[^A-Za-z])*")


class ThrottledError(JsonRESTError):  # type: ignore[misc]
    """A record above the quota of its stream."""

    code = 400

    def __init__(self) -> None:
        super().__init__("ServiceUnavailableException", "Slow down.")


class LocalFirehose(FirehoseResponse):  # type: ignore[misc]
    """moto's actions, with records that are delivered, and streams that local AWS can deliver."""

    streams: Streams

    def create_delivery_stream(self) -> ActionResult:
        """Create a stream that delivers to S3."""
        _check_members(self._get_params(), _STREAM, "a stream")
        _check(self._get_param("ExtendedS3DestinationConfiguration", {}))
        return super().create_delivery_stream()

    def update_destination(self) -> ActionResult:
        """Change the destination; records that are already buffered go there, too."""
        _check(self._get_param("ExtendedS3DestinationUpdate", {}))
        return super().update_destination()

    def delete_delivery_stream(self) -> ActionResult:
        """Deliver what the stream holds, then delete it."""
        name = self._get_param("DeliveryStreamName")
        self.streams.deliver(name)
        return super().delete_delivery_stream()

    def put_record(self) -> ActionResult:
        """Accept one record."""
        [is_accepted] = self._put([self._get_param("Record")])
        if not is_accepted:
            raise ThrottledError
        return ActionResult({"RecordId": str(uuid.uuid4()), "Encrypted": False})

    def put_record_batch(self) -> ActionResult:
        """Accept records; those above the quota of the stream fail, and the answer says which."""
        accepted = self._put(self._get_param("Records"))
        responses = [
            {"RecordId": str(uuid.uuid4())}
            if each
            else {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
            for each in accepted
        ]
        failed = accepted.count(False)
        return ActionResult({"FailedPutCount": failed, "Encrypted": False, "RequestResponses": responses})

    def _put(self, records: Sequence[Mapping[str, Any]]) -> list[bool]:
        name = self._get_param("DeliveryStreamName")
        stream = self.firehose_backend.delivery_streams.get(name)
        if stream is None:
            account = self.current_account
            raise ResourceNotFoundException(f"Firehose {name} under account {account} not found.")
        data = [each["Data"] for each in records]
        if (longest := max(map(len, data))) > MOST_RECORD_BYTES:
            raise InvalidArgumentException(
                f"A record has {longest:,} bytes; at most {MOST_RECORD_BYTES:,} are allowed."
            )
        if (total := sum(map(len, data))) > MOST_BATCH_BYTES:
            raise InvalidArgumentException(
                f"The records have {total:,} bytes; at most {MOST_BATCH_BYTES:,} are allowed."
            )
        return self.streams.put(name, stream.destinations[0]["ExtendedS3"], data)


def install(streams: Streams) -> None:
    """Make moto's streams deliver; call this before making the application."""
    LocalFirehose.streams = streams
    for path in moto.firehose.urls.url_paths:
        moto.firehose.urls.url_paths[path] = LocalFirehose.dispatch


def _check(destination: Mapping[str, Any]) -> None:
    """Reject a destination with settings that local AWS would ignore."""
    _check_members(destination, _DESTINATION, "an S3 destination")
    compression = destination.get("CompressionFormat", "UNCOMPRESSED")
    if compression not in ("GZIP", "UNCOMPRESSED"):
        raise InvalidArgumentException(
            f"CompressionFormat is {compression!r}; local AWS supports GZIP and UNCOMPRESSED."
        )
    for namespace, pattern in _EXPRESSION.findall(str(destination.get("Prefix", ""))):
        if namespace != "timestamp" or not _DATE.fullmatch(pattern):
            raise InvalidArgumentException(
                f"The prefix has !{{{namespace}:{pattern}}}; local AWS supports !{{timestamp:…}} with yyyy, "
                "MM, dd and HH."
            )


def _check_members(given: Mapping[str, Any], supported: set[str], owner: str) -> None:
    if unknown := sorted(name for name, value in given.items() if value and name not in supported):
        raise InvalidArgumentException(
            f"Local AWS does not support {unknown[0]} of {owner}; it supports {', '.join(sorted(supported))}."
        )
