"""The service from day to day: taking the endpoint down to save its cost, bringing it back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from scripts.aws.session import command
from scripts.deploy.deployment import Outputs, is_local, read_outputs
from scripts.model.contracts import champion_version
from scripts.operate.status import EndpointState, is_paused, paused_parameter, read_endpoint, read_packages

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

TIMEOUT_SECONDS = 1800.0
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
# In these it answers, or soon will.
_SERVING_SOON = frozenset({"Creating", "InService", "RollingBack", "SystemUpdating", "Updating"})
# The function may run for 120 s; giving up on it earlier would call it twice.
_PATIENT = Config(read_timeout=130)
_FAILED_CALLS = 3


class OperationError(Exception):
    """What was asked for did not come about; the text says why and what to do."""


@dataclass(frozen=True)
class _Patience:
    """How to wait: what to tell, for how long, with which clock."""

    on_change: Callable[[str], None]
    timeout: float
    pause: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]


def pause(
    session: boto3.Session,
    project: Project,
    *,
    on_change: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Have the endpoint deleted and wait until it is gone; return whether it was there.

    The service remembers that it is paused. Models, packages and the API stay; approving a version
    while paused deploys nothing until `resume`.

    Parameters
    ----------
    on_change
        Told each new state of the endpoint.
    timeout
        Seconds to wait at most.

    Raises
    ------
    OperationError
        If it is not gone in time, or deploy_model failed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    _set_paused(session, outputs, paused=True)
    there = read_endpoint(session, project).status is not None

    def gone(endpoint: EndpointState) -> bool:
        return endpoint.status is None

    patience = _patience(session, on_change, timeout, sleep, clock)
    _reconcile_until(session, project, outputs, gone, patience, "the endpoint is gone")
    return there


def resume(
    session: boto3.Session,
    project: Project,
    *,
    on_change: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str | None:
    """Have the newest approved version deployed and wait until it serves; return that version.

    Parameters
    ----------
    on_change, timeout
        As for `pause`.

    Returns
    -------
    str or None
        None where no version is approved: the first approval will then be deployed.

    Raises
    ------
    OperationError
        If it does not serve in time, was given up as unfit, or deploy_model failed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    _set_paused(session, outputs, paused=False)
    wanted = _newest_approved(session, project)
    if wanted is None:
        return None

    def served(endpoint: EndpointState) -> bool:
        serving = endpoint.status == "InService" and endpoint.version == wanted
        return serving and champion_version(session.client("s3"), outputs.bucket_name) == wanted

    patience = _patience(session, on_change, timeout, sleep, clock)
    _reconcile_until(session, project, outputs, served, patience, f"version {wanted} is served", wanted)
    return wanted


def check_endpoint(session: boto3.Session, project: Project) -> None:
    """Check that an endpoint which does not answer will do so before long.

    Raises
    ------
    OperationError
        If the service is paused, or the endpoint is absent, going or failed.
    """
    outputs = read_outputs(session.client("cloudformation"), project)
    if is_paused(session, outputs):
        raise OperationError(
            f"The service is paused: there is no model to ask. `{command('resume')}` brings it back."
        )
    endpoint = read_endpoint(session, project)
    if endpoint.status is None:
        raise OperationError(
            f"There is no endpoint {project.endpoint}: no model is deployed. "
            f"`{command('model approve --wait')}` deploys one."
        )
    if endpoint.status not in _SERVING_SOON:
        reason = f" ({endpoint.failure_reason})" if endpoint.failure_reason else ""
        raise OperationError(
            f"The endpoint {project.endpoint} is {endpoint.status}{reason}. `{command('status')}` says more."
        )


def _patience(
    session: boto3.Session,
    on_change: Callable[[str], None],
    timeout: float,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> _Patience:
    local = is_local(session.client("sagemaker"))
    return _Patience(on_change, timeout, 0.2 if local else 10.0, sleep, clock)


def _reconcile_until(
    session: boto3.Session,
    project: Project,
    outputs: Outputs,
    done: Callable[[EndpointState], bool],
    patience: _Patience,
    wish: str,
    wanted: str | None = None,
) -> None:
    """Call deploy_model, which takes one step a call, until the endpoint is as wished.

    Events call it as well; two calls side by side end as one.
    """
    deadline = patience.clock() + patience.timeout
    seen: str | None = None
    failures = 0
    while True:
        endpoint = read_endpoint(session, project)
        state = endpoint.status or "not there"
        if state != seen:
            patience.on_change(state)
            seen = state
        if done(endpoint):
            return
        if patience.clock() >= deadline:
            raise OperationError(
                f"After {patience.timeout:.0f} s it is still not so that {wish}; the endpoint is {state}. "
                f"The log /aws/lambda/{outputs.deploy_function_name} says what deploy_model did. Run the "
                "command again to wait on."
            )
        if endpoint.status not in MOVING:
            step, error = _call_deploy_model(session, outputs)
            failures = failures + 1 if error else 0
            if failures == _FAILED_CALLS:
                raise OperationError(
                    f"{outputs.deploy_function_name} failed {_FAILED_CALLS} times, last with: {error}. "
                    f"Its log is /aws/lambda/{outputs.deploy_function_name}."
                )
            _refuse_given_up(step, wanted)
        patience.sleep(patience.pause)


def _call_deploy_model(session: boto3.Session, outputs: Outputs) -> tuple[dict[str, Any], str | None]:
    """Return the step that deploy_model took, and its error if it failed."""
    answer = session.client("lambda", config=_PATIENT).invoke(
        FunctionName=outputs.deploy_function_name, Payload=json.dumps({"source": "bankruptcy.cli"}).encode()
    )
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        return {}, str(body.get("errorMessage", answer["FunctionError"]))
    return body, None


def _refuse_given_up(step: dict[str, Any], wanted: str | None) -> None:
    if wanted is None:
        return
    reason = step.get("unfit", {}).get(wanted)
    if reason is None and wanted not in step.get("given_up", []):
        return
    raise OperationError(
        f"Version {wanted} was given up: {reason or 'its deployment failed too often'}. "
        f"`{command(f'model show {wanted}')}` has the notes. Reject it, and an older approved version is "
        "served; or reject and approve it again for new tries."
    )


def _set_paused(session: boto3.Session, outputs: Outputs, *, paused: bool) -> None:
    wanted = str(paused).lower()
    if paused_parameter(session, outputs) != wanted:
        name = outputs.paused_parameter_name
        session.client("ssm").put_parameter(Name=name, Value=wanted, Overwrite=True)


def _newest_approved(session: boto3.Session, project: Project) -> str | None:
    packages = read_packages(session, project)
    return next((str(package.version) for package in packages if package.approval == "Approved"), None)
