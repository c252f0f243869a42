"""The WSGI front of local AWS: rejects foreign callers and dispatches requests to the part that answers."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from local_aws.base.changes import HEADER, Changes
from local_aws.errors import error_response, service_of
from local_aws.guard import Guard, is_stage
from local_aws.iam.authorizer import Refusal
from local_aws.outbox.api import PATH as OUTBOX

logger = logging.getLogger(__name__)

# moto, Flask and werkzeug are untyped for mypy, hence Any.
WsgiApp = Callable[[dict[str, Any], Any], Any]
# Requests that don't hold the lock: they wait for others, or a prediction waits for them.
_WAITING = {"Publish", "PublishBatch", "PutRecord", "PutRecordBatch", "ReceiveMessage"}
# Of these, a crash of local AWS can lose the last second.
_UNIMPORTANT = _WAITING | {"CreateLogStream", "PutLogEvents", "PutMetricData"}
_CBOR = re.compile(r"/service/\w+/operation/(\w+)")
_INVOCATION = re.compile(r"/\d{4}-\d{2}-\d{2}/functions/[^/]+/invocations")
_READING = re.compile(r"(BatchGet|Describe|Get|HEAD|List|Query|Scan|Search|Select)(?![a-z])|GET ")
_HEADER = "HTTP_" + HEADER.upper().replace("-", "_")
_RUNTIME = re.compile(r"/endpoints/[^/]+/[^/]+")


def action_of(environ: dict[str, Any], body: bytes) -> str:
    """Return the action of a request, or its method and path if the protocol has no action name."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rsplit(".", 1)[-1]
    match = re.search(rb"(?:^|&)Action=([A-Za-z0-9]+)", body[:2000])
    if match:
        return match.group(1).decode()
    cbor = _CBOR.fullmatch(str(environ.get("PATH_INFO", "")))
    if cbor:
        return cbor.group(1)
    return f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"


class Front:
    """Checks callers and dispatches requests to moto, SageMaker Runtime or the REST gateway.

    Parameters
    ----------
    guard : Guard
        Decides which requests are rejected.
    refusal : callable
        Takes a request and its body; returns the error if the caller lacks permissions, else None.
    moto : WsgiApp
        The control plane.
    invocations : WsgiApp
        SageMaker Runtime.
    stages : WsgiApp
        The REST gateway.
    outbox : WsgiApp
        The messages of SNS topics.
    changed : callable
        Called with the name of the service after each request that may have changed resources, and whether
        that must be saved before the answer.
    changes : Changes
        The lock, which requests to the control plane hold.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        refusal: Callable[[dict[str, Any], bytes], Refusal | None],
        moto: WsgiApp,
        invocations: WsgiApp,
        stages: WsgiApp,
        outbox: WsgiApp,
        changed: Callable[[str, bool], None],
        changes: Changes,
    ) -> None:
        self._guard = guard
        self._refusal = refusal
        self._moto = moto
        self._invocations = invocations
        self._stages = stages
        self._outbox = outbox
        self._changed = changed
        self._changes = changes

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        refusal = self._guard.refusal(environ)
        if refusal is not None:
            return refusal(environ, start_response)
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        if is_stage(environ):
            return self._guarded(self._stages, environ, start_response, body)
        if path == OUTBOX:
            return self._outbox(environ, start_response)
        denied = self._refusal(environ, body)
        if denied is not None:
            response = error_response(environ, denied.status, denied.code, denied.message)
            return response(environ, start_response)
        if _RUNTIME.fullmatch(path):
            return self._guarded(self._invocations, environ, start_response, body)
        return self._guarded(self._control_plane(body), environ, start_response, body)

    def _control_plane(self, body: bytes) -> WsgiApp:
        """Return the control plane, which works under the lock."""

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            action = action_of(environ, body)
            is_waiting = action in _WAITING or _INVOCATION.fullmatch(str(environ.get("PATH_INFO", "")))
            is_reading = _READING.match(action)
            is_important = not (is_waiting or is_reading or action in _UNIMPORTANT)
            with self._hold(environ, is_waiting=bool(is_waiting)):
                if self._changes.is_closed and is_important:
                    return self._stopping(environ, start_response)
                try:
                    return self._moto(environ, start_response)
                finally:
                    if not is_reading:
                        self._changed(service_of(environ), is_important)

        return app

    def _hold(self, environ: dict[str, Any], *, is_waiting: bool) -> AbstractContextManager[None]:
        if environ.get(_HEADER) == self._changes.token:
            return self._changes.joined()
        return nullcontext() if is_waiting else self._changes

    @staticmethod
    def _stopping(environ: dict[str, Any], start_response: Any) -> Any:
        message = "Local AWS is stopping."
        return error_response(environ, 503, "ServiceUnavailable", message)(environ, start_response)

    def _guarded(self, app: WsgiApp, environ: dict[str, Any], start_response: Any, body: bytes) -> Any:
        service = service_of(environ)
        try:
            return app(environ, start_response)
        except NotImplementedError as error:
            action = action_of(environ, body)
            message = f"Local AWS does not implement {service or 'this service'}: {action} ({error})."
            return error_response(environ, 501, "NotImplemented", message)(environ, start_response)
        except Exception as error:
            # The outermost handler: clients must get unexpected errors as AWS errors.
            action = action_of(environ, body)
            logger.exception("Local AWS failed while answering %s: %s", service, action)
            message = f"Local AWS failed while answering {service}: {action}: {type(error).__name__}: {error}"
            return error_response(environ, 500, "InternalFailure", message)(environ, start_response)
