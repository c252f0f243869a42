"""Serves REST APIs as declared in API Gateway: stages, methods, keys, validators, Lambda and MOCK.

Throttling and quotas are stored but not enforced. Authorizers, body models, other integrations and the
template language are not implemented; the answer is 501 and names the missing feature.
"""

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from local_aws.base.bodies import MALFORMED
from local_aws.base.clients import ACCOUNT, Clients
from local_aws.functions.runtime import FunctionNotFoundError, Invocation
from local_aws.gateway.declaration import Stage, read_stage
from local_aws.gateway.proxy import event_of, request_context, response_of
from local_aws.gateway.responses import (
    Exchange,
    Failure,
    UnsupportedError,
    bad_parameters,
    bad_request,
    failure_response,
    forbidden_key,
    integration_failed,
    integration_timed_out,
    misconfigured,
    mock_response,
    no_such_method,
    too_large,
)

LOGGER = logging.getLogger(__name__)
LARGEST_BODY = 10_485_760
LARGEST_EVENT = 6_291_556
INTEGRATION_MILLISECONDS = 29_000
MOST_AT_ONCE = 64
_BY_PATH = re.compile(r"/restapis/([a-z0-9]+)/([A-Za-z0-9_-]+)/_user_request_(/.*)?", re.DOTALL)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_BY_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.localhost(:\d+)?", re.IGNORECASE)
_FUNCTION = re.compile(r"/functions/(arn:[^/]+)/invocations$")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")


