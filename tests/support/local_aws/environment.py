"""Points the AWS clients of this process at a local AWS, until a test ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from local_aws.base.clients import client_environment
from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect

VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
_OTHERS = ("AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_REGION", "AWS_SHARED_CREDENTIALS_FILE")


def point_at(server: LocalAws, patch: pytest.MonkeyPatch) -> None:
    """Set the environment variables for a running local AWS; `patch` restores the former ones."""
    _set(server.environment(), patch)


@contextmanager
def locally(server: LocalAws) -> Iterator[None]:
    """Use a local AWS by its address on this machine in the block, also one that stands for an account."""
    with pytest.MonkeyPatch.context() as patch:
        _set(client_environment(server.url, server.region), patch)
        yield


def project_with_bucket(server: LocalAws, patch: pytest.MonkeyPatch, name: str) -> Aws:
    """Point at a local AWS, and make the bucket of a project, which is not deployed."""
    point_at(server, patch)
    aws = connect(name)
    place = {"LocationConstraint": server.region}
    aws.client("s3").create_bucket(Bucket=aws.project.bucket, CreateBucketConfiguration=place)
    return aws


def _set(variables: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *_OTHERS):
        patch.delenv(name, raising=False)
    for name, value in {**variables, "NO_PROXY": "127.0.0.1,localhost"}.items():
        patch.setenv(name, value)
