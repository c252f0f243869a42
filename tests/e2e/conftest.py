"""A deployed project on local AWS, and a small data set."""

from __future__ import annotations

import pandas as pd
import pytest
from support.deployment.project import aws
from support.lifecycle.data import sample_companies
from support.pipeline.executions import upload_frame

from scripts.aws.session import Aws

__all__ = ["aws", "companies", "data_uri"]


@pytest.fixture(scope="session")
def companies() -> pd.DataFrame:
    return sample_companies()


@pytest.fixture(scope="module")
def data_uri(aws: Aws, companies: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of the uploaded sample."""
    return upload_frame(aws, companies, tmp_path_factory.mktemp("data") / "companies.csv")
