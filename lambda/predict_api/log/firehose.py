"""Sends records to a Firehose stream, with less than half the work of botocore's client."""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_firehose.type_defs import PutRecordBatchOutputTypeDef

# A client waits for its prediction, not for the log: an attempt takes at most 250 ms, unless the answer comes
# in several pieces, and there is a second one only if the first has failed within 50 ms.
ATTEMPT_SECONDS = 0.25
AGAIN_WITHIN = 0.05
# For the connection, and again for its encryption.
_CONNECT_SECONDS = 0.1

_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "Firehose_20150804.PutRecordBatch",
}


class RejectedError(Exception):
    """Firehose rejected a call.

    Parameters
    ----------
    code
        The code of the error.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Firehose:
    """Sends records over one connection, which stays open between requests.

    botocore's client would take most of the log's computing time: for each call, it resolves the address,
    emits events and copies the headers many times. Here, botocore only signs.

    Parameters
    ----------
    url
        Firehose's address.
    region
        The region for which calls are signed.
    credentials
        The credentials of the function's role.
    stream
        The name of the delivery stream.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, url: str, region: str, credentials: Credentials, stream: str, *, clock: Callable[[], float]
    ) -> None:
        self._url = url
        self._signer = SigV4Auth(credentials, "firehose", region)
        self._stream = json.dumps(stream).encode()
        self._connection = _connection(url)
        self._clock = clock

    def put(self, records: Sequence[bytes]) -> PutRecordBatchOutputTypeDef:
        """Send records in one call, and return Firehose's answer, which can reject single records.

        Raises
        ------
        RejectedError
            If Firehose rejects the call.
        OSError
            If Firehose can't be reached or does not answer in time.
        ValueError, KeyError, HTTPException
            If the answer does not have Firehose's form.
        """
        encoded = b",".join(b'{"Data":"%b"}' % b64encode(record) for record in records)
        body = b'{"DeliveryStreamName":%b,"Records":[%b]}' % (self._stream, encoded)
        request = AWSRequest("POST", self._url, headers=_HEADERS, data=body)
        self._signer.add_auth(request)
        headers = dict(request.headers.items())
        is_open = self._connection.sock is not None
        started = self._clock()
        try:
            return self._send(body, headers, started + ATTEMPT_SECONDS)
        except (ConnectionError, ssl.SSLError):
            # While the function was idle, Firehose has closed the connection. A new one takes its place.
            failed = self._clock()
            if not is_open or failed - started > AGAIN_WITHIN:
                raise
            return self._send(body, headers, failed + ATTEMPT_SECONDS)

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        self._connection.close()

    def _send(self, body: bytes, headers: dict[str, str], deadline: float) -> PutRecordBatchOutputTypeDef:
        connection = self._connection
        try:
            if connection.sock is None:
                connection.connect()
            self._limit(deadline)
            connection.request("POST", "/", body, headers)
            self._limit(deadline)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except BaseException:
            # The rest of an answer must not become the answer to the next call.
            self.close()
            raise
        if response.status != 200:
            raise RejectedError(answer["__type"].rpartition("#")[2])
        return answer  # type: ignore[no-any-return]

    def _limit(self, deadline: float) -> None:
        """Limit each wait for the connection to the time until the deadline."""
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        self._connection.sock.settimeout(left)


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "http":  # local AWS
        return HTTPConnection(parts.netloc, timeout=_CONNECT_SECONDS)
    return HTTPSConnection(parts.netloc, timeout=_CONNECT_SECONDS, context=ssl.create_default_context())
