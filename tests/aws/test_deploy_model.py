"""deploy_model through real clients, against moto's registry, endpoints, S3 and SSM."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from deploy_model.reconcile import Reconciler
from deploy_model.settings import Settings
from moto import mock_aws

BUCKET = "bankruptcy-123456789012-eu-west-1"
SETTINGS = Settings(
    project="bankruptcy",
    bucket=BUCKET,
    group="bankruptcy",
    endpoint="bankruptcy",
    role_arn="arn:aws:iam::123456789012:role/endpoint",
    mode="instance",
    instance_type="ml.t2.medium",
    instance_count=1,
    serverless_memory_mb=2048,
    serverless_max_concurrency=5,
    paused_parameter="/bankruptcy/paused",
)


class Runtime:
    """Moto's endpoints have nothing behind them; this one answers as version 1 was judged."""

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        answer = {"predictions": [{"probability": {"bankrupt": 0.25}}], "model": {"version": "1"}}
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        session: Any = botocore.session.get_session()
        names = ("sagemaker", "s3", "ssm")
        yield {name: session.create_client(name, region_name="eu-west-1") for name in names}


def test_deploy_publish_pause(clients: dict[str, Any]) -> None:
    # GIVEN a package with its model and contract in the bucket
    sagemaker, s3, ssm = clients["sagemaker"], clients["s3"], clients["ssm"]
    ssm.put_parameter(Name="/bankruptcy/paused", Value="false", Type="String")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    contract = {"contract": "00ff", "smoke_test": {"features": [1.0], "probability": 0.25}}
    s3.put_object(Bucket=BUCKET, Key="models/e/model.tar.gz", Body=b"model")
    s3.put_object(Bucket=BUCKET, Key="models/e/contract.json", Body=json.dumps(contract))
    sagemaker.create_model_package_group(ModelPackageGroupName="bankruptcy")
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="bankruptcy",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/models/e/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    runtime: Any = Runtime()
    reconciler = Reconciler(SETTINGS, sagemaker=sagemaker, runtime=runtime, s3=s3, ssm=ssm)
    # WHEN the function is called until nothing is left to do (moto's endpoints are in service at once)
    actions = [reconciler.step()["action"] for _ in range(3)]
    # THEN the endpoint runs the package, and its contract is published
    assert actions == ["create_endpoint", "publish", "none"]
    name = sagemaker.describe_endpoint(EndpointName="bankruptcy")["EndpointConfigName"]
    assert name == SETTINGS.name_for(1)
    container = sagemaker.describe_model(ModelName=name)["Containers"][0]
    assert container["ModelPackageName"] == arn
    assert container["Environment"] == {"MODEL_PACKAGE_VERSION": "1"}
    published = json.loads(s3.get_object(Bucket=BUCKET, Key="reigning/contract.json")["Body"].read())
    assert published == {**contract, "version": "1", "model_package_arn": arn}
    assert s3.get_object(Bucket=BUCKET, Key="reigning/model.tar.gz")["Body"].read() == b"model"
    # AND pausing deletes it
    ssm.put_parameter(Name="/bankruptcy/paused", Value="true", Type="String", Overwrite=True)
    assert [reconciler.step()["action"] for _ in range(2)] == ["delete_endpoint", "none"]
    assert sagemaker.list_endpoints()["Endpoints"] == []
