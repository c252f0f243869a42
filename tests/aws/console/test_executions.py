"""The console's pages about executions, over local AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.console import Visitor, text_of
from support.local_aws.cloud import BUCKET, OUT, ROLE, WRITE, Cloud, out_uri, processing
from support.local_aws.environment import project_with_bucket
from support.models.evaluations import compared, evaluation

from scripts.aws.session import Aws

PROJECT = "console"
FAILING = """
import os, pathlib, sys
print("The bad line is 7.")
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "output", "message").write_text("Line 7 has no number.")
sys.exit(1)
"""
SLEEPING = "import time\ntime.sleep(60)\n"
DECLARED = [
    {"Name": "InputDataUri", "Type": "String"},
    {"Name": "Estimator", "Type": "String", "DefaultValue": "blend", "EnumValues": ["blend", "forest"]},
    {"Name": "MinRocAuc", "Type": "Float", "DefaultValue": 0.8},
]
DATA = f"s3://{BUCKET}/data/companies.csv"


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return project_with_bucket(cloud.aws, monkeypatch, PROJECT)


def start(cloud: Cloud, script: str = WRITE, **values: str) -> str:
    """Start an execution of two steps, and return its id."""
    code = cloud.put_script(str(len(script)), script)
    first = processing("First", code, [OUT, "1"])
    second = processing("Second", code, [OUT, "2"], {"first": out_uri("First")})
    arn = cloud.start(
        [first, second], name=PROJECT, declared=DECLARED, values={"InputDataUri": DATA, **values}
    )
    return arn.rpartition("/")[2]


def finish(cloud: Cloud, aws: Aws, name: str) -> None:
    place = f"{aws.project.region}:{aws.project.account}"
    cloud.finish(f"arn:aws:sagemaker:{place}:pipeline/{PROJECT}/execution/{name}")


def put_evaluation(aws: Aws, name: str) -> None:
    """Write what the Evaluate step of an execution writes."""
    files = {
        "evaluation.json": json.dumps(evaluation(champion=compared())),
        "report.html": "<h1>A report</h1>",
    }
    for file, text in files.items():
        uri = aws.project.evaluation_uri(name).replace("evaluation.json", file)
        key = uri.removeprefix(f"s3://{aws.project.bucket}/")
        aws.client("s3").put_object(Bucket=aws.project.bucket, Key=key, Body=text.encode())


def test_without_a_pipeline_the_page_says_what_to_do(aws: Aws) -> None:
    answer = Visitor(aws).get("/executions")
    assert answer.status_code == 400
    assert "Run `bankruptcy deploy --local` first." in text_of(answer)


def test_an_empty_list_says_what_to_do(cloud: Cloud, aws: Aws) -> None:
    definition = json.dumps(
        {"Version": "2020-12-01", "Parameters": DECLARED, "Steps": [processing("Only", "s3://b/c/")]}
    )
    cloud.sagemaker.create_pipeline(PipelineName=PROJECT, PipelineDefinition=definition, RoleArn=ROLE)
    shown = Visitor(aws).page("/executions")
    assert (
        "No execution yet Upload data with bankruptcy data upload --local , then start an execution" in shown
    )
    assert "There is no data yet." in Visitor(aws).page("/executions/start")


def test_the_list_has_parameters_times_and_figures(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud, Estimator="forest")
    put_evaluation(aws, name)
    finish(cloud, aws, name)
    shown = Visitor(aws).page("/executions")
    (known,) = cloud.sagemaker.list_pipeline_executions(PipelineName=PROJECT)["PipelineExecutionSummaries"]
    assert f"{name} Succeeded {known['StartTime']:%Y-%m-%d %H:%M:%S}" in shown
    assert "companies.csv Estimator = forest 0.941 0.910–0.969" in shown
    assert "MinRocAuc" not in shown  # it has its default


def test_the_filter_is_in_the_address(cloud: Cloud, aws: Aws) -> None:
    good, bad = start(cloud), start(cloud, FAILING)
    finish(cloud, aws, good)
    finish(cloud, aws, bad)
    visitor = Visitor(aws)
    failed = visitor.page("/executions?status=Failed")
    assert (bad in failed, good in failed) == (True, False)
    assert "All 2 Failed 1 Succeeded 1" in failed
    assert "No execution is Stopped. Show all." in visitor.page("/executions?status=Stopped")


def test_an_execution_is_a_graph_with_logs_and_reasons(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud, FAILING)
    finish(cloud, aws, name)
    visitor = Visitor(aws)
    response = visitor.get(f"/executions/{name}")
    shown = text_of(response)
    assert "First: Line 7 has no number." in shown
    assert "Second not run" in shown
    assert response.text.count('class="edge"') == 1
    assert f"InputDataUri {DATA}" in shown
    assert "Estimator blend (default)" in shown
    log = visitor.page(f"/executions/{name}/log/First")
    assert "The bad line is 7." in log
    assert visitor.get(f"/executions/{name}/log/Second").status_code == 404
    assert visitor.get("/executions/unknown").status_code == 404


def test_a_page_polls_only_while_the_execution_runs(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud, SLEEPING)
    visitor = Visitor(aws)
    running = visitor.get(f"/executions/{name}").text
    assert f'hx-get="/executions/{name}" hx-trigger="every 3s"' in running
    assert '<noscript><meta http-equiv="refresh"' in running  # without scripts
    # WHEN it is stopped from the page
    stopped = visitor.post(f"/executions/{name}/stop")
    assert (stopped.status_code, stopped.location) == (303, f"/executions/{name}")
    finish(cloud, aws, name)
    visitor.site.reads.forget()
    ended = visitor.get(f"/executions/{name}").text
    assert "hx-trigger" not in ended
    assert "refresh" not in ended
    # THEN it can be retried, but not stopped
    assert f'action="/executions/{name}/retry"' in ended
    assert f'action="/executions/{name}/stop"' not in ended
    assert visitor.post(f"/executions/{name}/retry").status_code == 303
    assert "Executing" in visitor.page(f"/executions/{name}")
    visitor.post(f"/executions/{name}/stop")


def test_a_change_that_sagemaker_rejects_is_explained(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud)
    finish(cloud, aws, name)
    answer = Visitor(aws).post(f"/executions/{name}/stop")
    assert answer.status_code == 400
    assert "The execution was not stopped" in text_of(answer)


def test_the_form_shows_its_command_line_and_starts(cloud: Cloud, aws: Aws) -> None:
    finish(cloud, aws, start(cloud))
    uri = f"s3://{aws.project.bucket}/data/1/my companies.csv"
    cloud.s3.put_object(Bucket=aws.project.bucket, Key="data/1/my companies.csv", Body=b"x")
    visitor = Visitor(aws)
    assert f"use the newest upload, {uri}" in visitor.page("/executions/start")
    # GIVEN a form that a person has filled in
    fields = {"InputDataUri": uri, "Estimator": "forest", "MinRocAuc": "0.8"}
    shown = visitor.post("/executions/start", {**fields, "action": "show"})
    assert f"bankruptcy pipeline start --data-uri '{uri}' -p Estimator=forest --local" in text_of(shown)
    assert "<option selected>forest</option>" in shown.text
    # WHEN it is sent
    started = visitor.post("/executions/start", {**fields, "InputDataUri": ""})
    assert started.status_code == 303
    page = visitor.page(started.location)
    # THEN an execution runs on the newest upload with these parameters
    assert f"InputDataUri {uri}" in page
    assert "Estimator forest MinRocAuc 0.8 (default)" in page


def test_a_wrong_value_is_explained_beside_the_form(cloud: Cloud, aws: Aws) -> None:
    finish(cloud, aws, start(cloud))
    fields = {"InputDataUri": DATA, "Estimator": "<forest>", "MinRocAuc": "7"}
    answer = Visitor(aws).post("/executions/start", fields)
    assert answer.status_code == 400
    assert "MinRocAuc is 7; it must be between 0 and 1." in text_of(answer)
    assert 'value="7"' in answer.text
    assert "<forest>" not in answer.text  # escaped


def test_a_report_is_framed_and_may_do_nothing(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud)
    finish(cloud, aws, name)
    assert "Read the report" not in Visitor(aws).page(f"/executions/{name}")
    put_evaluation(aws, name)
    visitor = Visitor(aws)
    page = visitor.page(f"/executions/{name}")
    assert "Read the report" in page
    assert "against the champion not significantly different: ROC-AUC +0.012 (-0.010 to +0.035)" in page
    frame = visitor.get(f"/executions/{name}/report").text
    assert f'src="/executions/{name}/report.html" sandbox ' in frame
    report = visitor.get(f"/executions/{name}/report.html")
    assert report.text == "<h1>A report</h1>"
    policy = report.headers["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= set(policy)


def test_read_only_offers_no_change(cloud: Cloud, aws: Aws) -> None:
    name = start(cloud, FAILING)
    finish(cloud, aws, name)
    visitor = Visitor(aws, read_only=True)
    for path in ("/executions", f"/executions/{name}"):
        assert "<form" not in visitor.get(path).text
        assert "/executions/start" not in visitor.get(path).text


def test_tabs_share_the_reads(cloud: Cloud, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    name = start(cloud, SLEEPING)
    visitor, calls = Visitor(aws), []
    sagemaker = visitor.site.aws.client("sagemaker")
    sagemaker.meta.events.register("before-call.sagemaker", lambda **event: calls.append(event["model"].name))
    visitor.page(f"/executions/{name}")
    first: list[Any] = list(calls)
    for _ in range(5):
        visitor.page(f"/executions/{name}")
    assert first
    assert calls == first
    visitor.post(f"/executions/{name}/stop")
