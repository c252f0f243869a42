"""The REST API on local AWS with a model behind it, trained here rather than by an execution."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import inference
from local_aws.server import LocalAws
from scripts.api_client import ApiClient, client_of
from scripts.commands.model import wait_until_served
from scripts.deployment import deploy
from scripts.sample_data import write_csv
from scripts.session import Aws, connect, use_local_aws
from steps import select_features, train_recommended
from steps.export import pack_model

MODEL = "models/trained-here"


@contextmanager
def served_api(estimator: str = "logistic") -> Iterator[ApiClient]:
    """Serve the API on a free port, with a model of sample data; give a client that holds URL and key."""
    with LocalAws() as server, tempfile.TemporaryDirectory() as folder:
        use_local_aws(server.url, server.region)
        aws = connect("bankruptcy-api")
        deploy(aws.session, aws.project, confirm=lambda _: True)
        contract = _train(Path(folder), estimator)
        s3, bucket = aws.client("s3"), aws.project.bucket
        s3.upload_file(str(Path(folder) / "model.tar.gz"), bucket, f"{MODEL}/model.tar.gz")
        s3.put_object(Bucket=bucket, Key=f"{MODEL}/contract.json", Body=json.dumps(contract))
        _register(aws)
        wait_until_served(aws, 1, timeout=60)
        yield client_of(aws)


def _train(root: Path, estimator: str) -> dict[str, Any]:
    """Leave model.tar.gz in a folder; return its contract."""
    folders = {name: root / name for name in ("data", "train", "test", "features", "model")}
    folders["data"].mkdir()
    write_csv(folders["data"] / "companies.csv", rows=2400, seed=1)
    words = {name: [f"--{name}", str(folder)] for name, folder in folders.items()}
    select_features.main([*words["data"], *words["train"], *words["test"], *words["features"]])
    train_recommended.main(
        [
            *words["train"],
            *words["features"],
            "--model-dir",
            str(folders["model"]),
            "--estimator",
            estimator,
        ]
    )
    pack_model(folders["model"], root / "model.tar.gz")
    model = inference.load(folders["model"])
    known = list(model.contract.medians)
    return {
        **model.contract.facts,
        "metrics": {},
        "smoke_test": {"features": known, "probability": float(model.predict_proba([known])[0])},
    }


def _register(aws: Aws) -> None:
    container = {
        "Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1",
        "ModelDataUrl": f"s3://{aws.project.bucket}/{MODEL}/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": "serve.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    }
    aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=aws.project.model_package_group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )
