"""The Lambda proxy integration: converts requests to events and a function's answers to responses."""

import base64
import binascii
import json
import logging
import time
from typing import Any

from werkzeug.wrappers import Response

from local_aws.base.clients import ACCOUNT
from local_aws.gateway.responses import Exchange, integration_failed

LOGGER = logging.getLogger(__name__)
ANSWER_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
# The server sets these headers; a function cannot.
OWN_HEADERS = {"content-length", "transfer-encoding", "connection", "date", "server"}


def event_of(exchange: Exchange) -> dict[str, Any]:
    """Return the event of the proxy integration, in format 1.0."""
    request, route = exchange.request, exchange.route
    if route is None:
        raise ValueError("An event needs a route.")
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name, []).append(value)
    host = request.headers.get("Host", "localhost")
    headers["X-Forwarded-For"] = [
        *headers.get("X-Forwarded-For", []),
        exchange.context["identity"]["sourceIp"],
    ]
    headers.setdefault("X-Forwarded-Proto", ["http"])
    headers.setdefault("X-Forwarded-Port", [host.rpartition(":")[2] if ":" in host else "80"])
    headers["X-Amzn-Trace-Id"] = [exchange.context["xrayTraceId"]]
    query = dict(request.args.lists())
    body = request.get_data()
    is_binary = bool(body) and exchange.stage.is_binary(request.headers.get("Content-Type", ""))
    text = base64.b64encode(body).decode() if is_binary else body.decode(errors="replace")
    return {
        "resource": route.resource["path"],
        "path": exchange.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(route.parameters) or None,
        "stageVariables": dict(exchange.stage.variables) or None,
        "requestContext": {key: value for key, value in exchange.context.items() if key != "xrayTraceId"},
        "body": text or None,
        "isBase64Encoded": is_binary,
    }


def request_context(
    *, request_id: str, trace_id: str, api_id: str, stage: str, path: str, request: Any
) -> dict[str, Any]:
    """Return the request context before routing; the resource is filled in later."""
    now = time.time()
    host = request.headers.get("Host", "localhost")
    return {
        "accountId": ACCOUNT,
        "apiId": api_id,
        "domainName": host.rpartition(":")[0] or host,
        "domainPrefix": api_id,
        "extendedRequestId": request_id.replace("-", "")[:15] + "=",
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "apiKey": None,
            "apiKeyId": None,
            "caller": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.remote_addr or "127.0.0.1",
            "user": None,
            "userAgent": request.headers.get("User-Agent"),
            "userArn": None,
        },
        "path": f"/{stage}{path}",
        "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        "requestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": None,
        "resourcePath": None,
        "stage": stage,
        "xrayTraceId": trace_id,
    }


def response_of(exchange: Exchange, payload: bytes) -> Response:
    """Convert a function's answer to a response.

    Raises
    ------
    Failure
        502 if the answer does not have the form of the proxy integration; the reason is logged.
    """
    try:
        return _response(exchange, json.loads(payload))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        LOGGER.warning("Malformed Lambda proxy response for %s: %s", exchange.path, error)
        raise integration_failed() from error


def _response(exchange: Exchange, answer: Any) -> Response:
    if not isinstance(answer, dict) or "statusCode" not in answer or set(answer) - ANSWER_KEYS:
        raise ValueError(
            f"the function answered {str(answer)[:200]!r}; an answer must be an object with statusCode and "
            "optionally headers, multiValueHeaders, body and isBase64Encoded"
        )
    body = answer.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise TypeError(f"body must be a string, not {type(body).__name__}; use json.dumps")
    content = body.encode()
    if answer.get("isBase64Encoded") and exchange.stage.is_binary(exchange.request.headers.get("Accept", "")):
        content = base64.b64decode(body, validate=True)
    response = Response(content, int(answer["statusCode"]), content_type="application/json")
    for name, value in (answer.get("headers") or {}).items():
        _set(response, name, [value])
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        _set(response, name, values)
    return response


def _set(response: Response, name: str, values: list[Any]) -> None:
    if name.lower() in OWN_HEADERS:
        return
    for value in values:
        if not isinstance(value, str | int | float | bool):
            raise TypeError(f"header {name} must be a string, not {type(value).__name__}")
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    response.headers.setlist(name, texts)
