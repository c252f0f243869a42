"""A running moto, and the runtime of Lambda functions in front of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from support.local_aws.functions import REGION, client
from support.local_aws.sessions import root_sessions

from local_aws.base.changes import Changes
from local_aws.base.metrics import Metrics
from local_aws.functions.api import FunctionInvoker, install
from local_aws.functions.runtime import LambdaRuntime


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def runtime(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaRuntime]:
    runtime = LambdaRuntime(root_sessions(url, REGION), tmp_path_factory.mktemp("lambda"), Metrics())
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def invoker(url: str, runtime: LambdaRuntime) -> Iterator[FunctionInvoker]:
    invoker = install(runtime, root_sessions(url, REGION), Changes(), retry_seconds=(0.05, 0.1))
    yield invoker
    invoker.close()


@pytest.fixture(scope="module")
def functions(url: str, invoker: FunctionInvoker) -> Any:
    return client(url, "lambda")
