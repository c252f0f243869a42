"""A fixture of a project that has only a bucket and a model registry, on local AWS."""

from __future__ import annotations

import pytest

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect, use_local_aws

PROJECT = "registry-only"


@pytest.fixture
def registry(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the fixture")  # so that monkeypatch undoes use_local_aws
    use_local_aws(local_aws.url, local_aws.region)
    aws = connect(PROJECT)
    aws.client("s3").create_bucket(
        Bucket=aws.project.bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.region}
    )
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=aws.project.model_package_group)
    return aws
