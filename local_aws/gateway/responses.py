"""The gateway's own answers: API Gateway's defaults, and what an API puts in their place."""

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
    """Something that an API declares and local AWS does not do; the message names it."""


@dataclass(eq=False)
class Failure(Exception):  # noqa: N818 - it is an answer, raised where it is found
    """A request that the gateway answers itself.

    `kind` is the gateway response type; `status` and `error_type` (x-amzn-ErrorType) hold unless the API sets
    another status.
    """

    kind: str
    status: int
    message: str
    error_type: str
    validation_error: str = ""


def forbidden_key() -> Failure:
    """Refuse a missing, unknown, disabled or foreign API key."""
    return Failure("INVALID_API_KEY", 403, "Forbidden", "ForbiddenException")


def no_such_method() -> Failure:
    """Answer for a path or method that is not declared."""
    return Failure(
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    )


def bad_parameters(names: list[str]) -> Failure:
    """Refuse a request without its required parameters."""
    message = f"Missing required request parameters: [{', '.join(names)}]"
    return Failure("BAD_REQUEST_PARAMETERS", 400, message, "BadRequestException", message)


def too_large(message: str) -> Failure:
    """Refuse a body beyond the limit."""
    return Failure("REQUEST_TOO_LARGE", 413, message, "RequestTooLargeException")


def unsupported_media_type() -> Failure:
    """Refuse a content type without a template where templates must match."""
    return Failure("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type", "UnsupportedMediaTypeException")


def integration_failed() -> Failure:
    """Answer for a function that failed or answered in a wrong form: 502, as for every Lambda proxy."""
    return Failure("INTEGRATION_FAILURE", 502, "Internal server error", "InternalServerErrorException")


def integration_timed_out() -> Failure:
    """Answer for a function that took longer than its integration allows."""
    return Failure("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException")


def misconfigured() -> Failure:
    """Answer for an integration that cannot work, such as a function that does not exist."""
    return Failure("API_CONFIGURATION_ERROR", 500, "Internal server error", "InternalServerErrorException")


@dataclass
class Exchange:
    """One request on its way through a stage."""

    request: Request
    stage: Stage
    path: str
    context: dict[str, Any]
    route: Route | None = None
    error: dict[str, str] = field(default_factory=dict)

    def render(self, template: str) -> str:
        """Put values for the variables of a template; there is no other part of the template language.

        Raises
        ------
        UnsupportedError
            When the template uses more than that.
        """
        if _DIRECTIVE.search(template):
            raise UnsupportedError("Local AWS knows $context and $stageVariables in templates, nothing else.")
        return _VARIABLE.sub(lambda found: self._variable(*found.groups()), template)

    def value(self, expression: str) -> str | None:
        """Return the value of a response parameter: 'static', or where to take it from."""
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
        raise UnsupportedError(f"Local AWS does not know the response parameter {expression!r}.")

    def _variable(self, source: str, name: str) -> str:
        found: Any = self.stage.variables if source == "stageVariables" else self.context
        if source == "context" and name.startswith("error."):
            return self.error.get(name.removeprefix("error."), "")
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return "" if found is None else str(found)


def failure_response(exchange: Exchange, failure: Failure) -> Response:
    """Return the answer to a failure, as the API or API Gateway defines it."""
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
    for target, expression in (chosen.get("responseParameters") or {}).items():
        value = exchange.value(expression)
        if value is not None:
            response.headers[target.removeprefix("gatewayresponse.header.")] = value
    return response


def mock_response(exchange: Exchange, integration: Mapping[str, Any]) -> Response:
    """Answer a MOCK integration: the request template names the status, which chooses the response."""
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
    for target, expression in (chosen.get("responseParameters") or {}).items():
        value = exchange.value(expression)
        if value is not None:
            answer.headers[target.removeprefix("method.response.header.")] = value
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
