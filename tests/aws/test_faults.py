"""`deploy` and `destroy`, disturbed at every request, end in the right state.

Here each disturbance meets what those before it left behind; `make test-faults` takes each from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from support.disturbed import KEPT, NAME, REST, Service, disturbed_service
from support.faults import (
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
    """What a deployment makes, and what the two commands ask for, without any disturbance."""

    whole: list[str]
    deploying: list[str]
    destroying: list[str]


@pytest.fixture(scope="module")
def undisturbed(service: Service) -> Undisturbed:
    with service.faults.where(lambda *_: None):
        service.deploy()
    deploying, whole = service.faults.requests, service.holds()
    with service.faults.where(lambda *_: None):
        service.destroy()
    assert service.holds() == KEPT
    service.reset()
    return Undisturbed(whole, deploying, service.faults.requests)


def kill_at_each_request(service: Service, command: Callable[[], object]) -> None:
    """Run a command again and again, killed one request later each time, until it ends by itself."""
    for number in range(1, 1000):
        try:
            with service.faults.where(from_request(number, killed)):
                command()
        except Killed:
            continue
        assert number > 10
        return


def test_killed_at_any_request_deploy_and_destroy_go_on_where_they_were(
    service: Service, undisturbed: Undisturbed
) -> None:
    kill_at_each_request(service, service.deploy)
    assert service.holds() == undisturbed.whole
    assert not service.deploy().changed

    service.use()
    assert {f"endpoint {NAME}", f"model {NAME}-v1-0a1b2c3d"} < set(service.holds())
    kill_at_each_request(service, service.destroy_all)
    assert service.holds() == REST


def test_deploy_takes_back_what_a_killed_destroy_did(service: Service, undisturbed: Undisturbed) -> None:
    service.deploy()
    # The first requests switch off, later ones remove; at the last number the stack is being deleted.
    for number, service_stack in ((12, "unchanged"), (20, "created")):
        with pytest.raises(Killed), service.faults.where(from_request(number, killed)):
            service.destroy()
        again = service.deploy()
        assert (again.storage, again.service) == ("unchanged", service_stack)
        assert service.holds() == undisturbed.whole


def test_throttled_and_lost_requests_are_made_good(service: Service, undisturbed: Undisturbed) -> None:
    # GIVEN every request is first throttled; then it is carried out, but the answer is lost
    def twice(number: int, _operation: str) -> object:
        return (throttled, lost, None)[(number - 1) % 3]

    service.reset()
    with service.faults.where(twice):
        assert service.deploy().changed
    assert service.holds() == undisturbed.whole
    service.use()
    with service.faults.where(twice):
        service.destroy_all()
    assert service.holds() == REST


def test_whatever_is_not_allowed_is_named_with_what_to_do(service: Service, undisturbed: Undisturbed) -> None:
    service.reset()
    for command, requests in (
        (service.deploy, undisturbed.deploying),
        (service.destroy, undisturbed.destroying),
    ):
        for operation in dict.fromkeys(requests):
            # WHEN one operation after the other is not allowed
            with (
                service.faults.where(at_operation(operation, denied)),
                pytest.raises(ClientError) as refusal,
            ):
                command()
            # THEN the error says which, and how that is mended
            told = explain(refusal.value)
            assert told is not None
            assert f"AWS did not allow {operation.partition('.')[2]}: " in told
            assert "is not authorized to perform" in told or "it takes s3:" in told
            assert "infra/deployer-policy.json" in told
        # AND once all is allowed, the command does the rest
        command()
        assert service.holds() == (undisturbed.whole if command == service.deploy else KEPT)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (denied, "Error: AWS did not allow DescribeStacks: User: arn:aws:iam::123456789012:user/me is not"),
        (throttled, "Error: AWS had too many requests to answer DescribeStacks, several times over"),
        (unreachable, "Error: AWS did not answer: Connect timeout on endpoint URL"),
    ],
)
def test_the_command_line_tells_it_without_a_traceback(
    service: Service, monkeypatch: pytest.MonkeyPatch, fault: Fault, told: str
) -> None:
    monkeypatch.setattr("scripts.commands.service.connect", lambda *_, **__: service.aws)
    with service.faults.where(from_request(1, fault)):
        result = CliRunner().invoke(app, ["deploy", "--yes"])
    assert result.exit_code == 1
    assert result.output.startswith(told)
    assert "run the command again" in result.output
