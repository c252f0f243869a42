"""A fixture of a project that has only a bucket and a model registry, on local AWS."""

from __future__ import annotations

import pytest
from support.local_aws.environment import project_with_bucket

from local_aws.server import LocalAws
from scripts.aws.session import Aws

PROJECT = "registry-only"


@pytest.fixture
def registry(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = project_with_bucket(local_aws, monkeypatch, PROJECT)
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=aws.project.model_package_group)
    return aws
