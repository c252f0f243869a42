"""Batch transform on local AWS, with real containers, through boto3."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import BUCKET, ROLE, Cloud, eventually

# Doubles the numbers of each line and answers in the accepted type; invalid input is answered with 400.
SERVE = """
import json, os
from werkzeug.wrappers import Response

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    text = body if isinstance(body, str) else body.decode()
    try:
        if content_type == "text/csv":
            return [[float(cell) for cell in line.split(",")] for line in text.splitlines()]
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return None

def predict_fn(rows, model):
    if rows is None:
        return None
    if rows[0] == [0.0]:
        raise RuntimeError("zero is beyond me")
    return [[2 * number for number in row] for row in rows]

def output_fn(rows, accept):
    if rows is None:
        return Response("not a number", status=400)
    if accept == "text/csv":
        return "".join(",".join(map(str, [len(rows), *row])) + "\\n" for row in rows), accept
    if accept == "text/plain":
        return os.environ["SAGEMAKER_BATCH_STRATEGY"] + os.environ["WORD"], accept
    return "".join(json.dumps({"twice": row}) + "\\n" for row in rows), accept

def execution_parameters_fn():
    if os.environ.get("WORD") == "no plan":
        return ["no", "plan"]
    return {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 3}
"""
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
ENDED = {"Completed", "Failed", "Stopped"}


@pytest.fixture
def model(cloud: Cloud) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/serve.py")
        member.size = len(SERVE)
        archive.addfile(member, io.BytesIO(SERVE.encode()))
    url = cloud.put("models/model.tar.gz", packed.getvalue())
    container = {"Image": "image", "ModelDataUrl": url, "Environment": ENVIRONMENT}
    cloud.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    return "m"


def request(name: str = "job", **changes: Any) -> dict[str, Any]:
    """Return a request for CSV lines; `changes` replace members, `In` and `Out` add to input and output."""
    source = {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}},
        "ContentType": "text/csv",
        "SplitType": "Line",
        **changes.pop("In", {}),
    }
    output = {
        "S3OutputPath": f"s3://{BUCKET}/out",
        "Accept": "text/csv",
        "AssembleWith": "Line",
        **changes.pop("Out", {}),
    }
    return {
        "TransformJobName": name,
        "ModelName": "m",
        "TransformInput": source,
        "TransformOutput": output,
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


def ended(cloud: Cloud, name: str = "job") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = cloud.sagemaker.describe_transform_job(TransformJobName=name)
        return found if found["TransformJobStatus"] in ENDED else None

    return eventually(look)


def run(cloud: Cloud, **changes: Any) -> dict[str, Any]:
    cloud.sagemaker.create_transform_job(**request(**changes))
    return ended(cloud)


def results(cloud: Cloud) -> dict[str, str]:
    listed = cloud.s3.list_objects_v2(Bucket=BUCKET, Prefix="out/").get("Contents", [])
    return {each["Key"].removeprefix("out/"): cloud.get(each["Key"]).decode() for each in listed}


def data_log(cloud: Cloud, last: str) -> str:
    """Return the job's data log as soon as it ends with `last`."""

    def look() -> str | None:
        try:
            group = "/aws/sagemaker/TransformJobs"
            streams = cloud.logs.describe_log_streams(logGroupName=group)["logStreams"]
            names = [s["logStreamName"] for s in streams if s["logStreamName"].endswith("/data-log")]
            events = cloud.logs.get_log_events(logGroupName=group, logStreamName=names[0])["events"]
        except (cloud.logs.exceptions.ResourceNotFoundException, IndexError):
            return None
        text = "\n".join(each["message"] for each in events)
        return text if text.endswith(last) else None

    return eventually(look)


