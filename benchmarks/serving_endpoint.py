"""Measures a served model as a worker and behind local AWS's endpoint: start, memory, requests a second."""

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
from typing import Any

from local_aws.base.logs import LogShipper, LogStream
from local_aws.endpoints.containers import Container

ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "serve.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
REGION = "eu-west-1"
ENDPOINT = "bench-serving"
BUCKET = "bench-serving"
STARTS = 3
WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Worker:
    """A worker that has just answered its first health check.

    Attributes
    ----------
    ready_seconds
        From the start of its process until the health check is answered; the median of several starts.
    resident_mib
        What it holds after it has answered requests; 0 where that is not told.
    alone_seconds
        What a request of one company takes that is sent to it directly, one after the other.
    """

    ready_seconds: float
    resident_mib: int
    alone_seconds: float


@dataclass(frozen=True)
class Load:
    """What so many clients get that ask for one company at a time, as fast as they are answered."""

    clients: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    front_cpu_us: float
    worker_cpu_us: float


class _Unheard(LogStream):
    """A log that nobody reads."""

    def write(self, line: str) -> None:
        """Drop a line."""


def start_worker(model: Path, body: bytes) -> Worker:
    """Start workers for a model's folder, one after the other, and ask the last one."""
    seconds = []
    with tempfile.TemporaryDirectory() as base:
        (Path(base) / "model").symlink_to(model.resolve())
        for _ in range(STARTS):
            started = time.perf_counter()
            container = Container(Path(base), ENVIRONMENT, REGION, _Unheard(LogShipper("", REGION), "", ""))
            seconds.append(time.perf_counter() - started)
            latencies = _ask_for(container.port, _request("/invocations", body), 1.0)
            resident = resident_mib(container.process.pid)
            container.kill()
    return Worker(median(seconds), resident, median(latencies))


@contextmanager
def endpoint(archive: Path) -> Iterator[str]:
    """Serve a model.tar.gz at the local AWS of the environment while the block runs; yield its address."""
    import boto3  # noqa: PLC0415 (The clients' processes do without it.)

    url = os.environ["AWS_ENDPOINT_URL"]

    def client(service: str) -> Any:
        make: Any = boto3.client  # typed as one overload for each service
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return make(service, endpoint_url=url, region_name=REGION, **keys)

    s3, sagemaker = client("s3"), client("sagemaker")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive.read_bytes())
    container = {
        "Image": "image",
        "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
        "Environment": ENVIRONMENT,
    }
    role = "arn:aws:iam::123456789012:role/bench"
    sagemaker.create_model(ModelName=ENDPOINT, PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": ENDPOINT, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    yield url
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)


def load(url: str, front: int, body: bytes, clients: int, seconds: float) -> Load:
    """Ask the endpoint with so many clients, which share a process of their own.

    Parameters
    ----------
    url, front
        Local AWS's address and process number.
    """
    port = int(url.rpartition(":")[2])
    request = _request(f"/endpoints/{ENDPOINT}/invocations", body)
    (worker,) = children(front)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(_ask_with, port, request, clients, WARM_UP_SECONDS).result()
        before = [cpu_seconds(front), cpu_seconds(worker)]
        started = time.perf_counter()
        latencies = pool.submit(_ask_with, port, request, clients, seconds).result()
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


def _request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _ask_with(port: int, request: bytes, clients: int, seconds: float) -> list[float]:
    latencies: list[float] = []
    threads = [
        threading.Thread(target=lambda: latencies.extend(_ask_for(port, request, seconds)))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _ask_for(port: int, request: bytes, seconds: float) -> list[float]:
    """Send a request again and again on one connection; return what each took."""
    latencies = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            connection.sendall(request)
            _receive(connection)
            latencies.append(time.perf_counter() - started)
    return latencies


def _receive(connection: socket.socket) -> None:
    """Read one answer, as little as that takes: what the client costs is not what is measured."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, content = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"The endpoint answered {head.splitlines()[0].decode()}: {content.decode()}")
    missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(content)
    while missing > 0:
        missing -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise SystemExit("The endpoint closed the connection.")
    return received


def resident_mib(pid: int) -> int:
    """Return the memory that a process holds; 0 where that is not told."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 2**10 for line in lines if line.startswith("VmRSS:")), 0)


def children(pid: int) -> list[int]:
    """Return the numbers of a process's own children."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(number) for number in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Return how long a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
