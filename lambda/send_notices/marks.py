"""Records in S3 which notices were published, so that repeated events publish nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from send_notices.notice import Notice

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "notices/"
# Longer than the function's timeout: a call that claimed a fact this long ago has ended.
ABANDONED_SECONDS = 120
# S3 answers a conditional write like this if the object was changed before it, or is being changed.
_CHANGED = ("PreconditionFailed", "ConditionalRequestConflict")


class BusyError(Exception):
    """Another call is publishing the same notice; a retry finds out whether it succeeded."""


class Marks:
    """One object in S3 for each subject, with its last published fact.

    A call first claims a fact, then publishes it, then confirms it. So an interrupted call is repeated by its
    retry, which has the same request id, and a repeated event is not published.

    Parameters
    ----------
    s3, bucket
        Client of S3, and the bucket.
    clock
        Returns the present time.
    """

    def __init__(
        self, s3: S3Client, bucket: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock

    def claim(self, notice: Notice, request_id: str) -> bool:
        """Return whether this call must publish a notice.

        Raises
        ------
        BusyError
            If another call has claimed the fact and may still be publishing it, or claims the subject at the
            same moment.
        """
        # Writing first needs no permission to list the bucket, which reading a missing object would.
        try:
            self._put(notice, request_id, sent=False, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CHANGED:
                raise
        else:
            return True
        found = self._s3.get_object(Bucket=self._bucket, Key=_key(notice))
        mark = json.loads(found["Body"].read())
        if mark["time"] > notice.time or (mark["value"] == notice.value and mark["sent"]):
            return False
        if mark["value"] == notice.value and mark["request"] != request_id:
            age = (self._clock() - found["LastModified"]).total_seconds()
            if age < ABANDONED_SECONDS:
                raise BusyError(f"Another call is publishing {notice.subject} {notice.value}.")
        try:
            self._put(notice, request_id, sent=False, IfMatch=found["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CHANGED:
                raise
            raise BusyError(f"Another call claims {notice.subject} at the same moment.") from error
        return True

    def confirm(self, notice: Notice, request_id: str) -> None:
        """Record that a notice was published."""
        self._put(notice, request_id, sent=True)

    def _put(self, notice: Notice, request_id: str, *, sent: bool, **conditions: Any) -> None:
        mark = {"value": notice.value, "time": notice.time, "request": request_id, "sent": sent}
        self._s3.put_object(
            Bucket=self._bucket,
            Key=_key(notice),
            Body=json.dumps(mark).encode(),
            ContentType="application/json",
            **conditions,
        )


def _key(notice: Notice) -> str:
    return f"{PREFIX}{notice.subject}.json"
