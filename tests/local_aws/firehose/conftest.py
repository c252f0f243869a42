"""Stacks on a running local AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_aws.cloud import Cloud
from support.local_aws.stacks import Stacks

from local_aws.server import LocalAws


@pytest.fixture
def stacks(local_aws: LocalAws) -> Iterator[Stacks]:
    cloud = Cloud(local_aws)
    yield Stacks(cloud)
    cloud.close()
