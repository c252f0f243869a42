"""An endpoint host on moto, and a model whose handlers do what the request says."""

import io
import json
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from support.local_aws.cloud import eventually
from support.local_aws.sessions import root_sessions
from support.models.small import SERVING
from werkzeug.serving import WSGIRequestHandler, make_server

from local_aws.base.metrics import Metrics
from local_aws.endpoints.host import EndpointHost, ModelSpec
from local_aws.endpoints.runtime_api import invocations_app
from local_aws.services import Services

REGION = "eu-west-1"
SERVE = """
import json, os, time
from werkzeug.wrappers import Response

def model_fn(model_dir):
    print("loading", os.path.basename(model_dir), flush=True)
    with open(os.path.join(model_dir, "answer.txt")) as file:
        return file.read()

def input_fn(body, content_type):
    return {"kind": type(body).__name__, "body": body if isinstance(body, str) else body.decode(),
            "content_type": content_type}

def predict_fn(data, model):
    if data["body"] == "crash":
        os._exit(3)
    if data["body"] == "raise":
        raise ValueError("no such company")
    if data["body"] == "slow":
        time.sleep(0.5)
    return {**data, "model": model, "pid": os.getpid(), "version": os.environ.get("MODEL_PACKAGE_VERSION")}

def output_fn(prediction, accept):
    if prediction["body"] == "refuse":
        return Response('{"error": {"code": "validation_failed"}}', status=422, mimetype="application/json")
    if prediction["body"] == "attributes":
        return Response("{}", headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"}, mimetype=accept)
    return json.dumps({**prediction, "accept": accept}), accept
"""
ROLE = "arn:aws:iam::123456789012:role/endpoint"
ENVIRONMENT = {**SERVING, "MODEL_PACKAGE_VERSION": "7"}


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Do not log."""


class Cloud:
    """moto with the runtime API in front, as in local AWS."""

    def __init__(self, root: Path) -> None:
        moto = Services()
        self.server = make_server("127.0.0.1", 0, self.front, threaded=True, request_handler=Handler)
        self.moto = moto
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.metrics = Metrics()
        self.host = EndpointHost(root_sessions(self.url, REGION), root, self.metrics)
        self.runtime_app = invocations_app(self.host, lambda name: {"EndpointName": name})
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client("s3").create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def deploy(self, endpoint: str, model: ModelSpec, wanted: Callable[[], bool] = lambda: True) -> None:
        """Serve a model, and end the one before it."""
        self.host.keep(self.host.start(endpoint, f"{endpoint}-{model.name}", model), wanted)

    def front(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/endpoints/"):
            return self.runtime_app(environ, start_response)
        return self.moto(environ, start_response)

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def model(self, answer: str, serve: str = SERVE, **environment: str) -> ModelSpec:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, text in {"answer.txt": answer, "code/serve.py": serve}.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        key = f"models/{answer}/model.tar.gz"
        self.client("s3").put_object(Bucket="models", Key=key, Body=buffer.getvalue())
        return ModelSpec(f"s3://models/{key}", {**ENVIRONMENT, **environment}, f"model-{answer}", ROLE)

    def log_lines(self, endpoint: str, wanted: str) -> list[str]:
        """Return the endpoint's log as soon as it contains `wanted`."""
        logs = self.client("logs")

        def found() -> list[str] | None:
            groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{endpoint}")
            if not groups["logGroups"]:
                return None
            events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
            lines = [event["message"] for event in events]
            return lines if any(wanted in line for line in lines) else None

        return eventually(found)


def invoke(cloud: Cloud, endpoint: str, body: str | bytes, **arguments: str) -> dict[str, Any]:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, **arguments)
    return dict(json.loads(answer["Body"].read()), returned_type=answer["ContentType"])
