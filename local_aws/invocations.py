"""SageMaker Runtime's InvokeEndpoint over the endpoint host."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Response

from local_aws.clients import ACCOUNT
from local_aws.endpoint_host import VARIANT, EndpointHost
from local_aws.front import error_response

# The limit of a real-time endpoint's request, in bytes
LARGEST_BODY = 6 * 1024 * 1024
_LOGS_URL = "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group="


class Invocations:
    """Answers ``POST /endpoints/<name>/invocations``.

    Parameters
    ----------
    host : EndpointHost
        Serves the endpoints.
    status_of : Callable
        ``endpoint name -> its EndpointStatus, or None if there is none``.
    region : str
        Region in messages.
    """

    def __init__(self, host: EndpointHost, status_of: Callable[[str], str | None], region: str) -> None:
        self._host = host
        self._status_of = status_of
        self._region = region

    def __call__(self, name: str, environ: dict[str, Any], body: bytes) -> Response:
        """Answer one invocation as the service does: the container's answer, or an error that wraps it."""
        status = self._status_of(name)
        if status is None:
            message = f"Endpoint {name} of account {ACCOUNT} not found."
            return error_response(environ, 400, "ValidationError", message)
        if status not in {"InService", "Updating"} or not self._host.serves(name):
            message = f"Endpoint {name} of account {ACCOUNT} is {status}, not in service."
            return error_response(environ, 400, "ValidationError", message)
        if len(body) > LARGEST_BODY:
            message = f"The body has {len(body)} bytes; an endpoint takes at most {LARGEST_BODY}."
            return error_response(environ, 413, "ValidationError", message)
        headers = {
            header: str(environ[key])
            for header, key in (("Content-Type", "CONTENT_TYPE"), ("Accept", "HTTP_ACCEPT"))
            if environ.get(key)
        }
        attributes = environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES")
        if attributes:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = str(attributes)
        answer = self._host.invoke(name, body, headers)
        if answer.status == 0:
            return self._model_error(name, answer.status, "The container gave no answer in time.")
        if not 200 <= answer.status < 300:
            return self._model_error(name, answer.status, answer.body.decode("utf-8", "replace"))
        response = Response(answer.body, 200, content_type=answer.content_type)
        response.headers["x-Amzn-Invoked-Production-Variant"] = VARIANT
        for header, value in answer.headers.items():
            if header.lower() == "x-amzn-sagemaker-custom-attributes":
                response.headers[header] = value
        return response

    def _model_error(self, name: str, status: int, original: str) -> Response:
        side = "client" if 400 <= status < 500 else "server"
        group = f"/aws/sagemaker/Endpoints/{name}"
        content = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "SERVER_ERROR_FROM_MODEL",
            "LogStreamArn": f"arn:aws:logs:{self._region}:{ACCOUNT}:log-group:{group}",
            "Message": (
                f'Received {side} error ({status or 500}) from primary with message "{original}". '
                f"See {_LOGS_URL.format(region=self._region)}{group} in account {ACCOUNT} for more information."
            ),
            "OriginalMessage": original,
            "OriginalStatusCode": status or 500,
        }
        return Response(
            json.dumps(content), 424, {"x-amzn-ErrorType": "ModelError"}, content_type="application/json"
        )
