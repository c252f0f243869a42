"""Errors in the form that the AWS service of a request would use."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response


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