@pytest.mark.usefixtures("model")
def test_each_object_of_the_prefix_gets_its_results_in_order(cloud: Cloud) -> None:
    # GIVEN two gzip objects, and a job that filters its input and joins results to it
    cloud.put("in/b/second.csv", gzip.compress(b'"a, b",1,2\r\nc,3,4'))
    cloud.put("in/first.csv", gzip.compress(b"d,5,6\ne,7,8\n"))
    queue = cloud.sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = json.dumps({"source": ["aws.sagemaker"], "detail": {"TransformJobStatus": ["Completed"]}})
    cloud.events.put_rule(Name="r", EventPattern=pattern)
    cloud.events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn["QueueArn"]}])
    described = run(
        cloud,
        In={"CompressionType": "Gzip"},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,3:]"},
        BatchStrategy="MultiRecord",
        MaxPayloadInMB=1,
        MaxConcurrentTransforms=4,
    )
    # THEN each object has an .out object with its results in the order of its lines
    assert described["TransformJobStatus"] == "Completed", described
    assert results(cloud) == {
        "b/second.csv.out": '"a, b",2,2.0,4.0\nc,2,6.0,8.0\n',
        "first.csv.out": "d,2,10.0,12.0\ne,2,14.0,16.0\n",
    }
    # AND the description, the list, the log and an event show the completed job
    assert described["CreationTime"] <= described["TransformStartTime"] <= described["TransformEndTime"]
    assert "FailureReason" not in described
    listed = cloud.sagemaker.list_transform_jobs(StatusEquals="Completed", NameContains="jo")
    assert [each["TransformJobName"] for each in listed["TransformJobSummaries"]] == ["job"]
    assert "BatchStrategy=MULTI_RECORD" in data_log(
        cloud, "MaxConcurrentTransforms=4, MaxPayloadInMB=1, BatchStrategy=MULTI_RECORD"
    )
    message = eventually(lambda: cloud.sqs.receive_message(QueueUrl=queue).get("Messages"))[0]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "SageMaker Transform Job State Change"
    assert event["detail"]["TransformJobName"] == "job"


@pytest.mark.usefixtures("model")
def test_the_container_sets_the_strategy_that_the_request_leaves_open(cloud: Cloud) -> None:
    # GIVEN a request without strategy, payload and concurrency
    cloud.put("in/x.jsonl", '{"id": "é", "data": [1]}\n{"id": "b", "data": [2]}\n')
    described = run(
        cloud,
        In={"ContentType": "application/jsonlines"},
        Out={"Accept": "application/jsonlines"},
        DataProcessing={
            "InputFilter": "$.data",
            "JoinSource": "Input",
            "OutputFilter": "$['id','SageMakerOutput']",
        },
    )
    assert described["TransformJobStatus"] == "Completed", described
    lines = [json.loads(line) for line in results(cloud)["x.jsonl.out"].splitlines()]
    assert lines == [
        {"id": "é", "SageMakerOutput": {"twice": [2]}},
        {"id": "b", "SageMakerOutput": {"twice": [4]}},
    ]
    data_log(cloud, "MaxConcurrentTransforms=2, MaxPayloadInMB=3, BatchStrategy=SINGLE_RECORD")


