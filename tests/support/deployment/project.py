"""A fixture of a project that is deployed to the test module's own local AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_aws.environment import point_at

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import deploy

REGION = "eu-west-3"  # not the default, so that no part can take the default for granted


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """The deployed project; the module's environment variables are restored afterwards."""
    with pytest.MonkeyPatch.context() as patch, LocalAws(region=REGION) as server:
        point_at(server, patch)
        deployed = connect("bankruptcy-e2e")
        deploy(deployed, confirm=lambda _: True)
        yield deployed
