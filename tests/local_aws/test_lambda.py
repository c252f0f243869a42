"""Lambda functions run from their zip: answers, errors, timeouts, logs, concurrency."""

import base64
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from support.local_aws.cloud import eventually
from support.local_aws.functions import HANDLER, REGION, client, spec, zipped
from support.local_aws.sessions import root_sessions

from local_aws.functions.api import FunctionInvoker, install
from local_aws.functions.runtime import FunctionNotFoundError, FunctionSpec, LambdaRuntime
from local_aws.functions.worker import Worker


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def runtime(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaRuntime]:
    runtime = LambdaRuntime(root_sessions(url, REGION), tmp_path_factory.mktemp("lambda"))
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


def test_boto3_in_a_function_calls_local_aws(runtime: LambdaRuntime, url: str) -> None:
    client(url, "s3").create_bucket(
        Bucket="seen-by-lambda", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    assert "seen-by-lambda" in call(runtime, spec(name="boto"), {"do": "s3"})


def test_an_exception_is_reported_with_its_stack_trace(runtime: LambdaRuntime) -> None:
    answer = runtime.invoke(spec(name="raises"), b'{"do": "raise"}')

    document = json.loads(answer.payload)
    assert answer.error == "Unhandled"
    assert document["errorType"] == "ValueError"
    assert document["errorMessage"] == "no such company"
    assert "raise ValueError" in document["stackTrace"][-1]
    assert "[ERROR] ValueError: no such company" in answer.log
    assert "Error Type: ValueError" in answer.log


def test_the_log_has_lambdas_start_and_report_lines_and_is_shipped_to_cloudwatch(
    runtime: LambdaRuntime, url: str
) -> None:
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


def test_a_function_that_times_out_is_killed(runtime: LambdaRuntime) -> None:
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
def test_code_that_does_not_load_reports_the_error(
    runtime: LambdaRuntime, text: str, handler: str, error_type: str, message: str
) -> None:
    answer = runtime.invoke(spec(text, name="broken", handler=handler), b"{}")

    document = json.loads(answer.payload)
    assert answer.error == "Unhandled"
    assert document["errorType"] == error_type
    assert message in document["errorMessage"]


def test_an_answer_of_more_than_six_megabytes_is_an_error(runtime: LambdaRuntime) -> None:
    answer = runtime.invoke(spec(name="large"), b'{"do": "large"}')
    assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"


def test_concurrent_invocations_run_in_separate_workers(runtime: LambdaRuntime) -> None:
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
    runtime = LambdaRuntime(root_sessions(url, REGION), tmp_path)
    idle = call(runtime, spec(name="closing"), {})["pid"]
    call(runtime, spec(name="busy"), {})
    errors: list[Any] = []
    busy = threading.Thread(
        target=lambda: errors.append(call(runtime, spec(name="busy"), {"do": "sleep", "seconds": 30}))
    )
    busy.start()
    time.sleep(0.5)

    runtime.close()

    busy.join(timeout=5)
    assert errors[0]["errorType"] == "Runtime.ExitError"
    with pytest.raises(ProcessLookupError):
        os.kill(idle, 0)
    assert not (tmp_path / "functions").exists()


def test_a_worker_that_starts_during_closing_ends_too(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = LambdaRuntime(root_sessions(url, REGION), tmp_path)

    def inherited_environment() -> dict[str, str]:  # called while the worker is being created
        ending.close()
        return {}

    monkeypatch.setattr("local_aws.functions.runtime.inherited_environment", inherited_environment)
    with pytest.raises(RuntimeError, match="Local AWS is stopped; function late cannot be invoked"):
        call(ending, spec(name="late"), {})


# --- Invoke through boto3


EVENTS = """
import json, os, pathlib

def handler(event, context):
    with pathlib.Path(event["file"]).open("a") as file:
        file.write(context.aws_request_id + "\\n")
    attempts = len(pathlib.Path(event["file"]).read_text().splitlines())
    if attempts <= event["failures"]:
        raise ValueError(f"attempt {attempts}")
    return {"attempts": attempts}
"""


@pytest.fixture(scope="module")
def invoker(url: str, runtime: LambdaRuntime) -> Iterator[FunctionInvoker]:
    invoker = install(runtime, root_sessions(url, REGION), retry_seconds=(0.05, 0.1))
    yield invoker
    invoker.close()


@pytest.fixture(scope="module")
def functions(url: str, invoker: FunctionInvoker) -> Any:
    return client(url, "lambda")


def create(url: str, name: str, text: str = HANDLER, **arguments: Any) -> str:
    iam = client(url, "iam")
    role = f"role-of-{name}"
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    answer = client(url, "lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=arn,
        Handler="package.handler.handler",
        Code={"ZipFile": zipped({"package/__init__.py": "", "package/handler.py": text})},
        Timeout=20,
        Environment={"Variables": {"ANSWER": "42"}},
        **arguments,
    )
    return str(answer["FunctionArn"])


def test_invoke_runs_the_function(url: str, functions: Any) -> None:
    arn = create(url, "invoked")

    for name in ("invoked", arn):
        answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
        assert answer["StatusCode"] == 200
        assert "FunctionError" not in answer
        assert answer["ExecutedVersion"] == "$LATEST"
        assert json.loads(answer["Payload"].read())["answer"] == "42"
        log = base64.b64decode(answer["LogResult"]).decode()
        assert "seen {'a': 1}" in log
        assert "REPORT RequestId: " in log


def test_the_error_of_a_function_is_in_the_answer(url: str, functions: Any) -> None:
    create(url, "fails")
    answer = functions.invoke(FunctionName="fails", Payload=b'{"do": "raise"}')
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    assert "LogResult" not in answer


def test_the_next_invocation_runs_updated_code(url: str, functions: Any) -> None:
    create(url, "updated")
    functions.invoke(FunctionName="updated")
    text = "def handler(event, context): return 'new'"
    functions.update_function_code(FunctionName="updated", ZipFile=zipped({"package/handler.py": text}))
    assert functions.invoke(FunctionName="updated")["Payload"].read() == b'"new"'


LAZY = """
import pathlib, time

def handler(event, context):
    pathlib.Path(event["begun"]).touch()
    while not pathlib.Path(event["updated"]).exists():
        time.sleep(0.01)
    from package import late
    return [late.SAYS, __file__]
"""


def test_old_code_is_removed_after_its_last_request(runtime: LambdaRuntime, tmp_path: Path) -> None:
    # GIVEN a running request that imports a module of the function after its code is updated
    begun, updated = tmp_path / "begun", tmp_path / "updated"
    files = {"package/__init__.py": "", "package/handler.py": LAZY, "package/late.py": "SAYS = 'old'"}
    old = spec(name="lazy", code=zipped(files), code_sha256="old")
    answers = []
    event = {"begun": str(begun), "updated": str(updated)}
    thread = threading.Thread(target=lambda: answers.append(call(runtime, old, event)))
    thread.start()
    eventually(begun.exists)

    # WHEN the new code is invoked during that request
    new = spec("def handler(event, context): return __file__", name="lazy", code_sha256="new")
    new_file = call(runtime, new, {})
    updated.touch()
    thread.join()

    # THEN the old code answers the old request and is removed afterwards
    says, old_file = answers[0]
    assert says == "old"
    assert not Path(old_file).exists()
    assert Path(new_file).exists()


def test_a_dry_run_runs_nothing(url: str, functions: Any, tmp_path: Path) -> None:
    create(url, "dry", EVENTS)
    event = json.dumps({"file": str(tmp_path / "attempts"), "failures": 0})
    assert functions.invoke(FunctionName="dry", InvocationType="DryRun", Payload=event)["StatusCode"] == 204
    assert not (tmp_path / "attempts").exists()


def test_invalid_invocations_are_rejected(url: str, functions: Any, invoker: FunctionInvoker) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Function not found"):
        functions.invoke(FunctionName="never-created")
    with pytest.raises(FunctionNotFoundError):
        invoker.invoke_arn(f"arn:aws:lambda:{REGION}:123456789012:function:never-created", b"{}")
    create(url, "strict")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName="strict", Payload=b"{not json")
    with pytest.raises(ClientError, match="RequestEntityTooLargeException"):
        functions.invoke(
            FunctionName="strict", InvocationType="Event", Payload=json.dumps("x" * 1_048_577).encode()
        )


def received(url: str, queue_url: str) -> Any:
    sqs = client(url, "sqs")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue_url).get("Messages")
        if messages:
            return json.loads(messages[0]["Body"])
        time.sleep(0.05)
    raise AssertionError("no record arrived")