class Gateway:
    """A WSGI app for `/restapis/<id>/<stage>/_user_request_/…` and `<id>.execute-api.localhost/<stage>/…`.

    Parameters
    ----------
    url, region : str
        Local AWS, which stores the declarations.
    invoke : callable
        Takes the ARNs of a function and of the called method, and an event, and returns the answer; raises
        FunctionNotFoundError.
    record : callable
        Called with each request to a stage, its answer and the seconds between them.
    """

    def __init__(
        self,
        url: str,
        region: str,
        invoke: Callable[[str, str, bytes], Invocation],
        record: Callable[[Exchange, Response, float], None],
    ) -> None:
        self._region = region
        self._clients = Clients(url, region)
        self._invoke = invoke
        self._record = record
        self._stages: dict[tuple[str, str], Stage] = {}
        self._version = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="gateway")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer: Iterable[bytes] = self._answer(Request(environ))(environ, start_response)
        return answer

    def invalidate(self) -> None:
        """Discard the cached declarations; call this after any change to an API."""
        with self._lock:
            self._version += 1
            self._stages.clear()

    def close(self) -> None:
        """Stop accepting requests."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    def _stage(self, api_id: str, name: str) -> Stage | None:
        with self._lock:
            found, version = self._stages.get((api_id, name)), self._version
        if found is None:
            found = read_stage(self._clients, api_id, name)
            with self._lock:
                # If the API changed while it was read, the result can be inconsistent and is not cached.
                if found is not None and version == self._version:
                    self._stages[api_id, name] = found
        return found

    def _answer(self, request: Request) -> Response:
        started = time.monotonic()
        api_id, stage_name, path = _target(request)
        request_id = str(uuid.uuid4())
        trace_id = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
        stage = self._stage(api_id, stage_name) if api_id and stage_name else None
        if stage is None:
            response = _message(403, "Forbidden")
            response.headers["x-amzn-ErrorType"] = "ForbiddenException"
        else:
            context = request_context(
                request_id=request_id,
                trace_id=trace_id,
                api_id=api_id,
                stage=stage_name,
                path=path,
                request=request,
            )
            context["deploymentId"] = stage.deployment_id
            exchange = Exchange(request, stage, path, context)
            response = self._serve(exchange)
            self._record(exchange, response, time.monotonic() - started)
        response.headers["x-amzn-RequestId"] = request_id
        response.headers["X-Amzn-Trace-Id"] = trace_id
        return response

    def _serve(self, exchange: Exchange) -> Response:
        try:
            try:
                return self._integrate(exchange, _method_of(exchange))
            except Failure as failure:
                return failure_response(exchange, failure)
        except UnsupportedError as error:
            return _message(501, str(error))

    def _integrate(self, exchange: Exchange, method: Mapping[str, Any]) -> Response:
        integration: Mapping[str, Any] | None = method.get("methodIntegration")
        if integration is None:
            raise misconfigured()
        if integration["type"] == "MOCK":
            return mock_response(exchange, integration)
        if integration["type"] != "AWS_PROXY":
            raise UnsupportedError(
                f"Local AWS does not implement integrations of type {integration['type']}."
            )
        return self._proxy(exchange, integration)

    def _proxy(self, exchange: Exchange, integration: Mapping[str, Any]) -> Response:
        uri = _STAGE_VARIABLE.sub(
            lambda found: exchange.stage.variables.get(found.group(1), ""), integration.get("uri") or ""
        )
        function = _FUNCTION.search(uri)
        if function is None:
            raise misconfigured()
        event = json.dumps(event_of(exchange)).encode()
        if len(event) > LARGEST_EVENT:
            raise too_large("Request Too Long")
        milliseconds = int(integration.get("timeoutInMillis") or INTEGRATION_MILLISECONDS)
        answer = self._pool.submit(self._invoke, function.group(1), self._method_arn(exchange), event)
        try:
            invocation = answer.result(timeout=milliseconds / 1000)
        except FutureTimeoutError:
            raise integration_timed_out() from None
        except FunctionNotFoundError as error:
            LOGGER.warning(
                "Invalid permissions on Lambda function, or the function does not exist: %s", error
            )
            raise misconfigured() from error
        if invocation.error is not None:
            LOGGER.warning("Lambda execution failed: %s", invocation.payload[:500].decode(errors="replace"))
            raise integration_failed()
        return response_of(exchange, invocation.payload)

    def _method_arn(self, exchange: Exchange) -> str:
        context = exchange.context
        path = f"{context['apiId']}/{context['stage']}/{context['httpMethod']}{context['resourcePath']}"
        return f"arn:aws:execute-api:{self._region}:{ACCOUNT}:{path}"


def _target(request: Request) -> tuple[str, str, str]:
    """Return API id, stage and path of a request; the path starts with a slash."""
    by_path = _BY_PATH.fullmatch(request.path)
    if by_path:
        return by_path.group(1), by_path.group(2), by_path.group(3) or "/"
    if request.path.startswith("/restapis/"):
        return "", "", "/"
    by_host = _BY_HOST.fullmatch(request.host)
    stage, _, rest = request.path.lstrip("/").partition("/")
    return by_host.group(1).lower() if by_host else "", stage, "/" + rest


def _method_of(exchange: Exchange) -> Mapping[str, Any]:
    """Route a request, check its size, key and parameters, and return its method."""
    request, stage = exchange.request, exchange.stage
    if len(request.get_data()) > LARGEST_BODY:
        raise too_large(f"HTTP content length exceeded {LARGEST_BODY} bytes.")
    if MALFORMED in request.environ:
        raise bad_request(request.environ[MALFORMED])
    if _CONTROL_CHARACTER.search(exchange.path):
        raise no_such_method()
    exchange.route = stage.route(exchange.path)
    method = exchange.route.method(request.method) if exchange.route else None
    if exchange.route is None or method is None:
        raise no_such_method()
    exchange.context["resourceId"] = exchange.route.resource["id"]
    exchange.context["resourcePath"] = exchange.route.resource["path"]
    kind = method.get("authorizationType") or "NONE"
    if kind != "NONE":
        raise UnsupportedError(f"Local AWS does not implement authorization of type {kind}.")
    if method.get("apiKeyRequired"):
        key = request.headers.get("x-api-key", "")
        if key not in stage.keys:
            raise forbidden_key()
        exchange.context["identity"] |= {"apiKey": key, "apiKeyId": stage.keys[key]}
    _validate(exchange, method)
    return method


def _validate(exchange: Exchange, method: Mapping[str, Any]) -> None:
    validator = exchange.stage.validators.get(method.get("requestValidatorId") or "")
    if validator is None:
        return
    if validator.get("validateRequestBody") and method.get("requestModels"):
        raise UnsupportedError("Local AWS does not validate bodies against models.")
    if not validator.get("validateRequestParameters"):
        return
    declared: Mapping[str, bool] = method.get("requestParameters") or {}
    required = [name for name, is_required in declared.items() if is_required]
    missing = [name.rpartition(".")[2] for name in required if not exchange.value(name)]
    if missing:
        raise bad_parameters(missing)


def _message(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, content_type="application/json")
