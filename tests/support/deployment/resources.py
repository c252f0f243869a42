"""Helpers for tests of deployments: a connection, the resources of a running service, and what remains."""

from __future__ import annotations

import os
from typing import Any

import pytest
from support.deployment.inventory import inventory
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import Deployment

LOG_ROLE = "role ApiGatewayLogs, with which API Gateway writes the account's logs"


def accept(_changes: Any) -> bool:
    """Confirm every change."""
    return True


def connect_to(server: LocalAws, patch: pytest.MonkeyPatch, project: str) -> Aws:
    """Connect a project to local AWS through the environment, as a command does."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in server.environment().items():
        patch.setenv(name, value)
    return connect(project)


def functions_of(cloud: Cloud) -> Any:
    """Return the client of Lambda."""
    # The name of the service, lambda, is a keyword of Python.
    return getattr(cloud, "lambda")


def leftovers(cloud: Cloud, project: str) -> list[str]:
    """List the resources of a project that still exist."""
    return [line for line in inventory(lambda service: getattr(cloud, service)) if project in line]


def make_model(cloud: Cloud, deployed: Deployment, name: str) -> None:
    """Create a model."""
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"
    url = f"s3://{deployed.outputs.bucket_name}/models/m.tar.gz"
    cloud.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=deployed.outputs.endpoint_role_arn,
        PrimaryContainer={"Image": image, "ModelDataUrl": url},
    )


def make_endpoint(cloud: Cloud, deployed: Deployment, name: str) -> None:
    """Create the endpoint, with a configuration and a model of that name."""
    make_model(cloud, deployed, name)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    cloud.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    cloud.sagemaker.create_endpoint(EndpointName=deployed.outputs.endpoint_name, EndpointConfigName=name)
