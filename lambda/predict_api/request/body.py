"""Reads the JSON body of a request, whatever it contains."""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from predict_api.errors import ApiError

# Enough for the largest list of companies by name, and below Lambda's limit of 6 MB.
MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Body:
    """A request's JSON, parsed and as text."""

    document: Any
    text: str


class RepeatingObject(dict[str, Any]):
    """A JSON object that contains a key more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]


def read_json(
    body: str | None, content_type: str | None, content_encoding: str | None = None, *, is_base64: bool
) -> Body:
    """Parse the body's JSON, with every number as a float and repeated keys recorded.

    Parameters
    ----------
    body
        The event's body.
    content_type
        The request's Content-Type.
    content_encoding
        The request's Content-Encoding.
    is_base64
        Whether API Gateway has encoded the body as base64.

    Raises
    ------
    ApiError
        400, 413 or 415.
    """
    _check_content_type(content_type)
    if (content_encoding or "").strip().lower() not in ("", "identity"):
        raise ApiError(
            415,
            "unsupported_media_type",
            f"The Content-Encoding {str(content_encoding)[:100]!r} is not supported. Send the body "
            "uncompressed, without this header.",
        )
    raw = _decode(body or "", is_base64=is_base64)
    if len(raw) > MAX_BYTES:
        raise ApiError(
            413,
            "payload_too_large",
            f"The body has {len(raw):,} bytes; at most {MAX_BYTES:,} are allowed. Send fewer companies.",
        )
    if not raw.strip():
        raise _not_json("The body is empty; it must be JSON.")
    try:
        text = raw.decode("utf-8-sig")
        # Infinity and NaN become floats, so that they are reported with their location.
        return Body(json.loads(text, parse_int=float, parse_constant=float, object_pairs_hook=_object), text)
    except UnicodeDecodeError as error:
        raise _not_json(f"The body is not UTF-8: byte {error.start} is invalid.") from error
    except json.JSONDecodeError as error:
        raise _not_json(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise _not_json("The body is nested too deeply.") from error


def _check_content_type(content_type: str | None) -> None:
    media_type, *parameters = [part.strip() for part in (content_type or "").lower().split(";")]
    named = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip('" ') for name, _, value in named if name.strip() == "charset"}
    if media_type != "application/json" or not charsets <= {"", "utf-8", "utf8"}:
        found = f"it is {content_type[:100]!r}" if content_type else "it is missing"
        raise ApiError(
            415, "unsupported_media_type", f"The Content-Type must be application/json in UTF-8; {found}."
        )


def _decode(body: str, *, is_base64: bool) -> bytes:
    if not is_base64:
        # "surrogatepass" lets a lone surrogate through, which is then rejected as invalid UTF-8.
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _not_json("The body is not valid base64.") from error


def _not_json(message: str) -> ApiError:
    return ApiError(400, "invalid_json", message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    return document if len(document) == len(pairs) else RepeatingObject(pairs)
