"""A connection to local AWS, and a function that registers a version of a small model there."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.local_aws.environment import project_with_bucket
from support.models.small import SERVING

from local_aws.server import LocalAws
from scripts.aws.session import Aws

# The probability is the second number. A first number of 500 makes the container fail, 300 keeps it busy.
SERVE = """
import time

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]

def predict_fn(rows, model):
    if any(row[0] == 500 for row in rows):
        raise RuntimeError("this is too much")
    if any(row[0] == 300 for row in rows):
        time.sleep(60)
    return [row[1] for row in rows]

def output_fn(answers, accept):
    level = lambda p: "high" if p > 0.5 else "low"
    return "".join(f"{int(p > 0.5)},{1 - p!r},{p!r},{level(p)},{max(p, 1 - p)!r}\\n" for p in answers), accept
"""


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    connected = project_with_bucket(local_aws, monkeypatch, "scoring")
    # As in the deployed service, deleted objects keep their versions.
    connected.client("s3").put_bucket_versioning(
        Bucket=connected.project.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    connected.client("sagemaker").create_model_package_group(ModelPackageGroupName="scoring")
    return connected


@pytest.fixture
def register(aws: Aws) -> Callable[[str], None]:
    """Return a function that registers a version whose features are b and a."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/serve.py")
        member.size = len(SERVE)
        archive.addfile(member, io.BytesIO(SERVE.encode()))
    s3, bucket = aws.client("s3"), aws.project.bucket
    s3.put_object(Bucket=bucket, Key="models/m.tar.gz", Body=packed.getvalue())
    contract = json.dumps({"contract": "21293902a1a1ee52", "features": [{"name": "b"}, {"name": "a"}]})
    s3.put_object(Bucket=bucket, Key="models/contract.json", Body=contract)

    def create(approval: str) -> None:
        container = {
            "Image": "image",
            "ModelDataUrl": f"s3://{bucket}/models/m.tar.gz",
            "Environment": SERVING,
        }
        aws.client("sagemaker").create_model_package(
            ModelPackageGroupName="scoring",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedTransformInstanceTypes": ["ml.m5.large", "ml.m5.xlarge"],
            },
            CustomerMetadataProperties={
                "ArchiveSha256": hashlib.sha256(packed.getvalue()).hexdigest(),
                "ContractUri": f"s3://{bucket}/models/contract.json",
            },
        )

    return create


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A portfolio whose job runs until it is stopped."""
    source = tmp_path / "endless.csv"
    source.write_text("id,a,b\nC1,1,300\n")
    return str(source)
