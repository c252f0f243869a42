"""Registers models without an execution, and makes a small one without training."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.artifact import Model, load
from inference.contract import contract_hash
from scripts.aws.session import Aws
from steps.export.archive import pack_model
from steps.export.files import write_model
from steps.export.served import ServedModel

# Local AWS does not run images.
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1"
RISK_LEVELS = [{"level": "low", "from": 0.0}, {"level": "high", "from": 0.7}]
SERVING = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


def register(
    aws: Aws, folder: Path, names: Sequence[str], seed: int, *, image: str = IMAGE
) -> tuple[str, Model]:
    """Make a linear model of features between 0 and 1, and register it as pending approval.

    Returns
    -------
    tuple of str and Model
        Its version, and the model itself.
    """
    write_small_model(folder, names, seed)
    return register_folder(aws, folder, image=image), load(folder / "model")


def write_small_model(folder: Path, names: Sequence[str], seed: int) -> None:
    """Write a linear model of features between 0 and 1 into the folder `model`."""
    generator = np.random.default_rng(seed)
    arrays = {
        "0.coefficients": generator.normal(size=(len(names), 1)),
        "0.intercept": generator.normal(size=1),
    }
    stages = [{"kind": "linear", "arrays": "0"}, {"kind": "sigmoid", "slope": 1.0, "intercept": 0.0}]
    known = np.full(len(names), 0.5)
    logit = float(known @ arrays["0.coefficients"][:, 0] + arrays["0.intercept"][0])
    facts: dict[str, Any] = {
        "contract": contract_hash(names),
        "features": [{"name": name, "min": 0.0, "max": 1.0, "median": 0.5} for name in names],
        "threshold": 0.5,
        "risk_levels": RISK_LEVELS,
        "candidate": "recommended",
        "estimator": "logistic",
        "smoke_test": {"features": known.tolist(), "probability": 1 / (1 + math.exp(-logit))},
    }
    write_model(folder / "model", ServedModel(arrays, {"stages": stages}), facts, None)


def small_profile(names: Sequence[str]) -> dict[str, Any]:
    """Return the profile.json of a small model, as if its features and probabilities were uniform."""
    column = {"edges": [0.5], "shares": [0.5, 0.5]}
    return {
        "contract": contract_hash(names),
        "companies": 1000,
        "bankruptcies": 500,
        "roc_auc": 0.8,
        "risk_levels": RISK_LEVELS,
        "features": [{"name": name, "min": 0.0, "max": 1.0, **column} for name in names],
        "probability": column,
    }


def register_folder(
    aws: Aws, folder: Path, *, image: str = IMAGE, evaluation: Mapping[str, str] | None = None
) -> str:
    """Register the model in the folder `model` as pending approval, and return its version.

    Parameters
    ----------
    evaluation
        ``evaluation.json`` and ``report.html``, if it has them.
    """
    pack_model(folder / "model", folder / "model.tar.gz")
    facts = json.loads((folder / "model" / "model.json").read_text(encoding="utf-8"))["contract"]
    contract = json.dumps({**facts, "metrics": {}})

    s3, bucket = aws.client("s3"), aws.project.bucket
    prefix = f"models/{folder.name}"
    s3.upload_file(str(folder / "model.tar.gz"), bucket, f"{prefix}/model.tar.gz")
    s3.put_object(Bucket=bucket, Key=f"{prefix}/contract.json", Body=contract.encode())
    evaluated: dict[str, Any] = {}
    uris: dict[str, str] = {}
    for name, text in (evaluation or {}).items():
        s3.put_object(Bucket=bucket, Key=f"{prefix}/evaluation/{name}", Body=text.encode())
        uris[name] = f"s3://{bucket}/{prefix}/evaluation/{name}"
    if uris:
        statistics = {"ContentType": "application/json", "S3Uri": uris["evaluation.json"]}
        evaluated["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        uris = {"EvaluationUri": uris["evaluation.json"], "ReportUri": uris["report.html"]}
    container = {
        "Image": image,
        "ModelDataUrl": f"s3://{bucket}/{prefix}/model.tar.gz",
        "Environment": SERVING,
    }
    made = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=aws.project.model_package_group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        **evaluated,
        CustomerMetadataProperties={
            "ArchiveSha256": hashlib.sha256((folder / "model.tar.gz").read_bytes()).hexdigest(),
            "ContractHash": facts["contract"],
            "ContractUri": f"s3://{bucket}/{prefix}/contract.json",
            **uris,
        },
    )
    return made["ModelPackageArn"].rpartition("/")[2]
