"""`deploy` and `destroy` reach the right state, whichever request fails.

Here each run continues from the previous fault; `make test-faults` starts each one from scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from support.deployment.disturbed import KEPT, NAME, REST, Service, disturbed_service
from support.deployment.faults import (
    Fault,
    Killed,
    at_operation,
    denied,
    from_request,
    killed,
    lost,
    throttled,
    unreachable,
)
from typer.testing import CliRunner

from local_aws.server import LocalAws
from scripts.aws.failures import explain
from scripts.cli import app


@pytest.fixture(scope="module")
def service(running_aws: LocalAws) -> Iterator[Service]:
    with disturbed_service(running_aws) as made:
        yield made


@dataclass(frozen=True)
class Undisturbed:
    """The resources of a deployment, and the requests of the two commands, without faults."""

    resources: list[str]
    deploying: list[str]
    destroying: list[str]


@pytest.fixture(scope="module")
def undisturbed(service: Service) -> Undisturbed:
    with service.faults.where(lambda *_: None):
        service.deploy()
    deploying, resources = service.faults.requests, service.holds()
    with service.faults.where(lambda *_: None):
        service.destroy()
    assert service.holds() == KEPT
    service.reset()
    return Undisturbed(resources, deploying, service.faults.requests)


def kill_at_each_request(service: Service, command: Callable[[], object]) -> None:
    """Run a command repeatedly, killing it one request later each time, until it finishes."""
    for number in range(1, 1000):
        try:
            with service.faults.where(from_request(number, killed)):
                command()
        except Killed:
            continue
        assert number > 10
        return


def test_deploy_and_destroy_continue_after_being_killed_at_any_request(
    service: Service, undisturbed: Undisturbed
) -> None:
    kill_at_each_request(service, service.deploy)
    assert service.holds() == undisturbed.resources
    assert not service.deploy().changed

    service.use()
    assert {f"endpoint {NAME}", f"model {NAME}-v1-0a1b2c3d"} < set(service.holds())
    kill_at_each_request(service, service.destroy_all)
    assert service.holds() == REST


def test_deploy_undoes_a_killed_destroy(service: Service, undisturbed: Undisturbed) -> None:
    service.deploy()
    # The first requests disable rules, later ones remove resources; at the last, the stack is deleted.
    for number, service_stack in ((12, "unchanged"), (34, "created")):
        with pytest.raises(Killed), service.faults.where(from_request(number, killed)):
            service.destroy()
        again = service.deploy()
        assert (again.storage, again.service) == ("unchanged", service_stack)
        assert service.holds() == undisturbed.resources


def test_throttled_and_lost_requests_are_retried(service: Service, undisturbed: Undisturbed) -> None:
    # GIVEN every request is first throttled, then carried out but its answer is lost
    def twice(number: int, _operation: str) -> object:
        return (throttled, lost, None)[(number - 1) % 3]

    service.reset()
    with service.faults.where(twice):
        assert service.deploy().changed
    assert service.holds() == undisturbed.resources
    service.use()
    with service.faults.where(twice):
        service.destroy_all()
    assert service.holds() == REST


def test_a_denied_operation_is_named_with_a_hint(service: Service, undisturbed: Undisturbed) -> None:
    service.reset()
    for command, requests in (
        (service.deploy, undisturbed.deploying),
        (service.destroy, undisturbed.destroying),
    ):
        for operation in dict.fromkeys(requests):
            # WHEN each operation in turn is denied
            with (
                service.faults.where(at_operation(operation, denied)),
                pytest.raises(ClientError) as denial,
            ):
                command()
            # THEN the error names it, and the policies that allow it
            error = explain(denial.value)
            assert error is not None
            assert f"AWS denied {operation.partition('.')[2]}: " in error.problem
            assert "is not authorized to perform" in error.problem or "it requires s3:" in error.problem
            assert "infra/deployer-service-policy.json and infra/deployer-models-policy.json" in error.hint
        # AND once everything is allowed, the command finishes
        command()
        assert service.holds() == (undisturbed.resources if command == service.deploy else KEPT)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (denied, "Error: AWS denied DescribeStacks: User: arn:aws:iam::123456789012:user/me is not"),
        (throttled, "Error: AWS throttled DescribeStacks (Throttling"),
        (unreachable, "Error: AWS did not answer: Connect timeout on endpoint URL"),
    ],
)
def test_the_command_line_reports_aws_errors_without_a_traceback(
    service: Service, monkeypatch: pytest.MonkeyPatch, fault: Fault, message: str
) -> None:
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: service.aws)
    with service.faults.where(from_request(1, fault)):
        result = CliRunner().invoke(app, ["deploy", "--yes"])
    assert result.exit_code == 1
    assert result.output.startswith(message)
    assert "run the command again" in result.output