@pytest.mark.usefixtures("model")
def test_an_object_that_the_container_rejects_fails_the_job_but_other_objects_get_results(
    cloud: Cloud,
) -> None:
    cloud.put("in/a.csv", "1\nword\n")
    cloud.put("in/b.csv", "0")
    cloud.put("in/c.csv", "1\n")
    described = run(cloud, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    assert results(cloud) == {"c.csv.out": "1,2.0\n"}
    eventually(lambda: "b.csv: Bad HTTP status received from algorithm: 500" in data_log(cloud, ""))
    assert f"{BUCKET}/in/a.csv: ClientError: 400" in data_log(cloud, "")
    assert f"{BUCKET}/in/a.csv: not a number" in data_log(cloud, "")


@pytest.mark.usefixtures("model")
def test_a_damaged_gzip_object_fails_the_job_but_other_objects_get_results(cloud: Cloud) -> None:
    # GIVEN two gzip objects, one of them damaged in the middle
    damaged = bytearray(gzip.compress(b"".join(b"%d\n" % number for number in range(5000))))
    damaged[100:400] = b"\xff" * 300
    cloud.put("in/a.csv", bytes(damaged))
    cloud.put("in/b.csv", gzip.compress(b"1\n"))
    # WHEN they are transformed
    described = run(cloud, In={"CompressionType": "Gzip"})
    # THEN the job has failed, and the other object has its results
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    assert results(cloud) == {"b.csv.out": "1,2.0\n"}


@pytest.mark.usefixtures("model")
def test_records_that_are_too_large_or_lack_a_field_are_logged(cloud: Cloud) -> None:
    cloud.put("in/a.csv", "1" * 1_100_000)
    cloud.put("in/b.csv", "1")
    described = run(cloud, MaxPayloadInMB=1, DataProcessing={"InputFilter": "$[5]"})
    assert described["TransformJobStatus"] == "Failed"
    assert results(cloud) == {}
    eventually(lambda: "b.csv: The filter $[5] finds nothing in a record." in data_log(cloud, ""))
    assert "a.csv: Record 1 has 1100000 bytes, more than MaxPayloadInMB allows" in data_log(cloud, "")


@pytest.mark.usefixtures("model")
def test_without_splitting_whole_objects_are_sent(cloud: Cloud) -> None:
    cloud.put("in/x.csv", "1\n2\n")
    described = run(
        cloud,
        In={"SplitType": "None"},
        Out={"Accept": "text/plain", "AssembleWith": "None"},
        BatchStrategy="SingleRecord",
        Environment={"WORD": " it is"},
    )
    assert described["TransformJobStatus"] == "Completed", described
    assert results(cloud) == {"x.csv.out": "SINGLE_RECORD it is"}


@pytest.mark.usefixtures("model")
def test_invalid_execution_parameters_fail_the_job(cloud: Cloud) -> None:
    cloud.put("in/x.csv", "1\n")
    described = run(cloud, Environment={"WORD": "no plan"})
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"].startswith("AlgorithmError: The container's answer to GET /execution-p")


@pytest.mark.usefixtures("model")
def test_a_job_can_be_stopped(cloud: Cloud) -> None:
    cloud.put("in/x.csv", "1\n" * 200_000)
    cloud.sagemaker.create_transform_job(**request(BatchStrategy="SingleRecord", MaxConcurrentTransforms=1))
    eventually(
        lambda: cloud.sagemaker.describe_transform_job(TransformJobName="job").get("TransformStartTime")
    )
    cloud.sagemaker.stop_transform_job(TransformJobName="job")
    assert ended(cloud)["TransformJobStatus"] == "Stopped"
    assert results(cloud) == {}
    with pytest.raises(ClientError, match="in status Stopped"):
        cloud.sagemaker.stop_transform_job(TransformJobName="job")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"ModelName": "none"}, "ValidationException", "Could not find model"),
        ({"DataProcessing": {"InputFilter": "$..x"}}, "ValidationException", "not a JSONPath"),
        (
            {"In": {"SplitType": "None"}, "DataProcessing": {"InputFilter": "$[0]"}},
            "ValidationException",
            "Line",
        ),
        (
            {"Out": {"Accept": "application/json"}, "DataProcessing": {"JoinSource": "Input"}},
            "ValidationException",
            "both",
        ),
        ({"In": {"SplitType": "RecordIO"}}, "NotImplemented", "CreateTransformJob (SplitType RecordIO)"),
        (
            {"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}},
            "NotImplemented",
            "CreateTransformJob (DataCaptureConfig)",
        ),
    ],
)
def test_unsupported_requests_are_rejected(
    cloud: Cloud, changes: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as rejected:
        cloud.sagemaker.create_transform_job(**request(**changes))
    assert rejected.value.response["Error"]["Code"] == code
    assert message in rejected.value.response["Error"]["Message"]


def test_a_job_without_input_objects_fails(cloud: Cloud, model: str) -> None:
    described = run(cloud, ModelName=model)
    assert described["TransformJobStatus"] == "Failed"
    assert f'No S3 objects found under S3 URL "s3://{BUCKET}/in/"' in described["FailureReason"]
    with pytest.raises(ClientError, match="Job name must be unique"):
        cloud.sagemaker.create_transform_job(**request())
