"""boto3, the AWS CLI and the SageMaker SDK 3 on local AWS; `make test-clients`."""

from __future__ import annotations

from pathlib import Path

import pytest
from clients.cases import check_client
from clients.drivers import AwsCli, Boto3, Driver, SdkV3

from scripts.aws.session import Aws


@pytest.mark.parametrize("driver", [Boto3(), AwsCli(), SdkV3()], ids=["boto3", "aws-cli", "sdk-v3"])
def test_a_client_uses_the_service(driver: Driver, aws: Aws, uri: str, tmp_path: Path) -> None:
    check_client(driver, aws, uri, tmp_path)
