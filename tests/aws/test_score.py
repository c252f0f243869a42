"""`bankruptcy score` on local AWS: results in order, bad lines by line number, nothing left behind."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import hashlib
import io
import json
import re
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from support.local_aws.cloud import ROLE, Cloud
from typer.testing import CliRunner

from local_aws.server import LocalAws
from scripts.aws.files import FileError
from scripts.aws.session import Aws, connect, use_local_aws
from scripts.cli import app
from scripts.companies.errors import CompanyFileError
from scripts.deploy import outputs
from scripts.deploy.teardown import destroy
from scripts.model.archives import ArchiveError
from scripts.score import parts, scoring
from scripts.score.model import Model, ScoringError, choose_model
from scripts.score.scoring import Order, Summary, score
from scripts.score.units import gaps

# The probability is the second number. A first number of 500 makes the container fail, 300 keeps it busy.
SERVE = """
import time

def model_fn(model_dir):
    return None

def input_fn(body, content_type):
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]

def predict_fn(rows, model):
    if any(row[0] == 500 for row in rows):
        raise RuntimeError("this is too much")
    if any(row[0] == 300 for row in rows):
        time.sleep(60)
    return [row[1] for row in rows]

def output_fn(answers, accept):
    level = lambda p: "high" if p > 0.5 else "low"
    return "".join(f"{int(p > 0.5)},{1 - p!r},{p!r},{level(p)},{max(p, 1 - p)!r}\\n" for p in answers), accept
