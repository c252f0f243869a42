"""An endpoint host of the test module's own."""

from collections.abc import Iterator

import pytest
from moto.core.base_backend import BackendDict
from support.local_aws.endpoints import Cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("endpoints"))
    yield cloud
    cloud.host.close()
    cloud.server.shutdown()
    cloud.server.server_close()
    BackendDict.reset()
