"""A REST API without methods, on a gateway of the test module's own."""

from collections.abc import Iterator

import pytest
from support.local_aws.gateway import Api, Cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.close()


@pytest.fixture
def api(cloud: Cloud) -> Api:
    cloud.events.clear()
    cloud.answer, cloud.error, cloud.seconds = {"statusCode": 200, "body": "{}"}, None, 0.0
    return Api(cloud)
