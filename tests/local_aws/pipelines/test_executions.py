"""Pipeline executions on local AWS, through boto3."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import (
    BUCKET,
    OUT,
    ROLE,
    WRITE,
    Cloud,
    eventually,
    out_uri,
    processing,
    training_request,
)

from local_aws.base import clock


def test_the_end_of_an_execution_is_counted(cloud: Cloud) -> None:
    fails = cloud.put_script("fails", "raise SystemExit(1)")
    cloud.finish(cloud.start([processing("Step", fails, [OUT])]))
    end = clock.now() + timedelta(minutes=1)
    (found,) = cloud.cloudwatch.get_metric_statistics(
        Namespace="AWS/Sagemaker/ModelBuildingPipeline",
        MetricName="ExecutionFailed",
        Dimensions=[{"Name": "PipelineName", "Value": "p"}],
        StartTime=end - timedelta(minutes=10),
        EndTime=end,
        Period=600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert found["Sum"] == 1.0


def test_parameters_and_outputs_reach_the_steps_that_refer_to_them(cloud: Cloud) -> None:
    # GIVEN a step that writes a parameter, and a step that copies the output of the first
    write = cloud.put_script("write", WRITE)
    copy = cloud.put_script(
        "copy",
        "import os, pathlib, sys\n"
        "base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "text = (base / 'processing/input/first/result.json').read_text()\n"
        "pathlib.Path(sys.argv[1], 'copied').write_text(text + sys.argv[2])\n",
    )
    joined = {"Std:Join": {"On": "-", "Values": [{"Get": "Parameters.Word"}, {"Get": "Parameters.Count"}]}}
    steps = [
        processing("Second", copy, [OUT, {"Get": "Execution.PipelineName"}], {"first": out_uri("First")}),
        processing("First", write, [OUT, joined]),
    ]
    declared = [
        {"Name": "Word", "Type": "String", "DefaultValue": "hello"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    ]
    # WHEN the pipeline runs with one parameter set
    execution = cloud.start(steps, declared=declared, values={"Count": "7"})
    # THEN it succeeds, the steps ran in order, and the values arrived
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert cloud.get("runs/First/result.json") == b"hello-7"
    assert cloud.get("runs/Second/copied") == b"hello-7p"
    listed = cloud.sagemaker.list_pipeline_execution_steps(
        PipelineExecutionArn=execution, SortOrder="Ascending"
    )["PipelineExecutionSteps"]
    assert [each["StepName"] for each in listed] == ["First", "Second"]
    job = listed[0]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
    execution_id = execution.rsplit("/", 1)[-1]
    assert job.startswith(f"pipelines-{execution_id}-First-")
    parameters = cloud.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)
    assert parameters["PipelineParameters"] == [
        {"Name": "Word", "Value": "hello"},
        {"Name": "Count", "Value": "7"},
    ]


def test_independent_steps_run_in_parallel(cloud: Cloud) -> None:
    code = cloud.put_script("sleep", "import time; time.sleep(1)")
    execution = cloud.start([processing("A", code), processing("B", code)])
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded"
    a, b = cloud.steps(execution)["A"], cloud.steps(execution)["B"]
    assert a["StartTime"] < b["EndTime"]
    assert b["StartTime"] < a["EndTime"]


def test_depends_on_orders_steps_without_data(cloud: Cloud) -> None:
    code = cloud.put_script("write", WRITE)
    steps = [
        processing("Late", code, [OUT, "x"], DependsOn=["Early"]),
        processing("Early", code, [OUT, "x"]),
    ]
    execution = cloud.start(steps)
    cloud.finish(execution)
    found = cloud.steps(execution)
    assert found["Early"]["EndTime"] <= found["Late"]["StartTime"]


def test_a_failing_job_gives_its_reason_and_stops_later_steps(cloud: Cloud) -> None:
    bad = cloud.put_script(
        "bad",
        "import os, pathlib, sys\n"
        "out = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'], 'output')\n"
        "(out / 'message').write_text('Column Debt holds text in row 7.')\n"
        "sys.exit(1)",
    )
    steps = [processing("Bad", bad), processing("Next", bad, inputs={"x": out_uri("Bad")})]
    execution = cloud.start(steps)
    ended = cloud.finish(execution)
    assert ended["PipelineExecutionStatus"] == "Failed"
    found = cloud.steps(execution)
    assert found["Bad"]["FailureReason"] == (
        "ClientError: AlgorithmError: Column Debt holds text in row 7, exit code: 1"
    )
    assert "Next" not in found
    summary = cloud.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"][0]
    assert summary["PipelineExecutionStatus"] == "Failed"
    assert summary["PipelineExecutionFailureReason"] == "Step failure: One or multiple steps failed."


def test_a_retry_runs_failed_steps_and_keeps_successful_ones(cloud: Cloud) -> None:
    # GIVEN an execution whose second step fails because an object is missing
    good = cloud.put_script("write", WRITE)
    steps = [
        processing("Good", good, [OUT, "x"]),
        processing("Needy", good, [OUT, "y"], {"late": f"s3://{BUCKET}/late/"}, DependsOn=["Good"]),
    ]
    execution = cloud.start(steps)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Failed"
    first = cloud.steps(execution)
    assert "No S3 objects found" in first["Needy"]["FailureReason"]
    # WHEN the object is uploaded and the execution is retried
    cloud.put("late/object", b"1")
    cloud.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    ended = cloud.finish(execution)
    # THEN it succeeds without running the first step again
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert "FailureReason" not in ended
    second = cloud.steps(execution)
    assert second["Good"]["Metadata"] == first["Good"]["Metadata"]
    assert second["Needy"]["StepStatus"] == "Succeeded"
    with pytest.raises(ClientError, match="only one that is Failed or Stopped can be retried"):
        cloud.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)


def test_an_execution_that_ended_in_a_fail_step_cannot_be_retried(cloud: Cloud) -> None:
    execution = cloud.start([{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}])
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Failed"
    with pytest.raises(ClientError, match="not after a Fail step") as caught:
        cloud.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_stopping_an_execution_stops_its_job_and_starts_no_other_step(cloud: Cloud) -> None:
    slow = cloud.put_script("slow", "import time; time.sleep(60)")
    steps = [processing("Slow", slow), processing("After", slow, inputs={"x": out_uri("Slow")})]
    execution = cloud.start(steps)

    def job_name() -> str | None:
        step = cloud.steps(execution).get("Slow", {})
        arn = step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn")
        return arn.rsplit("/", 1)[-1] if arn else None

    job = eventually(job_name)
    time.sleep(0.3)
    began = time.monotonic()
    cloud.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Stopped"
    assert time.monotonic() - began < 5
    found = cloud.steps(execution)
    assert found["Slow"]["StepStatus"] == "Stopped"
    assert "After" not in found
    described = cloud.sagemaker.describe_processing_job(ProcessingJobName=job)
    assert described["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="only one that is Executing can be stopped"):
        cloud.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)


def cached(step: dict[str, Any], expires: str = "30d") -> dict[str, Any]:
    return {**step, "CacheConfig": {"Enabled": True, "ExpireAfter": expires}}


def test_an_unchanged_step_is_taken_from_the_cache(cloud: Cloud) -> None:
    # GIVEN a cached step whose output URI differs in each execution, and a step that uses its output
    code = cloud.put_script("write", WRITE)
    output_uri = {
        "Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}/runs", {"Get": "Execution.PipelineExecutionId"}]}
    }
    first = processing("First", code, [OUT, "x"])
    first["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = output_uri
    second = processing("Second", code, [OUT, "y"], {"x": out_uri("First")})
    one = cloud.start([cached(first), cached(second)])
    assert cloud.finish(one)["PipelineExecutionStatus"] == "Succeeded"
    # WHEN it runs again
    two = cloud.start([cached(first), cached(second)])
    assert cloud.finish(two)["PipelineExecutionStatus"] == "Succeeded"
    # THEN both steps are cache hits, because the second step's input is the first execution's output
    for step in ("First", "Second"):
        found = cloud.steps(two)[step]
        assert found["CacheHitResult"] == {"SourcePipelineExecutionArn": one}
        assert found["Metadata"] == cloud.steps(one)[step]["Metadata"]
    assert len(cloud.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 2
    # AND a changed argument reruns its step, but not the other step
    second["Arguments"]["AppSpecification"]["ContainerArguments"] = [OUT, "z"]
    three = cloud.start([cached(first), cached(second)])
    cloud.finish(three)
    assert cloud.steps(three)["First"]["CacheHitResult"] == {"SourcePipelineExecutionArn": one}
    assert "CacheHitResult" not in cloud.steps(three)["Second"]


def test_expired_and_failed_steps_are_not_cache_hits(cloud: Cloud) -> None:
    code = cloud.put_script("write", WRITE)
    step = processing("First", code, [OUT, "x"])
    cloud.finish(cloud.start([cached(step)]))
    time.sleep(1.1)
    again = cloud.start([cached(step, "PT1S")])
    cloud.finish(again)
    assert "CacheHitResult" not in cloud.steps(again)["First"]
    uncached = cloud.start([step])
    cloud.finish(uncached)
    assert "CacheHitResult" not in cloud.steps(uncached)["First"]


def test_the_model_of_a_training_step_is_an_input_of_the_next_step(cloud: Cloud) -> None:
    code = cloud.put_script(
        "train", "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'm').write_text('model')"
    )
    train = {"Name": "Train", "Type": "Training", "Arguments": training_request(code, {}, {})}
    look = cloud.put_script(
        "look",
        "import os, pathlib, sys\n"
        "base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'], 'processing/input/model')\n"
        "pathlib.Path(sys.argv[1], 'names').write_text(' '.join(each.name for each in base.iterdir()))",
    )
    artifact = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    execution = cloud.start([train, processing("Look", look, [OUT], {"model": artifact})])
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded", cloud.steps(execution)
    assert cloud.get("runs/Look/names") == b"model.tar.gz"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Other": "1"}, "Unknown parameters: Other. The pipeline declares: Count, Kind, Needed."),
        ({"Count": "many", "Needed": "1"}, "Parameter Count must be of type Integer, not 'many'."),
        ({"Kind": "c", "Needed": "1"}, "Parameter Kind is 'c'; allowed are a, b."),
        ({}, "Parameter Needed has no default value; set it in PipelineParameters."),
    ],
)
def test_parameters_are_checked_before_anything_starts(
    cloud: Cloud, values: dict[str, str], message: str
) -> None:
    declared = [
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
        {"Name": "Kind", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
        {"Name": "Needed", "Type": "String"},
    ]
    step = processing("A", f"s3://{BUCKET}/code/none/")
    with pytest.raises(ClientError) as caught:
        cloud.start([step], declared=declared, values=values)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": message}
    assert cloud.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"] == []


def test_the_same_token_starts_one_execution(cloud: Cloud) -> None:
    code = cloud.put_script("write", WRITE)
    first = cloud.start([processing("A", code, [OUT, "x"])])
    arn = cloud.sagemaker.describe_pipeline(PipelineName="p")["PipelineArn"]
    token = "t" * 32
    one = cloud.sagemaker.start_pipeline_execution(PipelineName=arn, ClientRequestToken=token)
    two = cloud.sagemaker.start_pipeline_execution(PipelineName="p", ClientRequestToken=token)
    assert one["PipelineExecutionArn"] == two["PipelineExecutionArn"] != first
    listed = cloud.sagemaker.list_pipeline_executions(PipelineName=arn)["PipelineExecutionSummaries"]
    assert [each["PipelineExecutionArn"] for each in listed] == [one["PipelineExecutionArn"], first]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{not json", "The pipeline definition is not JSON"),
        ('{"Version": "2020-12-01", "Steps": []}', "Steps is empty; a pipeline needs at least one step."),
        (
            '{"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Lambda", "Arguments": {}}]}',
            "Step 'A' has type 'Lambda'; local AWS runs Processing, Training,",
        ),
        (
            '{"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Fail", "DependsOn": ["B"],'
            ' "Arguments": {"ErrorMessage": {"Get": "Parameters.X"}}}]}',
            "Step 'A' refers to step 'B', which does not exist. Step 'A' uses the undeclared parameter 'X'.",
        ),
    ],
)
def test_an_invalid_definition_is_rejected(cloud: Cloud, definition: str, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition, RoleArn=ROLE)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]


def test_a_definition_can_come_from_s3(cloud: Cloud) -> None:
    step = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    cloud.put("definition.json", json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    location = {"Bucket": BUCKET, "ObjectKey": "definition.json"}
    cloud.sagemaker.create_pipeline(PipelineName="p", PipelineDefinitionS3Location=location, RoleArn=ROLE)
    described = cloud.sagemaker.describe_pipeline(PipelineName="p")
    assert json.loads(described["PipelineDefinition"])["Steps"] == [step]


def test_unknown_pipelines_and_executions_are_rejected(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.sagemaker.start_pipeline_execution(PipelineName="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/abc"
    with pytest.raises(ClientError) as caught:
        cloud.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_the_number_of_parallel_steps_is_limited(cloud: Cloud) -> None:
    code = cloud.put_script("sleep", "import time; time.sleep(0.3)")
    cloud.finish(cloud.start([processing("A", code), processing("B", code)]))
    execution = cloud.sagemaker.start_pipeline_execution(
        PipelineName="p", ParallelismConfiguration={"MaxParallelExecutionSteps": 1}
    )["PipelineExecutionArn"]
    cloud.finish(execution)
    first, second = sorted(cloud.steps(execution).values(), key=lambda each: each["StartTime"])
    assert first["EndTime"] <= second["StartTime"]


def test_search_finds_the_executions_that_are_listed(cloud: Cloud) -> None:
    fail = [{"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}]
    started = [cloud.start(fail) for _ in range(3)]
    for execution in started:
        cloud.finish(execution)

    def search(**request: Any) -> list[str]:
        found = cloud.sagemaker.search(Resource="PipelineExecution", **request)["Results"]
        return [each["PipelineExecution"]["PipelineExecutionArn"] for each in found]

    def where(name: str, value: str, operator: str = "Equals") -> dict[str, Any]:
        return {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}

    listed = cloud.sagemaker.list_pipeline_executions(PipelineName="p")["PipelineExecutionSummaries"]
    assert sorted(search()) == sorted(each["PipelineExecutionArn"] for each in listed) == sorted(started)
    assert search(SortBy="CreationTime", SortOrder="Ascending", MaxResults=2) == started[:2]
    assert search(SearchExpression=where("PipelineExecutionArn", started[1])) == [started[1]]
    assert search(SearchExpression=where("PipelineExecutionStatus", "Succeeded")) == []
    assert len(search(SearchExpression=where("PipelineExecutionStatus", "Succeeded,Failed", "In"))) == 3
    with pytest.raises(ClientError, match="Unknown property name: Colour"):
        search(SearchExpression=where("Colour", "red"))
    with pytest.raises(ClientError, match="with the operator GreaterThan"):
        search(SearchExpression=where("CreationTime", "2026-01-01", "GreaterThan"))
    with pytest.raises(ClientError, match=r"sagemaker: Search .*for the resource Endpoint"):
        cloud.sagemaker.search(Resource="Endpoint")
