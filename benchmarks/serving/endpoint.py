"""Measures a served model as a worker and behind local AWS's endpoint: start, memory, requests per second."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks.common.cloud import CONTAINER_ENVIRONMENT, ROLE
from benchmarks.common.processes import children, cpu_seconds, resident_mib
from local_aws.base.clients import Clients
from local_aws.base.logs import LogShipper, LogStream
from local_aws.endpoints.containers import Container
from scripts.aws.session import connect

PROJECT = "bench-serving"
REGION = "eu-west-1"
STARTS = 3
WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Worker:
    """The figures of one worker.

    Attributes
    ----------
    ready_seconds
        From the start of its process to the first answered health check; the median of several starts.
    resident_mib
        Its memory after it has answered requests; 0 without /proc.
    alone_seconds
        One request for one company, sent to the worker directly, one after the other.
    """

    ready_seconds: float
    resident_mib: int
    alone_seconds: float


@dataclass(frozen=True)
class Load:
    """The figures of a number of clients, each sending its next request as soon as it has an answer."""

    clients: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    front_cpu_us: float
    worker_cpu_us: float


class _NullLog(LogStream):
    """A log that drops every line."""

    def write(self, line: str) -> None:
        """Drop a line."""


def start_worker(model: Path, body: bytes) -> Worker:
    """Start workers for a model's folder one after the other, and send requests to each."""
    seconds = []
    with tempfile.TemporaryDirectory() as base:
        (Path(base) / "model").symlink_to(model.resolve())
        for _ in range(STARTS):
            started = time.perf_counter()
            log = _NullLog(LogShipper(), Clients("", REGION), "", "")
            container = Container(Path(base), CONTAINER_ENVIRONMENT, REGION, log)
            seconds.append(time.perf_counter() - started)
            latencies = send_for(container.port, http_request(f"{container.prefix}/invocations", body), 1.0)
            resident = resident_mib(container.process.pid)
            container.kill()
    return Worker(median(seconds), resident, median(latencies))


@contextmanager
def endpoint(archive: Path) -> Iterator[str]:
    """Serve a model.tar.gz on the environment's local AWS while the block runs; yield its address."""
    aws = connect(PROJECT)
    s3, sagemaker, bucket = aws.client("s3"), aws.client("sagemaker"), aws.project.bucket
    location = {"LocationConstraint": aws.project.region}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    s3.upload_file(str(archive), bucket, "model.tar.gz")
    container = {
        "Image": "image",
        "ModelDataUrl": f"s3://{bucket}/model.tar.gz",
        "Environment": CONTAINER_ENVIRONMENT,
    }
    sagemaker.create_model(ModelName=PROJECT, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": PROJECT, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=PROJECT, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )
    sagemaker.create_endpoint(EndpointName=PROJECT, EndpointConfigName=PROJECT)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=PROJECT, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    yield os.environ["AWS_ENDPOINT_URL"]
    sagemaker.delete_endpoint(EndpointName=PROJECT)


def load(url: str, front: int, body: bytes, clients: int, seconds: float) -> Load:
    """Send requests from a number of clients, which share one separate process.

    Parameters
    ----------
    url, front
        Address and process id of local AWS.
    """
    port = int(url.rpartition(":")[2])
    request = http_request(f"/endpoints/{PROJECT}/invocations", body)
    (worker,) = children(front)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(_send_with, port, request, clients, WARM_UP_SECONDS).result()
        before = [cpu_seconds(front), cpu_seconds(worker)]
        started = time.perf_counter()
        latencies = pool.submit(_send_with, port, request, clients, seconds).result()
        elapsed = time.perf_counter() - started
        used = [cpu_seconds(front) - before[0], cpu_seconds(worker) - before[1]]
    latencies.sort()
    count = len(latencies)
    return Load(
        clients,
        count / elapsed,
        latencies[count // 2] * 1e3,
        latencies[min(count - 1, round(count * 0.99))] * 1e3,
        used[0] / count * 1e6,
        used[1] / count * 1e6,
    )


def http_request(path: str, body: bytes) -> bytes:
    """Return a JSON POST request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_for(port: int, request: bytes, seconds: float) -> list[float]:
    """Send a request repeatedly on one connection; return the seconds that each took."""
    latencies = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            connection.sendall(request)
            _receive(connection)
            latencies.append(time.perf_counter() - started)
    return latencies


def _send_with(port: int, request: bytes, clients: int, seconds: float) -> list[float]:
    latencies: list[float] = []
    threads = [
        threading.Thread(target=lambda: latencies.extend(send_for(port, request, seconds)))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _receive(connection: socket.socket) -> None:
    """Read one response with as little work as possible: the client's own cost is not measured."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive_some(connection)
    head, _, content = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The endpoint answered {head.splitlines()[0].decode()}: {content.decode()}")
    missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(content)
    while missing > 0:
        missing -= len(_receive_some(connection))


def _receive_some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise SystemExit("The endpoint closed the connection.")
    return received
