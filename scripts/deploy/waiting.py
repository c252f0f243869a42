"""Waits until the endpoint has reached a state."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError
from scripts.deploy.endpoint import EndpointState, read_endpoint

TIMEOUT_SECONDS = 1800.0  # creating an instance endpoint takes some minutes on AWS


@dataclass(frozen=True)
class Waiting:
    """How to wait.

    Parameters
    ----------
    on_change
        Called with each new status of the endpoint.
    timeout
        Seconds after which to give up.
    sleep, clock
        Like `time.sleep` and `time.monotonic`.
    """

    on_change: Callable[[str], None] = lambda _: None
    timeout: float = TIMEOUT_SECONDS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def watch_endpoint(aws: Aws, waiting: Waiting, goal: str) -> Iterator[EndpointState]:
    """Yield the endpoint's state repeatedly, until the caller stops.

    Parameters
    ----------
    goal
        What the caller waits for, such as ``version 1 to be in service``.

    Raises
    ------
    DeploymentError
        After the timeout.
    """
    deadline = waiting.clock() + waiting.timeout
    seen = None
    while True:
        endpoint = read_endpoint(aws)
        status = endpoint.text
        if status != seen:
            waiting.on_change(status)
            seen = status
        yield endpoint
        if waiting.clock() >= deadline:
            raise DeploymentError(
                f"Timed out after {waiting.timeout:.0f} s waiting for {goal}; the endpoint is {status}.",
                f"The log /aws/lambda/{aws.project.deploy_function} shows what deploy_model did. "
                "Run the command again to continue waiting.",
            )
        waiting.sleep(aws.poll_seconds)
