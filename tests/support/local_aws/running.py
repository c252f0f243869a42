"""Fixtures for a running local AWS, which is empty at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws


# Scope is the module: a process can only run one local AWS, and some modules start their own.
@pytest.fixture(scope="module")
def running_aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def local_aws(running_aws: LocalAws) -> Iterator[LocalAws]:
    running_aws.reset()
    yield running_aws
    running_aws.reset()


@pytest.fixture
def cloud(local_aws: LocalAws) -> Iterator[Cloud]:
    made = Cloud(local_aws)
    made.make_bucket()
    yield made
    made.close()