@pytest.mark.parametrize(
    ("failures", "retries", "attempts", "condition"),
    [
        (0, 2, 1, "Success"),
        (2, 2, 3, "Success"),
        (9, 2, 3, "RetriesExhausted"),
        (9, 0, 1, "RetriesExhausted"),
    ],
)
def test_an_event_is_retried_and_its_result_is_recorded(
    url: str,
    functions: Any,
    tmp_path: Path,
    failures: int,
    retries: int,
    attempts: int,
    condition: str,
) -> None:
    name = f"event-{failures}-{retries}"
    arn = create(url, name, EVENTS)
    queue_url = client(url, "sqs").create_queue(QueueName=name)["QueueUrl"]
    destination = {"Destination": f"arn:aws:sqs:{REGION}:123456789012:{name}"}
    functions.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=retries,
        DestinationConfig={"OnSuccess": destination, "OnFailure": destination},
    )
    event = {"file": str(tmp_path / "attempts"), "failures": failures}

    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))

    assert answer["StatusCode"] == 202
    record = received(url, queue_url)
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["approximateInvokeCount"] == attempts
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestPayload"] == event
    ids = (tmp_path / "attempts").read_text().splitlines()
    assert ids == [answer["ResponseMetadata"]["RequestId"]] * attempts
    assert record["requestContext"]["requestId"] == ids[0]
    if condition == "Success":
        assert record["responsePayload"] == {"attempts": attempts}
        assert "functionError" not in record["responseContext"]
    else:
        assert record["responsePayload"]["errorMessage"] == f"attempt {attempts}"
        assert record["responseContext"]["functionError"] == "Unhandled"


