"""Starts local AWS in a separate process and registers models there."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common.figures import ROOT
from scripts.aws.session import LOCAL_REGION, Aws, use_local_aws

BANKRUPTCY = (sys.executable, "-c", "from scripts.entry import main; main()")
CONTAINER_ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "serve.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
ROLE = "arn:aws:iam::123456789012:role/bench"
START_SECONDS = 60
STOP_SECONDS = 60


@contextmanager
def local_aws(program: Sequence[str] = BANKRUPTCY) -> Iterator[int]:
    """Run local AWS while the block runs, point this process at it, and yield its process id."""
    with separate_process(program) as (process, url):
        use_local_aws(url)
        yield process


@contextmanager
def separate_process(
    program: Sequence[str] = BANKRUPTCY, *options: str, region: str = LOCAL_REGION
) -> Iterator[tuple[int, str]]:
    """Run local AWS while the block runs; yield its process id and its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*program, "local", "start", "--port", str(port), "--region", region, *options]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield server.pid, f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        finally:
            server.kill()


def register(aws: Aws, archive: Path, contract: Mapping[str, Any], media_type: str) -> None:
    """Upload a model.tar.gz and its contract, and register them as an approved version."""
    s3, bucket = aws.client("s3"), aws.project.bucket
    s3.upload_file(str(archive), bucket, "models/bench/model.tar.gz")
    s3.put_object(Bucket=bucket, Key="models/bench/contract.json", Body=json.dumps(contract).encode())
    container: dict[str, Any] = {
        "Image": "image",
        "ModelDataUrl": f"s3://{bucket}/models/bench/model.tar.gz",
        "Environment": CONTAINER_ENVIRONMENT,
    }
    aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=aws.project.model_package_group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": [media_type],
            "SupportedResponseMIMETypes": [media_type],
        },
        CustomerMetadataProperties={
            "ArchiveSha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "ContractUri": f"s3://{bucket}/models/bench/contract.json",
        },
    )


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"Local AWS did not start within {START_SECONDS} seconds.")
