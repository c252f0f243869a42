"""A fixture of a project that has only a bucket and a model registry, on local AWS."""

from __future__ import annotations

import pytest
from support.local_aws.environment import point_at

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect

PROJECT = "registry-only"


@pytest.fixture
def registry(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    point_at(local_aws, monkeypatch)
    aws = connect(PROJECT)
    aws.client("s3").create_bucket(
        Bucket=aws.project.bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.region}
    )
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=aws.project.model_package_group)
    return aws