def test_an_invocation_record_is_sent_to_a_topic(url: str, functions: Any, tmp_path: Path) -> None:
    create(url, "to-topic", EVENTS)
    queue_url = client(url, "sqs").create_queue(QueueName="behind-topic")["QueueUrl"]
    topic = client(url, "sns").create_topic(Name="records")["TopicArn"]
    client(url, "sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:behind-topic"
    )
    functions.put_function_event_invoke_config(
        FunctionName="to-topic", DestinationConfig={"OnSuccess": {"Destination": topic}}
    )
    event = {"file": str(tmp_path / "attempts"), "failures": 0}

    functions.invoke(FunctionName="to-topic", InvocationType="Event", Payload=json.dumps(event))

    record = json.loads(received(url, queue_url)["Message"])
    assert record["requestContext"]["condition"] == "Success"


def test_a_worker_closed_during_a_request_still_returns_its_output(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("print('loaded', flush=True)\ndef handler(event, context): pass\n")
    worker = Worker("handler.handler", tmp_path, {"PATH": os.environ["PATH"]})
    worker.close()
    assert worker.take_lines() == ["loaded"]


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "a\nb"])
def test_a_name_that_is_not_a_function_name_is_refused(url: str, functions: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        create(url, name)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "Member must satisfy regular expression pattern" in str(caught.value)
    assert not [each for each in functions.list_functions()["Functions"] if each["FunctionName"] == name]


@pytest.mark.parametrize("code", [b"not a zip", b"", b"PK\x03\x04"])
def test_code_that_is_not_a_zip_archive_is_refused(url: str, functions: Any, code: bytes) -> None:
    create(url, name := f"zip-{code.hex()}")
    with pytest.raises(ClientError, match="Could not unzip uploaded file") as caught:
        functions.update_function_code(FunctionName=name, ZipFile=code)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        functions.create_function(
            FunctionName="other",
            Role="arn:aws:iam::123456789012:role/role-of-invoked",
            Runtime="python3.13",
            Handler="a.b",
            Code={"ZipFile": code},
        )
    assert functions.invoke(FunctionName=name, Payload=b"{}")["StatusCode"] == 200


def test_code_of_very_many_files_is_refused_at_once(url: str, functions: Any) -> None:
    create(url, "many")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(str(number), b"")
    started = time.process_time()
    with pytest.raises(ClientError, match="It has more than 20,000 entries"):
        functions.update_function_code(FunctionName="many", ZipFile=packed.getvalue())
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("action", ["create_function", "update_function_code"])
def test_code_in_s3_is_checked_as_well(url: str, functions: Any, action: str) -> None:
    create(url, f"checked-{action}")
    s3, bucket = client(url, "s3"), f"code-of-{action.replace('_', '-')}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="code.zip", Body=b"not a zip")
    code = {"S3Bucket": bucket, "S3Key": "code.zip"}
    request = {
        "create_function": {
            "FunctionName": "from-s3",
            "Role": "arn:aws:iam::123456789012:role/role-of-invoked",
            "Runtime": "python3.13",
            "Handler": "a.b",
            "Code": code,
        },
        "update_function_code": {"FunctionName": f"checked-{action}", **code},
    }[action]
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        getattr(functions, action)(**request)


def test_code_that_unpacks_to_more_than_lambda_allows_is_refused(url: str, functions: Any) -> None:
    create(url, "bomb")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.py", bytes(100_000_000))
    with pytest.raises(ClientError, match="Unzipped size must be smaller than 262144000 bytes"):
        functions.update_function_code(FunctionName="bomb", ZipFile=packed.getvalue())
