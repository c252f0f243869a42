"""Faults of AWS, put in the way of a boto3 session's requests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

# Their errors are XML; the others' are JSON.
_XML = {"cloudformation", "iam", "s3", "sns"}

# What happens to a request: nothing (None), an answer that AWS did not give, or an exception.
Fault = Callable[[AWSPreparedRequest, str], AWSResponse | None]


class Killed(BaseException):
    """The process that made the request is no more."""


def killed(_request: AWSPreparedRequest, operation: str) -> None:
    """End the process before the request."""
    raise Killed(operation)


def throttled(request: AWSPreparedRequest, operation: str) -> AWSResponse:
    """Answer that there were too many requests."""
    if operation.startswith("s3."):
        return _refusal(request, operation, 503, "SlowDown", "Please reduce your request rate.")
    return _refusal(request, operation, 400, "ThrottlingException", "Rate exceeded")


def denied(request: AWSPreparedRequest, operation: str) -> AWSResponse:
    """Answer as IAM does to one who may not."""
    action = operation.replace(".", ":", 1)
    text = f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: {action}"
    return _refusal(request, operation, 403, "AccessDenied", text)


def unreachable(request: AWSPreparedRequest, _operation: str) -> None:
    """Let the request never arrive."""
    raise ConnectTimeoutError(endpoint_url=request.url)


def lost(request: AWSPreparedRequest, _operation: str) -> None:
    """Carry the request out and lose its answer."""
    http = URLLib3Session()
    http.send(request)
    http.close()
    raise ReadTimeoutError(endpoint_url=request.url)


class Faults:
    """Counts the requests of a session, retries included, and lets those fail that a test chose.

    Attributes
    ----------
    requests
        Service and operation of each request within the last `where`, such as ``s3.PutObject``.
    """

    def __init__(self, session: Any) -> None:
        self.requests: list[str] = []
        self._choose: Callable[[int, str], Fault | None] | None = None
        session.events.register("before-send", self._before_send)

    @contextmanager
    def where(self, choose: Callable[[int, str], Fault | None]) -> Iterator[None]:
        """Let requests fail, given their number (from 1) and operation."""
        self.requests, self._choose = [], choose
        try:
            yield
        finally:
            self._choose = None

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        if self._choose is None:
            return None
        operation = event_name.removeprefix("before-send.")
        self.requests.append(operation)
        fault = self._choose(len(self.requests), operation)
        return None if fault is None else fault(request, operation)


def from_request(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Choose that request and all after it."""
    return lambda count, _operation: fault if count >= number else None


def at_operation(wanted: str, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Choose all requests for one operation."""
    return lambda _count, operation: fault if operation == wanted else None


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _refusal(
    request: AWSPreparedRequest, operation: str, status: int, code: str, message: str
) -> AWSResponse:
    service = operation.partition(".")[0]
    if service in _XML:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        text = error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        text = json.dumps({"__type": code, "message": message})
    body = b"" if request.method == "HEAD" else text.encode()
    return AWSResponse(request.url, status, {"x-amzn-errortype": code}, _Body(body))
