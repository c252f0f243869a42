"""Points the AWS clients of this process at a local AWS, until a test ends."""

from __future__ import annotations

import pytest

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect, use_local_aws

VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


def point_at(server: LocalAws, patch: pytest.MonkeyPatch) -> None:
    """Set the environment variables for a running local AWS; `patch` restores the former ones."""
    for name in VARIABLES:
        patch.setenv(name, "")  # `use_local_aws` sets them, and only what `patch` has set is restored
    use_local_aws(server.url, server.region)


def project_with_bucket(server: LocalAws, patch: pytest.MonkeyPatch, name: str) -> Aws:
    """Point at a local AWS, and make the bucket of a project, which is not deployed."""
    point_at(server, patch)
    aws = connect(name)
    place = {"LocationConstraint": server.region}
    aws.client("s3").create_bucket(Bucket=aws.project.bucket, CreateBucketConfiguration=place)
    return aws
