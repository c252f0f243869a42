"""Invoking a function through boto3: answers, errors, events and their destinations."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import eventually
from support.local_aws.functions import EVENTS, REGION, client, create, zipped

from local_aws.functions.api import FunctionInvoker
from local_aws.functions.runtime import FunctionNotFoundError


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
    [message] = eventually(lambda: sqs.receive_message(QueueUrl=queue_url).get("Messages"))
    return json.loads(message["Body"])


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


def test_an_invocation_record_is_sent_to_a_function(url: str, functions: Any, tmp_path: Path) -> None:
    create(url, "first", EVENTS)
    record = tmp_path / "record"
    text = f"""
import json
def handler(event, context):
    with open({str(record)!r}, "w") as file:
        json.dump(event, file)
"""
    arn = create(url, "second", text)
    functions.put_function_event_invoke_config(
        FunctionName="first", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    event = {"file": str(tmp_path / "attempts"), "failures": 0}

    functions.invoke(FunctionName="first", InvocationType="Event", Payload=json.dumps(event))

    eventually(lambda: record.exists() and record.read_text().endswith("}"))
    found = json.loads(record.read_text())
    assert (found["responsePayload"], found["requestPayload"]) == ({"attempts": 1}, event)


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
