"""A function runs from its zip: answers, errors, timeouts, logs, and its workers."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.local_aws.cloud import eventually
from support.local_aws.functions import HANDLER, REGION, call, client, spec, zipped
from support.local_aws.sessions import root_sessions

from local_aws.base.metrics import Metrics
from local_aws.functions.runtime import LambdaRuntime
from local_aws.functions.worker import Worker


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

    def both() -> list[str] | None:
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/logs")["logGroups"]:
            return None
        events = logs.filter_log_events(logGroupName="/aws/lambda/logs")["events"]
        messages = [event["message"] for event in events]
        return messages if sum(line.startswith("REPORT") for line in messages) == 2 else None

    assert eventually(both)[: len(lines)] == lines


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
    runtime = LambdaRuntime(root_sessions(url, REGION), tmp_path, Metrics())
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
    ending = LambdaRuntime(root_sessions(url, REGION), tmp_path, Metrics())

    def child_environment(_folder: Path) -> dict[str, str]:  # called while the worker is being created
        ending.close()
        return {}

    monkeypatch.setattr("local_aws.functions.runtime.child_environment", child_environment)
    with pytest.raises(RuntimeError, match="Local AWS is stopped; function late cannot be invoked"):
        call(ending, spec(name="late"), {})


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


def test_a_worker_closed_during_a_request_still_returns_its_output(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("print('loaded', flush=True)\ndef handler(event, context): pass\n")
    worker = Worker("handler.handler", tmp_path, {"PATH": os.environ["PATH"]})
    worker.close()
    assert worker.take_lines() == ["loaded"]
