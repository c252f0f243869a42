"""Pauses the service, which deletes the endpoint and its cost, and resumes it."""

import json
from collections.abc import Callable
from typing import Any

from botocore.config import Config

from scripts.aws.registry import list_versions
from scripts.aws.session import Aws
from scripts.deploy.endpoint import MOVING, EndpointState, is_paused, read_endpoint, set_paused
from scripts.deploy.outputs import Outputs, read_outputs
from scripts.deploy.waiting import Waiting, watch_endpoint
from scripts.errors import ScriptError
from scripts.model.contracts import champion_version

# The function may run for 120 s; after a shorter timeout, boto3 would call it a second time.
_LAMBDA_CONFIG = Config(read_timeout=130)
_MOST_FAILURES = 3


class OperationError(ScriptError):
    """The service could not reach the requested state, or is in a state that forbids the command."""

    code = "operation_failed"


def pause(aws: Aws, waiting: Waiting | None = None) -> bool:
    """Delete the endpoint and wait until it is gone; return whether it existed.

    The service remembers that it is paused. Models, packages and the API stay. While it is paused, approved
    versions are not deployed.

    Raises
    ------
    DeploymentError
        After the timeout.
    OperationError
        If deploy_model fails repeatedly.
    """
    outputs = read_outputs(aws)
    # Before, because a running deploy_model deletes it at once.
    existed = read_endpoint(aws).status is not None
    set_paused(aws, outputs, "true")

    def is_deleted(endpoint: EndpointState) -> bool:
        return endpoint.status is None

    _reconcile_until(aws, outputs, is_deleted, waiting or Waiting(), "the endpoint to be deleted")
    return existed


def resume(aws: Aws, waiting: Waiting | None = None) -> str | None:
    """Deploy the newest approved version and wait until it is in service; return that version.

    Returns
    -------
    str or None
        None if no version is approved; then the first version that is approved will be deployed.

    Raises
    ------
    DeploymentError
        After the timeout.
    OperationError
        If deploy_model gave up on the version, or fails repeatedly.
    """
    outputs = read_outputs(aws)
    set_paused(aws, outputs, "false")
    newest = next((found for found in list_versions(aws) if found.is_approved), None)
    if newest is None:
        return None
    wanted = str(newest.version)

    def is_served(endpoint: EndpointState) -> bool:
        in_service = endpoint.status == "InService" and endpoint.version == wanted
        return in_service and champion_version(aws) == wanted

    goal = f"version {wanted} to be in service"
    _reconcile_until(aws, outputs, is_served, waiting or Waiting(), goal, wanted)
    return wanted


def check_endpoint(aws: Aws) -> None:
    """Check that an endpoint that does not answer will do so soon.

    Raises
    ------
    OperationError
        If the service is paused, or the endpoint is missing, being deleted or failed.
    """
    if is_paused(aws, read_outputs(aws)):
        raise OperationError(
            "The service is paused, so there is no endpoint.", "Resume it with `bankruptcy resume`."
        )
    endpoint, name = read_endpoint(aws), aws.project.endpoint
    if endpoint.status is None:
        raise OperationError(
            f"There is no endpoint {name}: no model is deployed.",
            "Deploy one with `bankruptcy model approve --wait`.",
        )
    if not endpoint.will_serve:
        reason = f" ({endpoint.failure_reason})" if endpoint.failure_reason else ""
        raise OperationError(
            f"The endpoint {name} is {endpoint.status}{reason}.", "`bankruptcy status` shows more."
        )


def _reconcile_until(
    aws: Aws,
    outputs: Outputs,
    is_done: Callable[[EndpointState], bool],
    waiting: Waiting,
    goal: str,
    wanted: str | None = None,
) -> None:
    """Call deploy_model, which takes one step per call, until the endpoint has the requested state.

    Events call it as well; concurrent calls have the same result as one.
    """
    function, failures = outputs.deploy_function_name, 0
    for endpoint in watch_endpoint(aws, waiting, goal):
        if is_done(endpoint):
            return
        if endpoint.status in MOVING:
            continue
        step, error = _call_deploy_model(aws, function)
        failures = failures + 1 if error else 0
        if failures == _MOST_FAILURES:
            raise OperationError(
                f"{function} failed {failures} times; its last error: {error}.",
                f"Its log is /aws/lambda/{function}.",
            )
        if wanted is not None:
            _raise_if_given_up(step, wanted)


def _call_deploy_model(aws: Aws, function: str) -> tuple[dict[str, Any], str | None]:
    """Return the step that deploy_model took, and its error if it failed."""
    answer = aws.client("lambda", config=_LAMBDA_CONFIG).invoke(
        FunctionName=function, Payload=json.dumps({"source": "bankruptcy.cli"}).encode()
    )
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        return {}, str(body.get("errorMessage", answer["FunctionError"]))
    return body, None


def _raise_if_given_up(step: dict[str, Any], wanted: str) -> None:
    if "blocked" in step:
        raise OperationError(step["blocked"], "`bankruptcy status` shows more.")
    reason = step.get("unfit", {}).get(wanted)
    if reason is None and wanted not in step.get("given_up", []):
        return
    reason = str(reason or "its deployment failed too often").rstrip(".")
    raise OperationError(
        f"deploy_model gave up on version {wanted}: {reason}.",
        f"`bankruptcy model show {wanted}` shows its notes. Reject it to deploy an older approved version, "
        "or reject and approve it again to retry.",
    )
