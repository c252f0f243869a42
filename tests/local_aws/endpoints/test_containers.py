"""Containers are restarted after a crash, end with the host, and keep their port private."""

import http.client
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.local_aws.endpoints import ENVIRONMENT, REGION, Cloud, invoke
from support.local_aws.sessions import root_sessions

from local_aws.base.clients import Clients
from local_aws.base.logs import LogShipper, LogStream
from local_aws.base.metrics import Metrics
from local_aws.endpoints.containers import Container
from local_aws.endpoints.host import EndpointHost, unpack_model


def test_a_container_that_dies_during_a_request_is_restarted(cloud: Cloud) -> None:
    cloud.deploy("crashes", cloud.model("crashes"))
    before = invoke(cloud, "crashes", "x")["pid"]

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "crashes", "crash")

    assert caught.value.response["OriginalStatusCode"] == 502
    after = invoke(cloud, "crashes", "x")["pid"]
    assert after != before


def test_a_container_that_is_killed_between_requests_is_restarted(cloud: Cloud) -> None:
    cloud.deploy("killed", cloud.model("killed"))
    before = invoke(cloud, "killed", "x")["pid"]

    os.kill(before, signal.SIGKILL)

    # A request during the kill can fail; the next one is answered by the new container.
    answers = [cloud.host.invoke("killed", b"x", {}) for _ in range(2)]
    assert [answer.status for answer in answers] in ([200, 200], [502, 200])
    assert json.loads(answers[-1].body)["pid"] != before


@pytest.fixture
def container(tmp_path: Path, cloud: Cloud) -> Iterator[Container]:
    unpack_model(cloud.client("s3"), cloud.model("single"), tmp_path / "model")
    shipper, clients = LogShipper(), Clients(cloud.url, REGION)
    started = Container(tmp_path, ENVIRONMENT, REGION, LogStream(shipper, clients, "group", "stream"))
    yield started
    started.kill()
    shipper.close()


def test_concurrent_kills_of_a_container_send_one_signal(container: Container) -> None:
    # GIVEN a system like macOS, where killing a process group that has ended raises PermissionError
    groups: list[int] = []

    def killpg(group: int, number: int) -> None:
        groups.append(group)
        os.kill(group, number)
        raise PermissionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local_aws.base.processes.os.killpg", killpg)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: container.kill(), range(8)))
    # THEN only one signal was sent, because the group's number can be reused after it
    assert groups == [container.process.pid]
    assert container.process.returncode == -signal.SIGKILL


def test_closing_the_host_ends_every_container(tmp_path: Path, cloud: Cloud) -> None:
    host = EndpointHost(root_sessions(cloud.url, REGION), tmp_path, Metrics())
    host.keep(host.start("ends", "config", cloud.model("ends")))
    pid = json.loads(host.invoke("ends", b"x", {}).body)["pid"]

    host.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list((tmp_path / "endpoints").iterdir()) == []


@pytest.mark.parametrize("path", ["/ping", "/invocations", "/execution-parameters", "//ping"])
def test_a_containers_port_answers_nobody_who_does_not_know_its_secret(
    container: Container, path: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=5)
    statuses = []
    for method in ("GET", "POST"):
        connection.request(method, path, b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        statuses.append((answer.status, answer.read()))
    connection.close()
    assert statuses == [(404, b""), (404, b"")]
