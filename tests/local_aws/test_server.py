"""Local AWS as a process: what it keeps in memory."""

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
def test_a_request_is_let_go_when_it_is_answered(cloud: Cloud) -> None:
    # With it goes its body, which may be a part of a portfolio. Full collections are rare here.
    cloud.s3.put_object(Bucket=BUCKET, Key="large", Body=bytes(2**20))

    eventually(lambda: not any(isinstance(each, BackendRequest) for each in gc.get_objects()))
