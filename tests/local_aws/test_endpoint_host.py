"""An endpoint serves a model with its own handlers and fails as on AWS."""

import http.client
import io
import json
import os
import signal
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from support.local_aws.sessions import root_sessions
from werkzeug.serving import WSGIRequestHandler, make_server

from local_aws.base import archives
from local_aws.base.clients import Clients
from local_aws.base.logs import LogShipper, LogStream
from local_aws.endpoints.containers import Container
from local_aws.endpoints.host import EndpointError, EndpointHost, ModelSpec, unpack_model
from local_aws.endpoints.runtime_api import invocations_app

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
ENVIRONMENT = {
    "SAGEMAKER_PROGRAM": "serve.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "MODEL_PACKAGE_VERSION": "7",
}


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Do not log."""


class Cloud:
    """moto with the runtime API in front, as in local AWS."""

    def __init__(self, root: Path) -> None:
        moto = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, self.front, threaded=True, request_handler=Handler)
        self.moto = moto
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.host = EndpointHost(root_sessions(self.url, REGION), root)
        self.runtime_app = invocations_app(self.host, lambda name: {"EndpointName": name})
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client("s3").create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION}
        )

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
        lines: list[str] = []
        logs = self.client("logs")
        deadline = time.monotonic() + 5
        while not any(wanted in line for line in lines) and time.monotonic() < deadline:
            time.sleep(0.05)
            groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/sagemaker/Endpoints/{endpoint}")
            if groups["logGroups"]:
                events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
                lines = [event["message"] for event in events]
        return lines


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("endpoints"))
    yield cloud
    cloud.host.close()
    cloud.server.shutdown()
    cloud.server.server_close()


def invoke(cloud: Cloud, endpoint: str, body: str | bytes, **arguments: str) -> dict[str, Any]:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, **arguments)
    return dict(json.loads(answer["Body"].read()), returned_type=answer["ContentType"])


def test_a_model_answers_with_its_own_handlers(cloud: Cloud) -> None:
    cloud.host.deploy("first", cloud.model("one"))

    answer = invoke(cloud, "first", "hello", ContentType="application/json", Accept="application/json")

    assert answer["kind"] == "str"
    assert answer["body"] == "hello"
    assert answer["model"] == "one"
    assert answer["version"] == "7"
    assert answer["returned_type"] == "application/json"
    assert "loading model" in cloud.log_lines("first", "loading")


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("application/json", "str"), ("text/csv", "str"), ("application/json; charset=utf-8", "bytes")],
)
def test_the_handler_gets_text_only_for_the_text_types_of_aws(
    cloud: Cloud, content_type: str, kind: str
) -> None:
    cloud.host.deploy("types", cloud.model("types"))
    assert invoke(cloud, "types", "1,2", ContentType=content_type)["kind"] == kind


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_invalid_utf_8_is_replaced_as_on_aws(cloud: Cloud, content_type: str) -> None:
    cloud.host.deploy("bytes", cloud.model("one"))
    assert invoke(cloud, "bytes", b"\xff,0", ContentType=content_type)["body"] == "\ufffd,0"


def test_a_new_deployment_takes_over_and_the_old_one_finishes_its_requests(cloud: Cloud) -> None:
    cloud.host.deploy("swap", cloud.model("old"))
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(invoke(cloud, "swap", "slow")["model"]))
    slow.start()
    time.sleep(0.2)

    cloud.host.deploy("swap", cloud.model("new"))

    assert invoke(cloud, "swap", "x")["model"] == "new"
    slow.join()
    assert answers == ["old"]


def test_a_model_whose_endpoint_was_deleted_never_enters_service(cloud: Cloud) -> None:
    cloud.host.deploy("again", cloud.model("present"))

    cloud.host.deploy("again", cloud.model("forgotten"), wanted=lambda: False)

    assert invoke(cloud, "again", "x")["model"] == "present"


def test_an_exception_in_a_handler_is_a_model_error_and_is_logged(cloud: Cloud) -> None:
    cloud.host.deploy("errors", cloud.model("errors"))

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "errors", "raise", ContentType="text/csv")

    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 500
    assert "Received server error (500) from primary" in response["Error"]["Message"]
    assert response["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/errors")
    assert any("no such company" in line for line in cloud.log_lines("errors", "no such company"))


def test_a_status_set_by_the_handler_is_returned_as_the_original_status(cloud: Cloud) -> None:
    cloud.host.deploy("refusals", cloud.model("refusals"))

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "refusals", "refuse", ContentType="text/csv")

    assert caught.value.response["OriginalStatusCode"] == 422
    assert caught.value.response["OriginalMessage"] == '{"error": {"code": "validation_failed"}}'


def test_custom_attributes_of_the_container_are_returned(cloud: Cloud) -> None:
    cloud.host.deploy("attributes", cloud.model("attributes"))

    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="attributes", Body=b"attributes")

    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_container_that_dies_during_a_request_is_restarted(cloud: Cloud) -> None:
    cloud.host.deploy("crashes", cloud.model("crashes"))
    before = invoke(cloud, "crashes", "x")["pid"]

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "crashes", "crash")

    assert caught.value.response["OriginalStatusCode"] == 502
    after = invoke(cloud, "crashes", "x")["pid"]
    assert after != before


def test_a_container_that_is_killed_between_requests_is_restarted(cloud: Cloud) -> None:
    cloud.host.deploy("killed", cloud.model("killed"))
    before = invoke(cloud, "killed", "x")["pid"]

    os.kill(before, signal.SIGKILL)

    # A request during the kill can fail; the next one is answered by the new container.
    answers = [cloud.host.invoke("killed", b"x", {}) for _ in range(2)]
    assert [answer.status for answer in answers] in ([200, 200], [502, 200])
    assert json.loads(answers[-1].body)["pid"] != before


def test_no_request_is_lost_during_deployments(cloud: Cloud) -> None:
    cloud.host.deploy("busy", cloud.model("busy"))
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(cloud.host.invoke("busy", b"x", {}).status)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(3):
        cloud.host.deploy("busy", cloud.model("busy"))
    over.set()
    for asker in askers:
        asker.join()

    assert set(statuses) == {200}


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        (SERVE.replace("answer.txt", "absent.txt"), "No such file or directory"),
        ("def model_fn(model_dir): pass", "does not define input_fn, predict_fn, output_fn"),
    ],
)
def test_a_model_that_does_not_load_leaves_the_old_one_in_service(
    cloud: Cloud, serve: str, reason: str
) -> None:
    cloud.host.deploy("broken", cloud.model("good"))

    with pytest.raises(EndpointError, match=reason):
        cloud.host.deploy("broken", cloud.model("bad", serve))

    assert invoke(cloud, "broken", "x")["model"] == "good"


def test_the_error_for_a_missing_archive_names_its_uri(cloud: Cloud) -> None:
    with pytest.raises(EndpointError, match="s3://models/absent"):
        cloud.host.deploy("absent", ModelSpec("s3://models/absent", ENVIRONMENT, "absent", ROLE))


def test_the_error_for_a_damaged_archive_names_its_uri(cloud: Cloud) -> None:
    whole = cloud.model("whole")
    archive = cloud.client("s3").get_object(Bucket="models", Key="models/whole/model.tar.gz")["Body"].read()
    cloud.client("s3").put_object(Bucket="models", Key="half.tar.gz", Body=archive[: len(archive) // 2])

    with pytest.raises(EndpointError, match=r"Model model-whole: Failed to unpack s3://models/half\.tar\.gz"):
        cloud.host.deploy("half", ModelSpec("s3://models/half.tar.gz", ENVIRONMENT, whole.name, ROLE))


def test_an_archive_with_members_outside_its_folder_is_rejected(cloud: Cloud) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside.txt"))
    cloud.client("s3").put_object(Bucket="models", Key="evil.tar.gz", Body=buffer.getvalue())

    with pytest.raises(EndpointError, match="outside the destination"):
        cloud.host.deploy("evil", ModelSpec("s3://models/evil.tar.gz", ENVIRONMENT, "evil", ROLE))


def entry(name: str, size: int = 1, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.type = size, kind
    return found


REFUSED: list[tuple[str, list[tarfile.TarInfo], str]] = [
    ("twice", [entry("code/serve.py"), entry("./code/serve.py")], "The entry 'code/serve.py' is there twice"),
    (
        "file and folder",
        [entry("code"), entry("code", 0, tarfile.DIRTYPE)],
        "The entry 'code' is there twice",
    ),
    ("entries", [entry(str(number), 0) for number in range(21)], "It has more than 20 entries"),
    ("bomb", [entry("zeros", 300_000_000)], r"Its [\d,]+ bytes unpack to more than 200 times as many"),
    ("bytes", [entry("a", 40_000), entry("b", 20_000)], "It has more than 50,000 bytes unpacked"),
]


@pytest.mark.parametrize(("kind", "entries", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_an_unsafe_archive_is_rejected_before_it_is_unpacked(
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    entries: list[tarfile.TarInfo],
    message: str,
) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
    if kind == "bytes":
        monkeypatch.setattr(archives, "MAX_BYTES", 50_000)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for each in [entry("first.txt"), *entries]:
            tar.addfile(each, io.BytesIO(bytes(each.size)))
    cloud.client("s3").put_object(Bucket="models", Key="unsafe.tar.gz", Body=buffer.getvalue())
    spec = ModelSpec("s3://models/unsafe.tar.gz", ENVIRONMENT, "unsafe", ROLE)

    with pytest.raises(
        EndpointError,
        match=rf"Model unsafe: Failed to unpack s3://models/unsafe\.tar\.gz: {message}.*\. \w+ ",
    ):
        unpack_model(cloud.client("s3"), spec, tmp_path / "model")

    assert list((tmp_path / "model").iterdir()) == []


def test_links_and_repeated_folders_are_unpacked(cloud: Cloud, tmp_path: Path) -> None:
    folder, link = entry("code", 0, tarfile.DIRTYPE), entry("latest.py", 0, tarfile.SYMTYPE)
    folder.mode, link.linkname = 0o755, "code/serve.py"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for each in (folder, entry("code/serve.py"), folder, link):
            tar.addfile(each, io.BytesIO(b"#" * each.size))
    cloud.client("s3").put_object(Bucket="models", Key="links.tar.gz", Body=buffer.getvalue())

    unpack_model(
        cloud.client("s3"),
        ModelSpec("s3://models/links.tar.gz", ENVIRONMENT, "links", ROLE),
        tmp_path / "model",
    )

    assert (tmp_path / "model" / "latest.py").read_text() == "#"


def test_an_unknown_or_stopped_endpoint_is_a_validation_error(cloud: Cloud) -> None:
    cloud.host.deploy("gone", cloud.model("gone"))
    cloud.host.stop("gone")

    for name in ("never", "gone"):
        with pytest.raises(ClientError) as caught:
            invoke(cloud, name, "x")
        assert caught.value.response["Error"] == {
            "Code": "ValidationError",
            "Message": f"Endpoint {name} of account 123456789012 not found.",
        }


def test_a_body_of_more_than_six_megabytes_is_rejected(cloud: Cloud) -> None:
    cloud.host.deploy("large", cloud.model("large"))
    assert len(invoke(cloud, "large", b"x" * 6_291_456)["body"]) == 6_291_456

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "large", b"x" * 6_291_457)

    assert caught.value.response["OriginalStatusCode"] == 413


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
    host = EndpointHost(root_sessions(cloud.url, REGION), tmp_path)
    host.deploy("ends", cloud.model("ends"))
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
