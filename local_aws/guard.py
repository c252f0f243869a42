"""Decides which requests local AWS accepts: from this machine, not from web pages, and well-formed."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.wrappers import Response

from local_aws.base.bodies import MALFORMED
from local_aws.errors import error_response

_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost|[a-z0-9.-]+\.localhost)(:\d+)?", re.IGNORECASE)
_STAGE = "/_user_request_"
_STAGE_HOST = ".execute-api.localhost"
# moto's own interface can erase, record and replay everything.
_MOTO_API = "/moto-api"
# moto reads region and service from here.
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=[^/,\s]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request\b", re.IGNORECASE
)
# Requests to these services are signed for one region, whichever region the client uses.
_GLOBAL_SERVICES = {"budgets", "cloudfront", "iam", "route53"}


class Guard:
    """Rejects the requests that local AWS must not, or cannot, answer.

    Parameters
    ----------
    region : str
        The region that local AWS runs in.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    def refusal(self, environ: dict[str, Any]) -> Response | None:
        """Return the error response if the request is rejected, otherwise None."""
        problem = self._problem(environ)
        return None if problem is None else error_response(environ, *problem)

    def _problem(self, environ: dict[str, Any]) -> tuple[int, str, str] | None:
        host = str(environ.get("HTTP_HOST", ""))
        if not _LOOPBACK.fullmatch(host):
            message = (
                f"Local AWS accepts only the hosts 127.0.0.1 and localhost; the Host header is {host!r}."
            )
            return 403, "AccessDeniedException", message
        if is_stage(environ):
            return None
        if _is_from_a_page(environ, host):
            message = "Local AWS rejects requests from web pages of other origins."
            return 403, "AccessDeniedException", message
        if str(environ.get("PATH_INFO", "")).startswith(_MOTO_API):
            return 404, "NotFound", f"Local AWS has no {_MOTO_API}."
        if MALFORMED in environ:
            return 400, "BadRequestException", environ[MALFORMED]
        return self._signature_problem(str(environ.get("HTTP_AUTHORIZATION", "")))

    def _signature_problem(self, authorization: str) -> tuple[int, str, str] | None:
        if not authorization:
            return None
        signature = _SIGNATURE.match(authorization)
        if signature is None:
            message = (
                "The Authorization header must be AWS4-HMAC-SHA256 with a credential of the form "
                "<key id>/<date>/<region>/<service>/aws4_request."
            )
            return 400, "IncompleteSignature", message
        region, service = signature.groups()
        if region != self._region and service.lower() not in _GLOBAL_SERVICES:
            message = (
                f"Local AWS runs in {self._region}; the request is for {region}. Use {self._region}, "
                f"or start local AWS in {region}."
            )
            return 400, "WrongRegion", message
        return None


def is_stage(environ: dict[str, Any]) -> bool:
    """Return whether a request is for a stage of a REST API. Stages are open to web pages, as on AWS."""
    host = str(environ.get("HTTP_HOST", "")).partition(":")[0].lower()
    path = str(environ.get("PATH_INFO", ""))
    return host.endswith(_STAGE_HOST) or (path.startswith("/restapis/") and _STAGE in path)


def _is_from_a_page(environ: dict[str, Any], host: str) -> bool:
    """Return whether a web page of another origin sent the request.

    Requests are not authenticated, so any web page in this machine's browser could run code here. Browsers
    send Sec-Fetch-Site with every request to loopback, and Origin with most; AWS clients send neither.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE", "none")
    origin = environ.get("HTTP_ORIGIN", f"http://{host}")
    return site not in {"same-origin", "none"} or origin != f"http://{host}"
