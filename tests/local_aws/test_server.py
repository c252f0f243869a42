"""Local AWS releases memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from moto.moto_server.werkzeug_app import BackendRequest
from support.local_cloud import BUCKET, Cloud, eventually


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collections")
def test_an_answered_request_is_released_from_memory(cloud: Cloud) -> None:
    # The body can be part of a portfolio, and full garbage collections are rare in local AWS.
    cloud.s3.put_object(Bucket=BUCKET, Key="large", Body=bytes(2**20))

    eventually(lambda: not any(isinstance(each, BackendRequest) for each in gc.get_objects()))
