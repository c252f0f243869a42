"""The WSGI front of local AWS: rejects foreign callers and dispatches requests to the part that answers."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from local_aws.http_server import MALFORMED

logger = logging.getLogger(__name__)

# moto, Flask and werkzeug are untyped for mypy, hence Any.
WsgiApp = Callable[[dict[str, Any], Any], Any]
_INVOCATION = re.compile(r"/endpoints/[^/]+/invocations")
_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost|[a-z0-9.-]+\.localhost)(:\d+)?", re.IGNORECASE)
_STAGE = "/_user_request_"
# Moto's own interface: anyone who can reach it can erase, record and replay everything.
_MOTO_API = "/moto-api"
# Moto takes region and service from here.
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/[a-z0-9-]+/aws4_request\b", re.IGNORECASE
)
_STAGE_HOST = ".execute-api.localhost"


def error_response(environ: dict[str, Any], status: int, code: str, message: str) -> Response:
    """Return an error in the caller's protocol: XML for query APIs and S3, otherwise JSON."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if not target and (
        "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", "") or service_of(environ) == "s3"
    ):
        inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        body = (
            f"<Error>{inner}</Error>"
            if service_of(environ) == "s3"
            else f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
        )
        return Response(body, status, content_type="text/xml")
    body = json.dumps({"__type": code, "message": message, "Message": message})
    return Response(body, status, {"x-amzn-ErrorType": code}, content_type="application/json")


def service_of(environ: dict[str, Any]) -> str:
    """Return the service that a request is signed for, or an empty string if it is not signed."""
    match = re.search(
        r"Credential=[^/]+/\d+/[^/]*/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", "")
    )
    return match.group(1).lower() if match else ""


def action_of(environ: dict[str, Any], body: bytes) -> str:
    """Return the action of a request, or its method and path if the protocol has no action name."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rsplit(".", 1)[-1]
    match = re.search(rb"(?:^|&)Action=([A-Za-z0-9]+)", body[:2000])
    if match:
        return match.group(1).decode()
    return f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"


class Front:
    """Checks callers and dispatches requests to moto, SageMaker Runtime or the REST gateway.

    Parameters
    ----------
    moto : WsgiApp
        The control plane.
    invocations : WsgiApp
        SageMaker Runtime.
    stages : WsgiApp
        The REST gateway.
    changed : callable
        Called with the name of the service after each request that can have changed resources.
    """

    def __init__(
        self,
        *,
        moto: WsgiApp,
        invocations: WsgiApp,
        stages: WsgiApp,
        changed: Callable[[str], None],
    ) -> None:
        self._moto = moto
        self._invocations = invocations
        self._stages = stages
        self._changed = changed

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        refusal = _refusal(environ, path)
        if refusal is not None:
            return refusal(environ, start_response)
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        if _is_stage(environ, path):
            return self._guarded(self._stages, environ, start_response, body)
        if _INVOCATION.fullmatch(path):
            return self._guarded(self._invocations, environ, start_response, body)
        try:
            return self._guarded(self._moto, environ, start_response, body)
        finally:
            if environ.get("REQUEST_METHOD") != "GET":
                self._changed(service_of(environ))

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


def _refusal(environ: dict[str, Any], path: str) -> Response | None:
    """Return the answer to a request that local AWS does not take; None for the others."""
    host = str(environ.get("HTTP_HOST", ""))
    if not _LOOPBACK.fullmatch(host):
        message = f"Local AWS accepts only the hosts 127.0.0.1 and localhost; the Host header is {host!r}."
        return error_response(environ, 403, "AccessDeniedException", message)
    if _is_stage(environ, path):
        return None
    if _is_from_a_page(environ, host):
        message = "Local AWS rejects requests from web pages of other origins."
        return error_response(environ, 403, "AccessDeniedException", message)
    return _malformed(environ, path)


def _malformed(environ: dict[str, Any], path: str) -> Response | None:
    """Return the answer to a request that no AWS client sends; None for the others."""
    if path.startswith(_MOTO_API):
        return error_response(environ, 404, "NotFound", f"Local AWS has nothing at {_MOTO_API}.")
    if MALFORMED in environ:
        return error_response(environ, 400, "BadRequestException", environ[MALFORMED])
    authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
    if authorization and not _SIGNED.match(authorization):
        message = (
            "The Authorization header must be AWS4-HMAC-SHA256 with a credential of the form "
            "<key id>/<date>/<region>/<service>/aws4_request."
        )
        return error_response(environ, 400, "IncompleteSignature", message)
    return None


def _is_from_a_page(environ: dict[str, Any], host: str) -> bool:
    """Return whether a web page of another origin caused the request.

    Local AWS runs whatever code it is given and nothing is signed, so a page in the user's browser could
    otherwise run code here. Browsers send Sec-Fetch-Site with every request to a loopback address, and Origin
    with those that can change something; AWS clients send neither.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    origin = environ.get("HTTP_ORIGIN", f"http://{host}")
    return site not in {"same-origin", "none"} or origin != f"http://{host}"


def _is_stage(environ: dict[str, Any], path: str) -> bool:
    host = str(environ.get("HTTP_HOST", "")).partition(":")[0].lower()
    return host.endswith(_STAGE_HOST) or (path.startswith("/restapis/") and _STAGE in path)
