"""Reads, lists and writes the objects of monitoring in the project's bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREDICTIONS = ("predictions/", "predictions/batch/")
# The hour in a portfolio's key is that of a client's clock, which S3 allows to be 15 minutes ahead.
_AHEAD = timedelta(minutes=15)


class Bucket:
    """The project's bucket.

    Parameters
    ----------
    s3, name
        Client of S3, and the bucket's name.
    """

    def __init__(self, s3: S3Client, name: str) -> None:
        self._s3 = s3
        self.name = name

    def uri(self, key: str) -> str:
        """Return the URI of a key."""
        return f"s3://{self.name}/{key}"

    def read_json(self, key: str) -> Any:
        """Return the contents of an object; None if it does not exist."""
        if not self.exists(key):
            return None
        return json.loads(self._s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def write(self, key: str, contents: Any) -> None:
        """Write JSON."""
        self._s3.put_object(Bucket=self.name, Key=key, Body=json.dumps(contents).encode())

    def create(self, key: str, contents: Any) -> bool:
        """Write JSON unless the object exists; return whether it was written."""
        try:
            self._s3.put_object(
                Bucket=self.name, Key=key, Body=json.dumps(contents).encode(), IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return False
        return True

    def copy_if_present(self, source: str, key: str) -> None:
        """Copy an object of this bucket, if it exists."""
        if self.exists(source):
            self._s3.copy_object(Bucket=self.name, Key=key, CopySource={"Bucket": self.name, "Key": source})

    def names(self, prefix: str) -> set[str]:
        """Return the names of the objects below a prefix, without it."""
        return {key[len(prefix) :] for key, _ in self._objects(prefix, "")}

    def arrived(self, after: datetime, until: datetime, slack: timedelta) -> list[str]:
        """Return the keys of the logged predictions that were written in a period.

        Parameters
        ----------
        after, until
            The period; the end belongs to it, the start does not.
        slack
            How long an object can be written after the hour in its key.
        """
        found = []
        for prefix in PREDICTIONS:
            # Keys are in the order of their hours.
            start = f"{prefix}{after - slack:%Y/%m/%d/%H}"
            end = f"{prefix}{until + _AHEAD:%Y/%m/%d/%H}0"
            found += [key for key, written in self._objects(prefix, start, end) if after < written <= until]
        return found

    def logged(self, start: datetime, end: datetime) -> list[str]:
        """Return the keys of the predictions that arrived between two days."""
        return [
            key
            for prefix in PREDICTIONS
            for key, _ in self._objects(prefix, f"{prefix}{start:%Y/%m/%d}", f"{prefix}{end:%Y/%m/%d}")
        ]

    def exists(self, key: str) -> bool:
        """Return whether an object exists."""
        # The role can list the bucket only by prefix, and a read sends none, so S3 can return AccessDenied
        # for a missing key, as for one that the role can't read at the moment. Only a list tells them apart.
        listed = self._s3.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        return any(found["Key"] == key for found in listed.get("Contents", []))

    def _objects(self, prefix: str, start: str, end: str = "") -> Iterator[tuple[str, datetime]]:
        """Yield the keys after `start` and before `end`, with the time at which they were written."""
        paginator = self._s3.get_paginator("list_objects_v2")
        pages = paginator.paginate(Bucket=self.name, Prefix=prefix, StartAfter=start or prefix)
        for page in pages:
            for item in page.get("Contents", []):
                if end and item["Key"] >= end:
                    return
                yield item["Key"], item["LastModified"]
