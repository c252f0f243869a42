"""A project that is deployed to local AWS, and the URI of its data."""

from __future__ import annotations

import pytest
from support.deployment.project import aws
from support.pipeline.executions import upload_frame

from scripts.aws.session import Aws
from scripts.data.sample import generate

__all__ = ["aws", "uri"]


@pytest.fixture(scope="module")
def uri(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of sample data."""
    path = tmp_path_factory.mktemp("data") / "companies.csv"
    return upload_frame(aws, generate(rows=2000, seed=0), path)
