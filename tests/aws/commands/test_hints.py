"""Commands in messages repeat the options that the user gave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_aws.cloud import Cloud
from typer.testing import CliRunner, Result

from local_aws.server import LocalAws
from scripts.cli import app

OPTIONS = "--project hinted --local"


@pytest.fixture(scope="module")
def _local_port(running_aws: LocalAws) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "eu-west-1")  # so that monkeypatch undoes --local
        patch.delenv("AWS_ENDPOINT_URL")
        patch.delenv("BANKRUPTCY_PROJECT", raising=False)
        patch.setattr("scripts.aws.session.LOCAL_PORT", int(running_aws.url.rpartition(":")[2]))
        yield


@pytest.fixture(scope="module")
def deployed(_local_port: None) -> Result:
    return run("deploy", "--yes")


def run(*arguments: str) -> Result:
    return CliRunner(env={"TERM": "dumb"}).invoke(app, [*arguments, *OPTIONS.split()])


@pytest.mark.usefixtures("_local_port")
def test_a_missing_deployment_names_the_command_for_it() -> None:
    result = run("pipeline", "upsert")
    assert result.exit_code == 1
    assert f"Run `bankruptcy deploy {OPTIONS}` first." in result.output


def test_deploy_shows_the_next_commands(deployed: Result) -> None:
    assert deployed.exit_code == 0, deployed.output
    next_ = deployed.output.splitlines()[-1]
    upload, start = f"bankruptcy data upload {OPTIONS}", f"bankruptcy pipeline start --wait {OPTIONS}"
    assert next_.split(None, 1) == ["Next", f"`{upload}`, then `{start}`"]


def test_deploy_shows_the_api_key_of_local_aws(deployed: Result, running_aws: LocalAws) -> None:
    cloud = Cloud(running_aws)
    (key,) = cloud.apigateway.get_api_keys(includeValues=True)["items"]
    assert [f"KEY={key['value']}"] == [
        line.split()[-1] for line in deployed.output.splitlines() if "KEY=" in line
    ]
    cloud.close()


def test_errors_about_executions_name_the_commands_that_help(deployed: Result) -> None:
    assert f"Run `bankruptcy data upload {OPTIONS}` first." in run("pipeline", "start").output
    assert f"Start one with `bankruptcy pipeline start {OPTIONS}`" in run("pipeline", "status").output
    assert f"List them with `bankruptcy pipeline list {OPTIONS}`" in run("pipeline", "stop", "x").output
    no_report = (
        f"No execution of hinted has a report. `bankruptcy pipeline start --wait {OPTIONS}` makes one."
    )
    assert no_report in run("report").output


def test_errors_about_versions_name_the_commands_that_help(deployed: Result) -> None:
    assert f"`bankruptcy pipeline start --wait {OPTIONS}` registers one" in run("model", "show").output
    assert f"with `bankruptcy model approve {OPTIONS}`" in run("score", "in.csv", "out.csv").output
    assert f"`bankruptcy resume {OPTIONS}` resumes it" in run("pause").output
    assert f"`bankruptcy resume {OPTIONS}` resumes it" in " ".join(run("status").output.split())


@pytest.mark.usefixtures("_local_port")
@pytest.mark.parametrize("words", ["pipeline start", "pipeline start --data-uri s3://none-of-ours/data.csv"])
def test_a_missing_bucket_is_explained(words: str) -> None:
    result = CliRunner(env={"TERM": "dumb"}).invoke(app, [*words.split(), "--local", "--project", "never"])
    assert result.exit_code == 1
    bucket = "none-of-ours" if "none-of-ours" in words else "never-123456789012-eu-west-1"
    assert f"The bucket {bucket} does not exist. " in result.output
    assert "run `bankruptcy deploy --project never --local` first" in result.output


@pytest.mark.usefixtures("_local_port")
def test_a_missing_pipeline_names_the_command_for_it(running_aws: LocalAws) -> None:
    cloud = Cloud(running_aws)
    where = {"LocationConstraint": running_aws.region}
    cloud.s3.create_bucket(Bucket="half-123456789012-eu-west-1", CreateBucketConfiguration=where)
    cloud.s3.put_object(Bucket="half-123456789012-eu-west-1", Key="data/x.csv", Body=b"Bankrupt?\n")
    cloud.close()
    for words in ("start", "list", "status"):
        result = CliRunner().invoke(app, ["pipeline", words, "--local", "--project", "half"])
        assert result.exit_code == 1
        assert "Pipeline 'half' does not exist. Run `bankruptcy deploy --project half" in result.output


@pytest.mark.parametrize(
    ("uri", "command"),
    [
        ("my data.csv", f"`bankruptcy data upload --data 'my data.csv' {OPTIONS}`"),
        ("s3://", f"`bankruptcy data upload --data PATH {OPTIONS}`"),
        ("s3://hinted-123456789012-eu-west-1/nowhere.csv", f"`bankruptcy data upload --data PATH {OPTIONS}`"),
    ],
)
@pytest.mark.parametrize("option", ["--data-uri {}", "-p InputDataUri={}"])
def test_no_execution_is_started_without_data(uri: str, command: str, option: str, deployed: Result) -> None:
    flag, _, value = option.format(uri).partition(" ")
    result = run("pipeline", "start", flag, value)
    assert result.exit_code == 1
    assert uri in result.output
    assert command in result.output


@pytest.mark.parametrize("key", ["given/here.csv", "given", "given/"])
def test_an_execution_can_be_started_on_a_file_or_a_folder(
    key: str, deployed: Result, running_aws: LocalAws
) -> None:
    cloud = Cloud(running_aws)
    bucket = "hinted-123456789012-eu-west-1"
    cloud.s3.put_object(Bucket=bucket, Key="given/here.csv", Body=b"Bankrupt?\n")
    result = run("pipeline", "start", "--data-uri", f"s3://{bucket}/{key}")
    assert result.exit_code == 0, result.output
    cloud.close()
