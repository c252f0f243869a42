"""A deployed project on local AWS, and a small data set."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest
from support.executions import upload_frame

from local_aws.server import LocalAws
from scripts.aws.session import Aws, connect, use_local_aws
from scripts.data.sample import generate
from scripts.deploy.deployment import deploy

REGION = "eu-west-1"
ROWS = 2400  # about 77 bankruptcies, which leaves ten for the test side


@pytest.fixture(scope="session")
def companies() -> pd.DataFrame:
    """Sample data with the columns of the real file, without two thirds of the healthy companies."""
    frame = generate(rows=ROWS, seed=1)
    kept = (frame["Bankrupt?"] == 1) | (frame.index % 3 == 0)
    return frame[kept].reset_index(drop=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """The project, deployed to a local AWS for this module."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "set by the fixture")  # so that monkeypatch undoes use_local_aws
        with LocalAws(region=REGION) as server:
            use_local_aws(server.url, REGION)
            deployed = connect("bankruptcy-e2e")
            deploy(deployed, confirm=lambda _: True)
            yield deployed


@pytest.fixture(scope="module")
def data_uri(aws: Aws, companies: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of the uploaded sample."""
    return upload_frame(aws, companies, tmp_path_factory.mktemp("data") / "companies.csv")
