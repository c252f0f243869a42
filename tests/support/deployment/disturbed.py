"""A service whose requests to AWS fail as a test chooses."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from support.deployment.faults import Faults
from support.deployment.inventory import inventory

from local_aws.server import LocalAws
from pipeline import bundles, definition, monitoring
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import Deployment, deploy
from scripts.deploy.teardown import Teardown, destroy

NAME = "faulty"
# What remains after `destroy`: without and with --delete-data.
KEPT = [
    "bucket faulty-123456789012-eu-west-1",
    "model package group faulty",
    "role ApiGatewayLogs",
    "stack faulty-storage",
]
REST = ["role ApiGatewayLogs"]


class Service:
    """A project, its commands, and the faults of its requests."""

    def __init__(self, server: LocalAws) -> None:
        self._server = server
        self.aws: Aws = connect(NAME)
        self.faults = Faults(self.aws.session)

    def deploy(self) -> Deployment:
        """Deploy the service."""
        return deploy(self.aws, confirm=lambda _: True, sleep=nap)

    def destroy(self) -> Teardown:
        """Destroy the service."""
        return destroy(self.aws, sleep=nap)

    def destroy_all(self) -> Teardown:
        """Destroy the service and its data."""
        return destroy(self.aws, delete_data=True, sleep=nap)

    def use(self) -> None:
        """Create a version and an endpoint, as use does; the endpoint's model has no archive."""
        sagemaker, name, generation = self.aws.client("sagemaker"), NAME, f"{NAME}-v1-0a1b2c3d"
        # deploy_model would delete the endpoint.
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
        """List all resources; roles without the suffix that CloudFormation appends to their names."""
        return [re.sub(r"-[A-Z0-9]{12}$", "", line) for line in inventory(self.aws.client)]

    def reset(self) -> None:
        """Empty local AWS."""
        self._server.reset()


def nap(seconds: float) -> None:
    """Wait less than asked, as local AWS is fast."""
    time.sleep(min(seconds, 0.1))


@contextmanager
def disturbed_service(server: LocalAws) -> Iterator[Service]:
    """Yield a service that is not deployed yet, on an empty local AWS."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        # The tests are about retries, not about the time between them.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        # One file of each step's code is enough for faults, and building the definition is slow.
        small = {
            step: bundles.Bundle(dict(list(bundle.files.items())[:1]), bundle.sha256)
            for step, bundle in bundles.build_bundles().items()
        }
        made = Service(server)
        text = definition.build_definition(
            made.aws.project,
            "arn:aws:iam::123456789012:role/job",
            dict.fromkeys(small, "s3://code/"),
            "0" * 40,
        )
        patch.setattr(bundles, "build_bundles", lambda **_: small)
        patch.setattr(definition, "build_definition", lambda *_, **__: text)
        patch.setattr(monitoring, "build_monitoring_definition", lambda *_, **__: text)
        made.reset()
        yield made
        made.reset()
