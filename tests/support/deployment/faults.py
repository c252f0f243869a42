"""Injects faults into the requests of a boto3 session."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

# The errors of these services are XML, those of the others JSON.
_XML = {"cloudformation", "iam", "s3", "sns"}

# A fault lets a request pass (None), answers it, or raises an exception.
Fault = Callable[[AWSPreparedRequest, str], AWSResponse | None]


class Killed(BaseException):
    """The process that made the request was killed."""


def killed(_request: AWSPreparedRequest, operation: str) -> None:
    """Kill the process before the request."""
    raise Killed(operation)


def throttled(request: AWSPreparedRequest, operation: str) -> AWSResponse:
    """Answer that the request was throttled."""
    if operation.startswith("s3."):
        return _error_response(request, operation, 503, "SlowDown", "Please reduce your request rate.")
    return _error_response(request, operation, 400, "ThrottlingException", "Rate exceeded")


def denied(request: AWSPreparedRequest, operation: str) -> AWSResponse:
    """Answer that the caller lacks the permission."""
    action = operation.replace(".", ":", 1)
    text = f"User: arn:aws:iam::123456789012:user/me is not authorized to perform: {action}"
    return _error_response(request, operation, 403, "AccessDenied", text)


def unreachable(request: AWSPreparedRequest, _operation: str) -> None:
    """Time out before the request arrives."""
    raise ConnectTimeoutError(endpoint_url=request.url)


def lost(request: AWSPreparedRequest, _operation: str) -> None:
    """Carry out the request and lose its answer."""
    http = URLLib3Session()
    http.send(request)
    http.close()
    raise ReadTimeoutError(endpoint_url=request.url)


class Faults:
    """Counts the requests of sessions, including retries, and injects the faults that a test chooses.

    Attributes
    ----------
    requests
        Service and operation of each request during the last `where`, such as ``s3.PutObject``.
    """

    def __init__(self, *sessions: Any) -> None:
        self.requests: list[str] = []
        self._choose: Callable[[int, str], Fault | None] | None = None
        for session in sessions:
            session.events.register("before-send", self._before_send)

    @contextmanager
    def where(self, choose: Callable[[int, str], Fault | None]) -> Iterator[None]:
        """Choose the fault of each request from its number (from 1) and operation."""
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
    """Choose a fault for this request and all that follow."""
    return lambda count, _operation: fault if count >= number else None


def interrupt_at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Fail the request of that number with `fault`, and every later one as unreachable."""

    def choose(count: int, _operation: str) -> Fault | None:
        if count < number:
            return None
        return fault if count == number or fault is killed else unreachable

    return choose


def at_operation(wanted: str, fault: Fault) -> Callable[[int, str], Fault | None]:
    """Choose a fault for all requests of one operation."""
    return lambda _count, operation: fault if operation == wanted else None


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _error_response(
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
