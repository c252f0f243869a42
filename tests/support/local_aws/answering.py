"""Endpoints of local AWS whose models answer with a word."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from support.local_aws.cloud import Cloud, eventually

SERVE = """
import json, os

def model_fn(model_dir):
    answer = open(os.path.join(model_dir, "answer.txt")).read()
    if answer == "broken":
        raise RuntimeError("this model does not load")
    return answer

def input_fn(body, content_type):
    return body

def predict_fn(data, model):
    if b"fail" in (data if isinstance(data, bytes) else data.encode()) and model == "weak":
        raise RuntimeError("this model fails")
    return {"answer": model, "version": os.environ.get("MODEL_PACKAGE_VERSION")}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


def put_model(cloud: Cloud, answer: str) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("answer.txt", answer), ("code/serve.py", SERVE)):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return cloud.put(f"models/{answer}/model.tar.gz", packed.getvalue())


def configure(cloud: Cloud, name: str, container: dict[str, Any], instances: int = 1) -> None:
    cloud.sagemaker.create_model(
        ModelName=name, PrimaryContainer=container, ExecutionRoleArn="arn:aws:iam::123456789012:role/e"
    )
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": instances}
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": "ml.t2.medium"}]
    )


def configure_answer(cloud: Cloud, answer: str, instances: int = 1) -> None:
    url = put_model(cloud, answer)
    configure(cloud, answer, {"Image": "image", "ModelDataUrl": url, "Environment": ENVIRONMENT}, instances)


def settled(cloud: Cloud) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_endpoint(EndpointName="e")
        return found if found["EndpointStatus"] not in {"Creating", "Updating"} else None

    return eventually(look)


def invoke(cloud: Cloud, body: bytes = b"{}") -> dict[str, Any]:
    answer = cloud.sagemaker_runtime.invoke_endpoint(
        EndpointName="e", Body=body, ContentType="application/json"
    )
    result: dict[str, Any] = json.loads(answer["Body"].read())
    return result
