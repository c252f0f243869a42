"""`deploy` and `destroy`, disturbed at every request, end in the right state.

Here each disturbance meets what those before it left behind; `make test-faults` takes each from the start.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from faults import (
    Fault,
    Faults,
    Killed,
    at_operation,
    denied,
    from_request,
    killed,
    lost,
    throttled,
    unreachable,
)
from inventory import inventory
from typer.testing import CliRunner

from local_aws.server import LocalAws
from pipeline import bundles, definition
from scripts.cli import app
from scripts.deployment import Deployment, deploy
from scripts.failures import explain
from scripts.session import Aws, connect
from scripts.teardown import Teardown, destroy

NAME = "faulty"
KEPT = [
    "bucket faulty-123456789012-eu-west-1",
    "model package group faulty",
    "role ApiGatewayLogs",
    "stack faulty-storage",
]


class Service:
    """A project, what its commands do, and what goes wrong meanwhile."""

    def __init__(self, server: LocalAws) -> None:
        self._server = server
        self.aws: Aws = connect(NAME)
        self.faults = Faults(self.aws.session)

    def deploy(self) -> Deployment:
        return deploy(self.aws.session, self.aws.project, confirm=lambda _: True, sleep=nap)

    def destroy(self) -> Teardown:
        return destroy(self.aws.session, self.aws.project, sleep=nap)

    def destroy_all(self) -> Teardown:
        return destroy(self.aws.session, self.aws.project, delete_data=True, sleep=nap)

    def use(self) -> None:
        """Leave behind what use leaves behind: a version, and an endpoint (of a model that is not there)."""
        sagemaker, name, generation = self.aws.client("sagemaker"), NAME, f"{NAME}-v1-0a1b2c3d"
        # deploy_model would take the endpoint away.
        self.aws.client("events").disable_rule(Name=f"{NAME}-endpoint")
        container = {"Image": "image", "ModelDataUrl": f"s3://{self.aws.project.bucket}/none"}
        sagemaker.create_model_package(
            ModelPackageGroupName=name,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        role = "arn:aws:iam::123456789012:role/endpoint"
        sagemaker.create_model(ModelName=generation, ExecutionRoleArn=role, PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": generation,
            "InstanceType": "ml.t2.medium",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=generation, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=generation)

    def holds(self) -> list[str]:
        """What there is, without what CloudFormation appends to a role's name."""
        return [re.sub(r"-[A-Z0-9]{12}$", "", line) for line in inventory(self.aws.client)]

    def reset(self) -> None:
        self._server.reset()


def nap(seconds: float) -> None:
    """Wait less: local AWS is quick."""
    time.sleep(min(seconds, 0.02))


@pytest.fixture(scope="module")
def service(running_aws: LocalAws) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_aws.environment().items():
            patch.setenv(name, value)
        # Retries are what is looked at, not the time between them.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        # One file of each step's code is enough to be disturbed at; the definition takes long to make.
        small = {
            step: bundles.Bundle(dict(list(bundle.files.items())[:1]), bundle.sha256)
            for step, bundle in bundles.build_bundles().items()
        }
        made = Service(running_aws)
        text = definition.build_definition(
            made.aws.project, "arn:aws:iam::123456789012:role/job", dict.fromkeys(small, "s3://code/")
        )
        patch.setattr(bundles, "build_bundles", lambda: small)
        patch.setattr(definition, "build_definition", lambda *_: text)
        running_aws.reset()
        yield made
        running_aws.reset()


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
    assert service.holds() == ["role ApiGatewayLogs"]


def test_deploy_takes_back_what_a_killed_destroy_did(service: Service, undisturbed: Undisturbed) -> None:
    service.deploy()
    # The first requests switch off, later ones remove; at the last number the stack is being deleted.
    for number in (12, 20):
        with pytest.raises(Killed), service.faults.where(from_request(number, killed)):
            service.destroy()
        service.deploy()
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
    assert service.holds() == ["role ApiGatewayLogs"]


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
