"""A fixture of a project that is deployed to the test module's own local AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect, use_local_aws
from scripts.deploy.deployment import deploy

REGION = "eu-west-3"  # not the default, so that no part can take the default for granted


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """The deployed project; the module's environment variables are restored afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "set by the fixture")  # recorded, so that the patch undoes use_local_aws
        with LocalAws(region=REGION) as server:
            use_local_aws(server.url, REGION)
            deployed = connect("bankruptcy-e2e")
            deploy(deployed, confirm=lambda _: True)
            yield deployed
