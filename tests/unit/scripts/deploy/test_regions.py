"""The regions that `deploy` accepts, compared with the SDK's table of images."""

from __future__ import annotations

import json
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.jobs import SKLEARN_IMAGE
from pipeline.project import Project
from scripts.aws.stacks import DeploymentError
from scripts.deploy.deployment import deploy
from scripts.deploy.regions import SUPPORTED, check_instance_type, check_region, default_instance_type

# Regions with an image, but without AWS::SageMaker::ModelPackageGroup in CloudFormation.
WITHOUT_GROUPS = {"ap-south-2", "ap-southeast-4", "us-gov-east-1"}
# Partitions that this project does not support.
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso")


def test_the_supported_regions_are_those_with_an_image_and_all_resource_types() -> None:
    config = json.loads(files("sagemaker.core").joinpath("image_uri_config/sklearn.json").read_text())
    with_image = set(config["inference"]["versions"][SKLEARN_IMAGE]["registries"])
    commercial = {region for region in with_image if not region.startswith(OTHER_PARTITIONS)}
    assert set(SUPPORTED) == commercial - WITHOUT_GROUPS


@pytest.mark.parametrize("region", ["ap-east-2", "mx-central-1", "ap-south-2", "cn-north-1", "us-gov-west-1"])
def test_other_regions_are_refused_with_those_that_work(region: str) -> None:
    with pytest.raises(DeploymentError, match=f"can't be deployed in {region}") as refused:
        check_region(region)
    assert "eu-west-1" in refused.value.hint


def test_deploy_refuses_before_the_first_request() -> None:
    aws: Any = SimpleNamespace(project=Project("risk", "123456789012", "ap-east-2"))
    with pytest.raises(DeploymentError, match="can't be deployed in ap-east-2"):
        deploy(aws, confirm=lambda _: True)


@pytest.mark.parametrize("region", SUPPORTED)
def test_the_default_instance_type_exists_in_every_supported_region(region: str) -> None:
    check_region(region)
    check_instance_type(region, default_instance_type(region))


def test_an_instance_type_that_a_region_lacks_is_refused() -> None:
    assert default_instance_type("eu-north-1") == "ml.m5.large"
    with pytest.raises(DeploymentError, match="eu-north-1 has no instances of the family ml") as refused:
        check_instance_type("eu-north-1", "ml.t2.medium")
    assert refused.value.hint == "Choose another with `-p InstanceType=ml.m5.large`."
