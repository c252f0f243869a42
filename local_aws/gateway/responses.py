"""Responses of the gateway itself: API Gateway's defaults, an API's gateway responses, MOCK integrations."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from local_aws.gateway.declaration import Route, Stage

_VARIABLE = re.compile(r"\$(context|stageVariables)\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_DIRECTIVE = re.compile(r"#(set|if|foreach|else|end|define)\b|\$!?\{?(input|util)\b")


class UnsupportedError(Exception):
    """A feature that an API declares but local AWS does not support; the message names it."""


@dataclass(eq=False)
class Failure(Exception):  # noqa: N818 - a response, raised where the problem is found
    """A request that the gateway answers itself with an error.

    `kind` is the gateway response type, `error_type` the value of x-amzn-ErrorType. The API can override
    `status`.
    """

    kind: str
    status: int
    message: str
    error_type: str
    validation_error: str = ""


def forbidden_key() -> Failure:
    """Return the failure for an API key that is missing, unknown, disabled or of another API."""
    return Failure("INVALID_API_KEY", 403, "Forbidden", "ForbiddenException")


def no_such_method() -> Failure:
    """Return the failure for an undeclared path or method."""
    return Failure(
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    )


def bad_parameters(names: list[str]) -> Failure:
    """Return the failure for missing request parameters."""
    message = f"Missing required request parameters: [{', '.join(names)}]"
    return Failure("BAD_REQUEST_PARAMETERS", 400, message, "BadRequestException", message)


def bad_request(message: str) -> Failure:
    """Return the failure for a request that is not valid HTTP."""
    return Failure("BAD_REQUEST_BODY", 400, message, "BadRequestException", message)


def too_large(message: str) -> Failure:
    """Return the failure for a body that is too large."""
    return Failure("REQUEST_TOO_LARGE", 413, message, "RequestTooLargeException")


def unsupported_media_type() -> Failure:
    """Return the failure for a content type that has no template although one is required."""
    return Failure("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type", "UnsupportedMediaTypeException")


def integration_failed() -> Failure:
    """Return the failure for a function that failed or whose answer is malformed."""
    return Failure("INTEGRATION_FAILURE", 502, "Internal server error", "InternalServerErrorException")


def integration_timed_out() -> Failure:
    """Return the failure for a function that exceeded the integration's timeout."""
    return Failure("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException")


def misconfigured() -> Failure:
    """Return the failure for a broken integration, such as a function that does not exist."""
    return Failure("API_CONFIGURATION_ERROR", 500, "Internal server error", "InternalServerErrorException")


@dataclass
class Exchange:
    """One request to a stage, with its route and context."""

    request: Request
    stage: Stage
    path: str
    context: dict[str, Any]
    route: Route | None = None
    error: dict[str, str] = field(default_factory=dict)

    def render(self, template: str) -> str:
        """Replace the variables $context and $stageVariables in a template.

        Raises
        ------
        UnsupportedError
            If the template uses another part of the template language.
        """
        if _DIRECTIVE.search(template):
            raise UnsupportedError("Local AWS supports only $context and $stageVariables in templates.")
        return _VARIABLE.sub(lambda found: self._variable(*found.groups()), template)

    def value(self, expression: str) -> str | None:
        """Return the value of a response parameter: a 'static' text, or a reference to the request."""
        if expression.startswith("'") and expression.endswith("'"):
            return expression[1:-1]
        source, _, name = expression.partition(".")
        if source in {"context", "stageVariables"}:
            return self._variable(source, name)
        for prefix, values in (
            ("method.request.header.", self.request.headers),
            ("method.request.querystring.", self.request.args),
            ("method.request.path.", self.route.parameters if self.route else {}),
        ):
            if expression.startswith(prefix):
                return values.get(expression.removeprefix(prefix))
        raise UnsupportedError(f"Local AWS does not support the response parameter {expression!r}.")

    def set_headers(self, response: Response, parameters: Mapping[str, str] | None, prefix: str) -> None:
        """Set the headers of a response from response parameters, whose names start with `prefix`."""
        for target, expression in (parameters or {}).items():
            value = self.value(expression)
            if value is not None:
                response.headers[target.removeprefix(prefix)] = value

    def _variable(self, source: str, name: str) -> str:
        found: Any = self.stage.variables if source == "stageVariables" else self.context
        if source == "context" and name.startswith("error."):
            return self.error.get(name.removeprefix("error."), "")
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return "" if found is None else str(found)


def failure_response(exchange: Exchange, failure: Failure) -> Response:
    """Return the response for a failure, as the API or else API Gateway defines it."""
    declared = exchange.stage.gateway_responses
    fallback = declared.get("DEFAULT_4XX" if failure.status < 500 else "DEFAULT_5XX", {})
    chosen = declared.get(failure.kind) or fallback
    exchange.error = {
        "message": failure.message,
        "messageString": json.dumps(failure.message),
        "responseType": failure.kind,
        "validationErrorString": failure.validation_error,
    }
    templates = chosen.get("responseTemplates") or {}
    media_type = (
        "application/json" if "application/json" in templates or not templates else next(iter(templates))
    )
    template = templates.get(media_type) or '{"message":$context.error.messageString}'
    status = int(chosen.get("statusCode") or fallback.get("statusCode") or failure.status)
    response = Response(exchange.render(template), status, content_type=media_type)
    response.headers["x-amzn-ErrorType"] = failure.error_type
    exchange.set_headers(response, chosen.get("responseParameters"), "gatewayresponse.header.")
    return response


def mock_response(exchange: Exchange, integration: Mapping[str, Any]) -> Response:
    """Return the response of a MOCK integration; the status in its request template selects it."""
    status = _mock_status(exchange, integration)
    responses: Mapping[str, Mapping[str, Any]] = integration.get("integrationResponses") or {}
    chosen = default = None
    for response in responses.values():
        pattern = response.get("selectionPattern")
        if not pattern:
            default = response
        elif re.fullmatch(pattern, status):
            chosen = response
    chosen = chosen or default
    if chosen is None:
        raise misconfigured()
    templates = chosen.get("responseTemplates") or {}
    media_type = next(iter(templates), "application/json")
    body = exchange.render(templates.get(media_type) or "")
    answer = Response(body, int(chosen["statusCode"]), content_type=media_type)
    exchange.set_headers(answer, chosen.get("responseParameters"), "method.response.header.")
    return answer


def _mock_status(exchange: Exchange, integration: Mapping[str, Any]) -> str:
    templates: Mapping[str, str] = integration.get("requestTemplates") or {}
    media_type = exchange.request.mimetype or "application/json"
    template = templates.get(media_type)
    passthrough = integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
    if template is None and (passthrough == "NEVER" or (passthrough == "WHEN_NO_TEMPLATES" and templates)):
        raise unsupported_media_type()
    text = exchange.render(template) if template is not None else exchange.request.get_data(as_text=True)
    found = re.search(r'["\']?statusCode["\']?\s*:\s*["\']?(\d{3})', text)
    if found is None:
        raise misconfigured()
    return found.group(1)
