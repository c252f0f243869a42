"""A Lambda function's zip runs for real: answers, errors, timeouts, logs, concurrency."""

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local_aws.lambda_runtime import FunctionSpec, LambdaRuntime, code_sha256

REGION = "eu-west-1"
HANDLER = """
import logging, os, sys, time
import boto3, aws_lambda_powertools
STARTED = time.time()
count = 0

def handler(event, context):
    global count
    count += 1
    print("seen", event, flush=True)
    if event.get("do") == "raise":
        raise ValueError("no such company")
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(event["seconds"])
    if event.get("do") == "large":
        return "x" * 6_400_000
    if event.get("do") == "s3":
        return [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    logging.getLogger().warning("half a line without an end")
    sys.stdout.write("unfinished")
    return {"count": count, "pid": os.getpid(), "answer": os.environ["ANSWER"],
            "name": context.function_name, "arn": context.invoked_function_arn,
            "remaining": context.get_remaining_time_in_millis(), "memory": context.memory_limit_in_mb,
            "foreign": os.environ.get("FOREIGN")}
"""


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def spec(text: str = HANDLER, name: str = "f", **changes: Any) -> FunctionSpec:
    code = zipped({"package/__init__.py": "", "package/handler.py": text})
    function = FunctionSpec(
        name=name,
        arn=f"arn:aws:lambda:{REGION}:123456789012:function:{name}",
        handler="package.handler.handler",
        code=code,
        code_sha256=code_sha256(code),
        timeout=20,
        memory=256,
        environment={"ANSWER": "42"},
    )
    return replace(function, **changes)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(url: str, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.fixture(scope="module")
def runtime(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaRuntime]:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    runtime = LambdaRuntime(lambda: environment, tmp_path_factory.mktemp("lambda"))
    yield runtime
    runtime.close()


def call(runtime: LambdaRuntime, function: FunctionSpec, event: dict[str, Any]) -> Any:
    answer = runtime.invoke(function, json.dumps(event).encode())
    return json.loads(answer.payload)


def test_a_function_answers_and_stays_warm(runtime: LambdaRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREIGN", "leaks")
    function = spec(name="warm")

    first = call(runtime, function, {})
    second = call(runtime, function, {})

    assert first["answer"] == "42"
    assert first["name"] == "warm"
    assert first["arn"] == function.arn
    assert first["memory"] == "256"
    assert 15_000 < first["remaining"] <= 20_000
    assert first["foreign"] is None
    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_boto3_in_a_function_reaches_local_aws(runtime: LambdaRuntime, url: str) -> None:
    client(url, "s3").create_bucket(
        Bucket="seen-by-lambda", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    assert "seen-by-lambda" in call(runtime, spec(name="boto"), {"do": "s3"})


def test_an_exception_is_reported_with_its_place(runtime: LambdaRuntime) -> None:
    answer = runtime.invoke(spec(name="raises"), b'{"do": "raise"}')

    document = json.loads(answer.payload)
    assert answer.error == "Unhandled"
    assert document["errorType"] == "ValueError"
    assert document["errorMessage"] == "no such company"
    assert "raise ValueError" in document["stackTrace"][-1]
    assert "[ERROR] ValueError: no such company" in answer.log
    assert "Error Type: ValueError" in answer.log


def test_the_log_has_the_frame_of_lambda_and_reaches_cloudwatch(runtime: LambdaRuntime, url: str) -> None:
    answer = runtime.invoke(spec(name="logs"), b"{}")

    lines = answer.log.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert "seen {}" in lines
    assert any("half a line without an end" in line for line in lines)
    assert "unfinished" in lines
    assert lines[-2].startswith("END RequestId: ")
    assert "Memory Size: 256 MB" in lines[-1]
    assert "Init Duration" in lines[-1]
    assert "Init Duration" not in runtime.invoke(spec(name="logs"), b"{}").log

    logs = client(url, "logs")
    events: list[str] = []
    deadline = time.monotonic() + 5
    while sum(line.startswith("REPORT") for line in events) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        if logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/logs")["logGroups"]:
            found = logs.filter_log_events(logGroupName="/aws/lambda/logs")["events"]
            events = [event["message"] for event in found]
    assert events[: len(lines)] == lines


def test_a_function_that_takes_too_long_is_ended(runtime: LambdaRuntime) -> None:
    function = spec(name="slow", timeout=1)
    before = call(runtime, function, {})["pid"]

    answer = runtime.invoke(function, b'{"do": "sleep", "seconds": 30}')

    document = json.loads(answer.payload)
    assert answer.error == "Unhandled"
    assert document["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert document["errorType"] == "Sandbox.Timedout"
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert call(runtime, function, {})["count"] == 1


def test_a_function_that_ends_its_process_is_an_exit_error(runtime: LambdaRuntime) -> None:
    function = spec(name="exits")

    answer = runtime.invoke(function, b'{"do": "exit"}')

    document = json.loads(answer.payload)
    assert document["errorType"] == "Runtime.ExitError"
    assert document["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert call(runtime, function, {})["count"] == 1


@pytest.mark.parametrize(
    ("text", "handler", "error_type", "message"),
    [
        ("import absent", "package.handler.handler", "Runtime.ImportModuleError", "No module named 'absent'"),
        ("def (", "package.handler.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
        ("", "package.handler.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing"),
        ("1 / 0", "package.handler.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_code_that_does_not_load_says_so(
    runtime: LambdaRuntime, text: str, handler: str, error_type: str, message: str
) -> None:
    answer = runtime.invoke(spec(text, name="broken", handler=handler), b"{}")

    document = json.loads(answer.payload)
    assert answer.error == "Unhandled"
    assert document["errorType"] == error_type
    assert message in document["errorMessage"]


def test_an_answer_beyond_six_megabytes_is_an_error(runtime: LambdaRuntime) -> None:
    answer = runtime.invoke(spec(name="large"), b'{"do": "large"}')
    assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"


def test_invocations_at_once_have_workers_of_their_own(runtime: LambdaRuntime) -> None:
    function = spec(name="parallel")
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(call(runtime, function, {"do": "sleep", "seconds": 2}))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["pid"] for answer in answers}) == 3


def test_new_code_or_variables_end_the_old_workers(runtime: LambdaRuntime) -> None:
    old = call(runtime, spec(name="changes"), {})

    changed = call(runtime, spec(HANDLER.replace("count += 1", "count += 10"), name="changes"), {})
    configured = call(runtime, spec(name="changes", environment={"ANSWER": "43"}), {})

    assert changed["count"] == 10
    assert configured["answer"] == "43"
    for pid in (old["pid"], changed["pid"]):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_closing_ends_busy_and_idle_workers(url: str, tmp_path: Path) -> None:
    runtime = LambdaRuntime(
        lambda: {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        },
        tmp_path,
    )
    idle = call(runtime, spec(name="closing"), {})["pid"]
    errors: list[Any] = []
    busy = threading.Thread(
        target=lambda: errors.append(call(runtime, spec(name="busy"), {"do": "sleep", "seconds": 30}))
    )
    busy.start()
    time.sleep(1.5)

    runtime.close()

    busy.join(timeout=5)
    assert errors[0]["errorType"] == "Runtime.ExitError"
    with pytest.raises(ProcessLookupError):
        os.kill(idle, 0)
    assert not (tmp_path / "functions").exists()
