"""What the tests of deployments share: a session as a command has it, what use makes, what is left."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest
from support.inventory import inventory
from support.local_cloud import Cloud

from local_aws.server import LocalAws
from scripts.deploy.deployment import Deployment

LOG_ROLE = "role ApiGatewayLogs, by which API Gateway writes the account's logs"


def accept(_changes: Any) -> bool:
    return True


def session_of(server: LocalAws, patch: pytest.MonkeyPatch) -> boto3.Session:
    """Return a session that finds local AWS as a command does: by the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in server.environment().items():
        patch.setenv(name, value)
    return boto3.Session()


def functions_of(cloud: Cloud) -> Any:
    # The service's name is a keyword of Python, so it can't be an attribute written down.
    return getattr(cloud, "lambda")


def leftovers(cloud: Cloud, project: str) -> list[str]:
    """Name everything of a project that local AWS still holds."""
    return [line for line in inventory(lambda service: getattr(cloud, service)) if project in line]


def make_model(cloud: Cloud, deployed: Deployment, name: str) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"
    url = f"s3://{deployed.outputs.bucket_name}/models/m.tar.gz"
    cloud.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=deployed.outputs.endpoint_role_arn,
        PrimaryContainer={"Image": image, "ModelDataUrl": url},
    )


def make_endpoint(cloud: Cloud, deployed: Deployment, name: str) -> None:
    make_model(cloud, deployed, name)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    cloud.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    cloud.sagemaker.create_endpoint(EndpointName=deployed.outputs.endpoint_name, EndpointConfigName=name)
