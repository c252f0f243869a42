"""SageMaker Runtime as a WSGI app over the endpoint host: InvokeEndpoint, and errors for other actions."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from local_aws.base.clients import ACCOUNT
from local_aws.endpoints.containers import EndpointAnswer
from local_aws.endpoints.host import VARIANT, EndpointHost, log_group

LARGEST_BODY = 6_291_456
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
TARGET_VARIANT = "X-Amzn-SageMaker-Target-Variant"
# Members of InvokeEndpoint that choose between models or change the answer, by their header.
UNSUPPORTED = {
    f"X-Amzn-SageMaker-{header}": member
    for header, member in {
        "Target-Model": "TargetModel",
        "Target-Container-Hostname": "TargetContainerHostname",
        "Enable-Explanations": "EnableExplanations",
        "Inference-Component": "InferenceComponentName",
        "Session-Id": "SessionId",
        "Prefix-Aware-Id": "PrefixAwareId",
    }.items()
}
OTHER_ACTIONS = {
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
PASSED_TO_CONTAINER = ("Content-Type", "Accept", CUSTOM_ATTRIBUTES, "X-Amzn-SageMaker-Inference-Id")


def invocations_app(
    host: EndpointHost, describe: Callable[[str], Mapping[str, Any] | None]
) -> WSGIApplication:
    """Return the WSGI app of `POST /endpoints/<name>/<action>`.

    Parameters
    ----------
    host : EndpointHost
        Runs the containers.
    describe : callable
        Takes an endpoint's name; returns the answer of DescribeEndpoint, or None for an unknown name. An
        endpoint without a container in service is unknown to the runtime API, whatever DescribeEndpoint says.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        parts = request.path.split("/")
        if len(parts) == 4 and parts[3] in OTHER_ACTIONS:
            response = _not_implemented(OTHER_ACTIONS[parts[3]])
        elif len(parts) != 4 or parts[1] != "endpoints" or parts[3] != "invocations":
            response = _error(
                404, "UnknownOperationException", {"message": f"No operation at {request.path}."}
            )
        elif request.method != "POST":
            response = _error(405, "UnknownOperationException", {"message": f"{request.method} is not POST."})
        else:
            response = _invoke(host, describe, parts[2], request)
        response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    return app


def _invoke(
    host: EndpointHost,
    describe: Callable[[str], Mapping[str, Any] | None],
    name: str,
    request: Request,
) -> Response:
    description = describe(name)
    if description is None or not host.serves(name):
        return _unknown(name)
    variants = description.get("ProductionVariants") or [{"VariantName": VARIANT}]
    variant = variants[0]["VariantName"]
    problem = _problem_of(request, name, variant)
    if problem is not None:
        return problem
    body = request.get_data()
    headers = {key: request.headers[key] for key in PASSED_TO_CONTAINER if key in request.headers}
    try:
        too_large = len(body) > LARGEST_BODY
        answer = EndpointAnswer(413, b"", "") if too_large else host.invoke(name, body, headers)
    except KeyError:  # the endpoint was stopped after it was described
        return _unknown(name)
    if not 200 <= answer.status < 300:
        return _model_error(host, name, answer)
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers["x-Amzn-Invoked-Production-Variant"] = variant
    if CUSTOM_ATTRIBUTES in answer.headers:
        response.headers[CUSTOM_ATTRIBUTES] = answer.headers[CUSTOM_ATTRIBUTES]
    return response


def _problem_of(request: Request, name: str, variant: str) -> Response | None:
    """Return the error for an unknown variant or an unsupported member; otherwise None."""
    target = request.headers.get(TARGET_VARIANT, variant)
    if target != variant:
        message = f"Endpoint {name} of account {ACCOUNT} has no variant {target}; it has {variant}."
        return _error(400, "ValidationError", {"message": message})
    members = [member for header, member in UNSUPPORTED.items() if header in request.headers]
    return _not_implemented(f"{members[0]} of InvokeEndpoint") if members else None


def _unknown(name: str) -> Response:
    return _error(400, "ValidationError", {"message": f"Endpoint {name} of account {ACCOUNT} not found."})


def _not_implemented(what: str) -> Response:
    return _error(501, "NotImplemented", {"message": f"Local AWS does not implement {what}."})


def _model_error(host: EndpointHost, name: str, answer: EndpointAnswer) -> Response:
    original = answer.body.decode(errors="replace")
    side = "client" if 400 <= answer.status < 500 else "server"
    detail = f'with message "{original}"' if original else "and could not load the entire response body"
    console = f"https://{host.region}.console.aws.amazon.com/cloudwatch/home?region={host.region}"
    message = (
        f"Received {side} error ({answer.status}) from primary {detail}. "
        f"See {console}#logEventViewer:group={log_group(name)} in account {ACCOUNT} for more information."
    )
    stream = f"arn:aws:logs:{host.region}:{ACCOUNT}:log-group:{log_group(name)}"
    return _error(
        424,
        "ModelError",
        {
            "Message": message,
            "OriginalStatusCode": answer.status,
            "OriginalMessage": original,
            "LogStreamArn": stream,
        },
    )


def _error(status: int, code: str, body: dict[str, Any]) -> Response:
    return Response(
        json.dumps(body), status, content_type="application/json", headers={"x-amzn-ErrorType": code}
    )
