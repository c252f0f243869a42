"""The SageMaker SDK 2 on local AWS; `make test-sdk-v2`."""

from __future__ import annotations

from pathlib import Path

from clients.cases import check_client
from clients.drivers import SdkV2

from scripts.aws.session import Aws


def test_the_sdk_2_uses_the_service(aws: Aws, uri: str, tmp_path: Path) -> None:
    check_client(SdkV2(), aws, uri, tmp_path)
