"""Finds the operation of a request: its service, name and members, from the models of botocore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from botocore.model import OperationModel, ServiceModel

# Services that are signed under another name than botocore's.
_SIGNED_AS = {"monitoring": "cloudwatch"}
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request", re.IGNORECASE)
_LABEL = re.compile(r"\\\{(\w+)(\\\+)?\\\}")
_CBOR = re.compile(r"/service/\w+/operation/(\w+)")


class UnknownOperationError(LookupError):
    """A request that is not an operation of its service."""


@dataclass(frozen=True)
class Signature:
    """The part of a request's signature that names the caller and the service."""

    access_key: str
    region: str
    service: str


@dataclass(frozen=True)
class Operation:
    """A request to a service, with its members as in boto3."""

    service: str
    name: str
    region: str
    request: Mapping[str, Any]
    method: str = "POST"
    path: str = "/"


@dataclass(frozen=True)
class Route:
    """A request's operation in botocore's model, with the values of the labels in its path."""

    service: str
    model: OperationModel
    labels: Mapping[str, str]


def signature_of(environ: Mapping[str, Any]) -> Signature | None:
    """Return the signature of a request from its header or, for presigned URLs, its query; else None."""
    query = parse_qs(str(environ.get("QUERY_STRING", "")))
    given = (
        str(environ.get("HTTP_AUTHORIZATION", "")) or f"Credential={query.get('X-Amz-Credential', [''])[0]}"
    )
    match = _CREDENTIAL.search(given)
    return None if match is None else Signature(match[1], match[2], match[3].lower())


def route(environ: Mapping[str, Any], body: bytes, service: str) -> Route:
    """Return the operation that a request is for.

    Parameters
    ----------
    service
        The service that the request is signed for.

    Raises
    ------
    UnknownOperationError
        If the service or the operation does not exist.
    """
    service = _SIGNED_AS.get(service, service)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if service == "sagemaker" and not target:
        service = "sagemaker-runtime"
    try:
        model = _model(service)
    except Exception as error:  # botocore has several errors for unknown services
        raise UnknownOperationError(f"There is no service {service}.") from error
    path = raw_path(environ)
    cbor = _CBOR.fullmatch(path)
    action = re.search(rb"(?:^|&)Action=([A-Za-z0-9]+)", body[:2000])
    name = target.rpartition(".")[2] or (cbor[1] if cbor else "") or (action[1].decode() if action else "")
    if name:
        if name not in model.operation_names:
            raise UnknownOperationError(f"{service} has no operation {name}.")
        return Route(service, model.operation_model(name), {})
    return _rest_route(environ, service, path)


def raw_path(environ: Mapping[str, Any]) -> str:
    """Return the path of a request as it was sent, without the query."""
    return urlsplit(str(environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/"))).path


@dataclass(frozen=True)
class _Pattern:
    """The method, path, query and headers by which requests of a REST operation are recognized."""

    name: str
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str | None]
    headers: tuple[str, ...]

    def fits(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, Any]
    ) -> bool:
        """Return whether a request has all that the operation needs."""
        return (
            self.method == method
            and self.path.fullmatch(path) is not None
            and all(key in query and value in {None, query[key][0]} for key, value in self.query.items())
            and all(name in headers for name in self.headers)
        )


def _rest_route(environ: Mapping[str, Any], service: str, path: str) -> Route:
    method = str(environ.get("REQUEST_METHOD"))
    query = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    fitting = [each for each in _patterns(service) if each.fits(method, path, query, environ)]
    if not fitting:
        raise UnknownOperationError(f"{service} has no operation {method} {path}.")
    # The operation that asks for most: GetObject also fits requests for GetObjectAcl.
    best = max(fitting, key=lambda each: len(each.query) + len(each.headers))
    match = best.path.fullmatch(path)
    labels = {} if match is None else {name: unquote(value) for name, value in match.groupdict().items()}
    return Route(service, _model(service).operation_model(best.name), labels)


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


@cache
def _patterns(service: str) -> list[_Pattern]:
    models = [_model(service).operation_model(name) for name in _model(service).operation_names]
    # S3's deprecated operations have the same requests as the operations that replace them.
    return [_pattern(model) for model in models if not model.deprecated]


def _pattern(operation: OperationModel) -> _Pattern:
    uri, _, query = str(operation.http["requestUri"]).partition("?")
    literals: dict[str, str | None] = {
        key: values[0] or None for key, values in parse_qs(query, keep_blank_values=True).items()
    }
    headers = []
    shape = operation.input_shape
    for member in shape.required_members if shape is not None else ():
        found = shape.members[member].serialization  # type: ignore[union-attr]
        if found.get("location") == "querystring":
            literals[found["name"]] = None
        elif found.get("location") == "header":
            headers.append("HTTP_" + found["name"].upper().replace("-", "_"))
    regex = _LABEL.sub(lambda found: f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})", re.escape(uri))
    method = str(operation.http["method"])
    return _Pattern(operation.name, method, re.compile(regex + "/?"), literals, tuple(headers))
