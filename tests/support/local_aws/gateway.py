"""A REST API on moto with the gateway of local AWS in front, and a function whose answer the test sets."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from werkzeug.serving import WSGIRequestHandler, make_server

from local_aws.functions.runtime import FunctionNotFoundError, Invocation
from local_aws.gateway.gateway import Gateway
from local_aws.services import Services

REGION = "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:f"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{ARN}/invocations"


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Do not log."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Cloud:
    """moto with the gateway in front, and a function whose answer the test sets."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Any = {"statusCode": 200, "body": "{}"}
        self.error: str | None = None
        self.seconds = 0.0
        moto = Services()

        def front(environ: Any, start_response: Any) -> Any:
            ours = "/_user_request_" in environ["PATH_INFO"] or "execute-api" in environ.get("HTTP_HOST", "")
            return (self.gateway if ours else moto)(environ, start_response)

        self.server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=Quiet)
        self.port = self.server.server_port
        url = f"http://127.0.0.1:{self.port}"
        self.gateway = Gateway(url, REGION, self.invoke, lambda *_: None)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = boto3.client(
            "apigateway",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def invoke(self, arn: str, _method_arn: str, payload: bytes) -> Invocation:
        if arn != ARN:
            raise FunctionNotFoundError(arn)
        self.events.append(json.loads(payload))
        time.sleep(self.seconds)
        return Invocation(json.dumps(self.answer).encode(), self.error, "")

    def close(self) -> None:
        self.gateway.close()
        self.server.shutdown()
        self.server.server_close()


class Api:
    """A REST API with helpers to declare methods and to call its stage `prod`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.client = cloud.client
        self.id = self.client.create_rest_api(name="api")["id"]
        self.resources = {"/": self.client.get_resources(restApiId=self.id)["items"][0]["id"]}
        self.staged = False

    def resource(self, path: str) -> str:
        if path not in self.resources:
            parent, _, part = path.rpartition("/")
            created = self.client.create_resource(
                restApiId=self.id, parentId=self.resource(parent or "/"), pathPart=part
            )
            self.resources[path] = created["id"]
        return str(self.resources[path])

    def method(self, path: str, verb: str, **options: Any) -> dict[str, Any]:
        method = {"restApiId": self.id, "resourceId": self.resource(path), "httpMethod": verb}
        self.client.put_method(**method, **{"authorizationType": "NONE", **options})
        return method

    def proxy(self, path: str, verb: str, uri: str = URI, timeout: int = 29_000, **options: Any) -> None:
        method = self.method(path, verb, **options)
        self.client.put_integration(
            **method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri, timeoutInMillis=timeout
        )

    def stage(self, **variables: str) -> None:
        deployment = self.client.create_deployment(restApiId=self.id)["id"]
        self.client.create_stage(
            restApiId=self.id, stageName="prod", deploymentId=deployment, variables=variables
        )
        self.staged = True

    def key(self, *, enabled: bool = True, planned: bool = True) -> str:
        """Create an API key in a usage plan, which includes the stage or not."""
        if not self.staged:
            self.stage()
        key = self.client.create_api_key(name="k", enabled=enabled)
        stages = [{"apiId": self.id, "stage": "prod"}] if planned else []
        plan = self.client.create_usage_plan(name="p", apiStages=stages)["id"]
        self.client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        return str(key["value"])

    def call(
        self,
        verb: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        stage: str = "prod",
    ) -> Answer:
        if not self.staged:
            self.stage()
        self.cloud.gateway.invalidate()
        return self._send(verb, f"/restapis/{self.id}/{stage}/_user_request_{path}", body, headers or {})

    def _send(self, verb: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=20)
        try:
            connection.request(verb, url, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def call_by_host(self, verb: str, path: str) -> Answer:
        self.cloud.gateway.invalidate()
        host = f"{self.id}.execute-api.localhost:{self.cloud.port}"
        return self._send(verb, f"/prod{path}", b"", {"Host": host})