"""
TWO_UNITS = {
    "largest_small": 1.0000001,
    "small_factor": 1e4,
    "smallest_large": 1e5,
    "large_factor": 1e-10,
}
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the fixture")  # so that monkeypatch undoes use_local_aws
    use_local_aws(local_aws.url, local_aws.region)
    connected = connect("scoring")
    connected.client("s3").create_bucket(
        Bucket=connected.project.bucket, CreateBucketConfiguration={"LocationConstraint": local_aws.region}
    )
    # As in the deployed service, deleted objects keep their versions.
    connected.client("s3").put_bucket_versioning(
        Bucket=connected.project.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    connected.client("sagemaker").create_model_package_group(ModelPackageGroupName="scoring")
    return connected


@pytest.fixture
def register(aws: Aws) -> Callable[[str], None]:
    """Return a function that registers a version whose features are b and a."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/serve.py")
        member.size = len(SERVE)
        archive.addfile(member, io.BytesIO(SERVE.encode()))
    s3, bucket = aws.client("s3"), aws.project.bucket
    s3.put_object(Bucket=bucket, Key="models/m.tar.gz", Body=packed.getvalue())
    contract = json.dumps({"features": [{"name": "b"}, {"name": "a"}]})
    s3.put_object(Bucket=bucket, Key="models/contract.json", Body=contract)

    def create(approval: str) -> None:
        container = {
            "Image": "image",
            "ModelDataUrl": f"s3://{bucket}/models/m.tar.gz",
            "Environment": ENVIRONMENT,
        }
        aws.client("sagemaker").create_model_package(
            ModelPackageGroupName="scoring",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedTransformInstanceTypes": ["ml.m5.large", "ml.m5.xlarge"],
            },
            CustomerMetadataProperties={
                "ArchiveSha256": hashlib.sha256(packed.getvalue()).hexdigest(),
                "ContractUri": f"s3://{bucket}/models/contract.json",
            },
        )

    return create


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A portfolio whose job runs until it is stopped."""
    source = tmp_path / "endless.csv"
    source.write_text("id,a,b\nC1,1,300\n")
    return str(source)


def run(aws: Aws, source: str, target: str, seen: list[tuple[Any, ...]] | None = None) -> Summary:
    order = Order(source, target, None, "scoring-score-test", ROLE)
    log = [] if seen is None else seen
    return score(aws, order, choose_model(aws, None), lambda *step: log.append(step))


def left_over(aws: Aws) -> tuple[list[Any], list[Any]]:
    """Return the existing models, and the versions of objects under runs/."""
    found = aws.client("s3").list_object_versions(Bucket=aws.project.bucket, Prefix="runs/")
    versions = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
    return aws.client("sagemaker").list_models()["Models"], versions


def test_results_are_in_order_with_their_ids_and_bad_lines_are_listed(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a portfolio of many parts with two bad lines
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 300)
    lines = [f'"Ärzte, {number}",{number / 1000},{number}' for number in range(100)]
    lines[40], lines[70] = "x,much,1", "y,1"
    source, target = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(gzip.compress("\n".join(["name,a,b", *lines]).encode()))
    seen: list[tuple[Any, ...]] = []
    # WHEN it is scored
    summary = run(aws, str(source), str(target), seen)
    # THEN each good line has its result, in order, with its kept value
    good = [number for number in range(100) if number not in (40, 70)]
    expected = [f'{number + 2},"Ärzte, {number}",0,{number / 1000},low,1,' for number in good]
    assert target.read_text().splitlines() == [
        "line,name,prediction,probability_bankrupt,risk_level,model_version,error",
        *expected,
    ]
    # AND the bad lines are listed next to the result
    assert (tmp_path / "out.errors.csv").read_text() == (
        "line,column,problem\n42,a,is not a number: 'much'\n72,,has 2 cells instead of 3\n"
    )
    assert (summary.scored, summary.bad, summary.levels) == (98, 2, {"low": 98})
    assert [step for step in seen if step[1] == step[2]][-1] == ("collect", 98, 98)
    # AND nothing remains in the account
    assert left_over(aws) == ([], [])


def test_a_known_base_rate_adds_a_probability_whose_mean_equals_it(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a portfolio of several parts whose mean probability is 0.3
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 60)
    source = tmp_path / "in.csv"
    source.write_text("id,a,b\n" + "".join(f"C{at},{0.1 + at / 25},1\n" for at in range(11)))
    # WHEN it is scored with a known base rate of 0.2, as CSV and as JSON Lines
    results = {}
    for form in ("csv", "jsonl"):
        target = tmp_path / f"out.{form}"
        order = Order(str(source), str(target), None, f"scoring-score-{form}", ROLE, base_rate=0.2)
        summary = score(aws, order, choose_model(aws, None), lambda *_: None)
        assert summary.mean == pytest.approx(0.3)
        results[form] = target.read_text().splitlines()
    # THEN there is a further probability with that mean, and the others stay
    rows = [json.loads(line) for line in results["jsonl"]]
    adjusted = [row["probability_at_base_rate"] for row in rows]
    assert sum(adjusted) / len(adjusted) == pytest.approx(0.2)
    assert adjusted == sorted(adjusted)
    assert [row["probability_bankrupt"] for row in rows] == pytest.approx([0.1 + at / 25 for at in range(11)])
    header, *lines = results["csv"]
    assert header.endswith(",risk_level,model_version,error,probability_at_base_rate")
    assert [float(line.split(",")[-1]) for line in lines] == adjusted


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("1.2", "1.2e-10 for 1.2. If the true value is 1.2, write 0.00012."),
        ("10000", "1e-06 for 10000. If the true value is 10000, write 1."),
        # Divided by 10,000, it would lie between the two units again.
        (
            "10001",
            "1.0001e-06 for 10001. A true value of 10001 cannot be written: the column supports true values "
            "up to 10,000. Check it.",
        ),
    ],
)
def test_values_between_the_two_units_of_a_column_give_a_warning(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, value: str, advice: str
) -> None:
    # GIVEN a model whose feature b has two units, and values in one, between, and in the other
    register("Approved")
    model = choose_model(aws, None)
    assert model.gaps == ()
    source = tmp_path / "in.csv"
    source.write_text(f"id,a,b\nC1,0.5,1\nC2,0.5,{value}\nC3,0.5,99999\nC4,0.5,1e5\n")
    order = Order(str(source), str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)
    found = gaps({"features": [{"name": "b", "two_units": TWO_UNITS}, {"name": "a"}]})
    summary = score(aws, order, dataclasses.replace(model, gaps=found), lambda *_: None)
    # THEN all are scored, and the first one between is shown
    assert summary.scored == 4
    assert summary.unit_warnings == [
        f"b: 2 companies with a value between the column's two units. In line 3, the model uses {advice}"
    ]


def test_json_lines_are_read_from_and_written_to_s3(aws: Aws, register: Callable[[str], None]) -> None:
    register("Approved")
    bucket = aws.project.bucket
    body = '{"id": 1, "a": 0.75, "b": 0}\n{"id": 2}\n'
    aws.client("s3").put_object(Bucket=bucket, Key="in.jsonl", Body=body)
    run(aws, f"s3://{bucket}/in.jsonl", f"s3://{bucket}/out/result.jsonl")
    stored = aws.client("s3").get_object(Bucket=bucket, Key="out/result.jsonl")["Body"].read()
    assert json.loads(stored) == {
        "line": 1,
        "id": 1,
        "prediction": 1,
        "probability_bankrupt": 0.75,
        "risk_level": "high",
        "model_version": "1",
    }
    errors = aws.client("s3").get_object(Bucket=bucket, Key="out/result.errors.csv")["Body"].read()
    assert errors.decode().splitlines()[1] == "2,,'b' is missing (and 1 more)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,a,b\n1,0.5,500\n", "ended as Failed: AlgorithmError: See job logs"),
        (
            "id,a,b\n1,0.5,x\n",
            "No company can be scored: 1 bad line, the first: line 2 b is not a number: 'x'",
        ),
        ("id,a,b\n", "has a header but no rows"),
    ],
)
def test_if_nothing_can_be_scored_nothing_is_left(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, content: str, message: str
) -> None:
    register("Approved")
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content)
    with pytest.raises((ScoringError, CompanyFileError), match=message):
        run(aws, str(source), str(target))
    assert left_over(aws) == ([], [])
    assert not target.exists()


@pytest.mark.parametrize("target", ["{folder}/none/out.csv", "s3://no-such-bucket/out.csv", "{folder}/d.csv"])
def test_a_result_location_that_does_not_exist_starts_no_job(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, target: str
) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\n1,0.5,1\n")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(FileError, match=r"can't be written: (the .* does not exist|it is a folder)"):
        run(aws, str(tmp_path / "in.csv"), target.format(folder=tmp_path))
    assert aws.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []


def test_a_result_that_can_not_be_delivered_is_kept_on_this_machine(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN locations that become folders while the job runs
    register("Approved")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\nC2,x,1\n")

    def take(stage: str, *_: object) -> None:
        if stage == "collect":
            (tmp_path / "out.csv").mkdir()
            (tmp_path / "out.errors.csv").mkdir()

    order = Order(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)
    # WHEN the files are delivered
    with pytest.raises(FileError, match=r"out\.csv can't be written: .* It is kept as .*out\.csv") as failed:
        score(aws, order, choose_model(aws, None), take)
    # THEN both are complete where the error says
    kept, kept_errors = (Path(found) for found in re.findall(r"It is kept as (\S+)\.", str(failed.value)))
    assert kept.read_text().splitlines()[1:] == ["2,C1,1,0.75,high,1,"]
    assert kept_errors.read_text().splitlines()[1:] == ["3,a,is not a number: 'x'"]
    assert kept.parent.stat().st_mode & 0o077 == 0
    # AND there are no partial files, and nothing remains in the account
    assert list(tmp_path.glob("*.partial")) == []
    assert left_over(aws) == ([], [])


def test_a_result_that_can_not_be_uploaded_is_kept_on_this_machine(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a connection that is lost after the job
    register("Approved")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\n")

    def disconnect(params: dict[str, Any], **_: Any) -> None:
        if params["Key"] == "out.csv":
            raise EndpointConnectionError(endpoint_url="https://s3")

    aws.session.events.register("provide-client-params.s3.PutObject", disconnect)
    # THEN the result is kept on this machine
    with pytest.raises(FileError, match=r"Could not connect .* It is kept as .*out\.csv"):
        run(aws, str(tmp_path / "in.csv"), f"s3://{aws.project.bucket}/out.csv")
    assert [path.read_text().count("\n") for path in tmp_path.glob("*/out.csv")] == [2]


def test_without_permission_to_remove_an_earlier_list_is_emptied(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    # GIVEN the bad lines of an earlier run
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.75,1\n")
    s3, bucket = aws.client("s3"), aws.project.bucket
    s3.put_object(Bucket=bucket, Key="out.errors.csv", Body=b"line,column,problem\n7,a,is empty\n")

    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObject")

    aws.session.events.register("before-call.s3.DeleteObject", deny)
    # WHEN all lines are valid
    summary = run(aws, str(tmp_path / "in.csv"), f"s3://{bucket}/out.csv")
    # THEN the earlier list is replaced by an empty one
    assert s3.get_object(Bucket=bucket, Key="out.errors.csv")["Body"].read() == b"line,column,problem\n"
    assert (summary.scored, summary.errors) == (1, None)


@pytest.mark.parametrize(
    ("source", "target"), [("in.csv", "x/../in.csv"), ("out.errors.csv", "out.csv"), ("in.csv", "out.csv.gz")]
)
def test_the_input_is_never_overwritten(aws: Aws, tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(CompanyFileError, match="name another"):
        run_without_model(aws, str(tmp_path / source), str(tmp_path / target))


def run_without_model(aws: Aws, source: str, target: str) -> None:
    model = Model("arn", 1, ("a",))
    score(aws, Order(source, target, None, "scoring-score-test", ROLE), model, lambda *_: None)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_version_without_its_contract_is_rejected(
    aws: Aws, register: Callable[[str], None], recorded: bool
) -> None:
    register("Approved")
    if recorded:
        aws.client("s3").delete_object(Bucket=aws.project.bucket, Key="models/contract.json")
    else:
        aws.client("sagemaker").update_model_package(
            ModelPackageArn=choose_model(aws, None).arn, CustomerMetadataPropertiesToRemove=["ContractUri"]
        )
    with pytest.raises(ScoringError, match="The contract of version 1 is missing") as failed:
        choose_model(aws, None)
    assert failed.value.hint == "Choose another version with --version."


def test_an_archive_that_was_changed_after_it_was_judged_scores_nothing(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    register("Approved")
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="models/m.tar.gz", Body=b"swapped")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,1,2\n")
    with pytest.raises(ArchiveError, match="version 1 was changed after it was evaluated") as failed:
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert failed.value.hint.startswith("Choose another version with --version")
    assert not (tmp_path / "out.csv").exists()
    # AND a version that does not record the hash of its archive is not trusted, either
    arn = aws.client("sagemaker").list_model_packages(ModelPackageGroupName="scoring")
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=arn["ModelPackageSummaryList"][0]["ModelPackageArn"],
        CustomerMetadataPropertiesToRemove=["ArchiveSha256"],
    )
    with pytest.raises(ArchiveError, match="Version 1 does not record the ArchiveSha256"):
        choose_model(aws, 1)


def test_the_champion_scores_or_else_the_newest_approved_version(
    aws: Aws, register: Callable[[str], None]
) -> None:
    with pytest.raises(ScoringError, match="No version of the model has been approved"):
        choose_model(aws, None)
    for approval in ("Approved", "Approved", "Rejected"):
        register(approval)
    types = ("ml.m5.large", "ml.m5.xlarge")
    assert choose_model(aws, None) == Model(choose_model(aws, 2).arn, 2, ("b", "a"), ENVIRONMENT, types)
    aws.client("s3").put_object(
        Bucket=aws.project.bucket, Key="champion/contract.json", Body=json.dumps({"version": "1"})
    )
    assert [choose_model(aws, version).version for version in (None, 2)] == [1, 2]
    with pytest.raises(ScoringError, match=r"Version 3 is not approved, .* approved versions: 1, 2\."):
        choose_model(aws, 3)
    with pytest.raises(ScoringError, match="There is no version 9; known versions: 1, 2, 3"):
        choose_model(aws, 9)
    # AND if the champion has been rejected, the newest approved version
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=choose_model(aws, 1).arn, ModelApprovalStatus="Rejected"
    )
    assert choose_model(aws, None).version == 2


def test_an_interrupted_job_is_stopped(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    register("Approved")
    order = Order(endless, str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE)

    def interrupt(stage: str, *_: object) -> None:
        if stage == "transform":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(aws, order, choose_model(aws, None), interrupt)
    job = cloud.sagemaker.describe_transform_job(TransformJobName=order.name)
    assert job["TransformJobStatus"] == "Stopped"
    # AND nothing that it could have written remains
    assert left_over(aws) == ([], [])


def test_a_job_that_starts_while_it_is_interrupted_is_stopped(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    # GIVEN Ctrl-C while SageMaker confirms the new job
    register("Approved")

    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    aws.session.events.register("after-call.sagemaker.CreateTransformJob", interrupt)
    # THEN the job is stopped
    with pytest.raises(KeyboardInterrupt):
        run(aws, endless, str(tmp_path / "out.csv"))
    job = cloud.sagemaker.describe_transform_job(TransformJobName="scoring-score-test")
    assert job["TransformJobStatus"] == "Stopped"
    assert left_over(aws) == ([], [])


def test_a_rejected_job_leaves_nothing(aws: Aws, register: Callable[[str], None], tmp_path: Path) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,1,1\n")

    def reject(**_: Any) -> None:
        error = {"Code": "ResourceLimitExceeded", "Message": "no such instances for you"}
        raise ClientError({"Error": error}, "CreateTransformJob")

    aws.session.events.register("before-call.sagemaker.CreateTransformJob", reject)
    with pytest.raises(ClientError, match="no such instances for you"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert left_over(aws) == ([], [])


def test_destroying_the_service_stops_scoring(
    aws: Aws, cloud: Cloud, register: Callable[[str], None], endless: str, tmp_path: Path
) -> None:
    register("Approved")
    order = Order(endless, str(tmp_path / "out.csv"), None, "scoring-score-20261123-101500-0a1b", ROLE)

    def destroy_it(stage: str, *_: object) -> None:
        if stage == "transform" and cloud.sagemaker.list_models()["Models"]:
            destroy(aws, sleep=lambda _: time.sleep(0.02))

    with pytest.raises(ScoringError, match=f"The transform job {order.name} ended as Stopped"):
        score(aws, order, choose_model(aws, None), destroy_it)
    assert left_over(aws) == ([], [])
    assert not Path(order.target).exists()


def test_a_full_disk_is_reported(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    monkeypatch.setattr(scoring, "open_for_writing", full)
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert code == 1
    assert "No space left on device. Free some space in /" in output


def test_without_a_deployment_the_command_names_deploy(aws: Aws) -> None:
    result = CliRunner().invoke(app, ["score", "in.csv", "out.csv", "--project", aws.project.name])
    assert result.exit_code == 1
    assert "bankruptcy deploy" in result.output


def test_an_unsupported_instance_type_is_rejected_beforehand(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    register("Approved")
    order = Order("in.csv", str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE, "ml.m5.huge")
    with pytest.raises(ScoringError, match=r"'ml.m5.huge'; its .* ml.m5.large, ml.m5.xlarge\."):
        score(aws, order, choose_model(aws, None), lambda *_: pytest.fail("the work began"))


def score_command(aws: Aws, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run the command for a model that is registered, without a deployed service."""
    monkeypatch.setattr(outputs, "read_outputs", lambda *_: SimpleNamespace(transform_role_arn=ROLE))
    result = CliRunner().invoke(app, ["score", *arguments, "--project", aws.project.name])
    return result.exit_code, " ".join(result.output.split())


def test_the_version_is_only_shown_once_scoring_begins(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("Approved")
    target = str(tmp_path / "out.csv")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "nothere.csv"), target)
    assert (code, "can't be read" in output, "Scoring with" in output) == (1, True, False)
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\nC2,0.5,x\n")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), target)
    assert (code, "Scoring with version 1 of scoring." in output) == (0, True)
    assert re.search("1 company in .* 1 line could not be scored", output)


def test_leftovers_are_a_warning_if_the_result_is_complete(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteObjects")

    register("Approved")
    monkeypatch.setattr(parts, "remove_below", denied)
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    code, output = score_command(aws, monkeypatch, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert (code, (tmp_path / "out.csv").exists()) == (0, True)
    assert "Warning: s3://" in output
    # AND an earlier error is not hidden by it
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,x\n")
    with pytest.raises(ScoringError, match="No company can be scored: 1 bad line"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))


@pytest.mark.parametrize("line", ["", "x,0,0.5,low", "2,0.5"])
def test_incomplete_results_are_rejected(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    register("Approved")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,0.5,1\n")
    monkeypatch.setattr(parts, "_lines", lambda _: [f"{line}\n"])
    with pytest.raises(ScoringError, match="do not match its 1 company"):
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
