"""The SageMaker SDK's resource classes on local AWS."""

from __future__ import annotations

import boto3
import pytest
from support.local_aws.cloud import Cloud

ROLE = "arn:aws:iam::123456789012:role/endpoint"
VARIANT = {"VariantName": "AllTraffic", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}


def test_models_configurations_and_endpoints_are_found_through_the_sdk(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sagemaker.core.resources import Endpoint, EndpointConfig, Model
    from sagemaker.core.shapes import ContainerDefinition

    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.aws.url)
    session = boto3.Session("testing", "testing", region_name=cloud.aws.region)
    # GIVEN models made with the SDK, and configurations and an endpoint made with boto3
    container = ContainerDefinition(image="image", model_data_url="s3://none/model.tar.gz")
    for name in ("first", "second"):
        Model.create(model_name=name, primary_container=container, execution_role_arn=ROLE, session=session)
        cloud.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**VARIANT, "ModelName": name}]
        )
    cloud.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="first")
    # THEN the SDK finds them
    assert [each.model_name for each in Model.get_all(session=session)] == ["second", "first"]
    found = [each.model_name for each in Model.get_all(name_contains="fir", session=session)]
    assert found == ["first"]
    assert Model.get("first", session=session).execution_role_arn == ROLE
    configs = EndpointConfig.get_all(session=session)
    assert {each.endpoint_config_name for each in configs} == {"first", "second"}
    assert [each.endpoint_name for each in Endpoint.get_all(session=session)] == ["e"]
    assert Endpoint.get("e", session=session).endpoint_config_name == "first"
