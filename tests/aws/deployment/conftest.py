"""A project that is deployed to local AWS once for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.deployment.resources import accept, connect_to
from support.local_aws.cloud import Cloud

from local_aws.server import LocalAws
from scripts.aws.session import Aws
from scripts.deploy.deployment import Deployment, deploy

PROJECT = "credit-risk"
PARAMETERS = {"AlarmEmail": "alarms@example.org", "RetrainOn": "new-data", "MonthlyBudget": "80"}


@pytest.fixture(scope="module")
def aws(running_aws: LocalAws) -> Iterator[Aws]:
    running_aws.reset()
    with pytest.MonkeyPatch.context() as patch:
        yield connect_to(running_aws, patch, PROJECT)
    running_aws.reset()


@pytest.fixture(scope="module")
def cloud(running_aws: LocalAws) -> Iterator[Cloud]:
    made = Cloud(running_aws)
    yield made
    made.close()


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> Deployment:
    """A deployment that tests do not change."""
    return deploy(aws, confirm=accept, parameters=PARAMETERS)
