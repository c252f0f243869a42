"""`make check-aws` against local AWS: what it records, removes and compares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from account import check
from account.probes import PROBES
from account.recorder import Recorder
from account.resources import NAME
from support.deployment.inventory import inventory
from support.local_aws.cloud import Cloud, eventually
from support.local_aws.environment import point_at
from support.local_aws.hurry import hurried

from local_aws.server import LocalAws

QUICK = {name: PROBES[name] for name in ("missing_object", "pipeline_definition")}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Local AWS, which the environment variables point at."""
    with pytest.MonkeyPatch.context() as patch, LocalAws() as server:
        point_at(server, patch)
        made = Cloud(server)
        yield made
        made.close()


def left(cloud: Cloud) -> list[str]:
    """List what exists in the account."""
    return inventory(lambda service: getattr(cloud, service))


def test_it_records_what_aws_does_and_removes_everything(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recorded.json"
    with hurried():
        assert check.main(["--yes", "--file", str(file)]) == 0

    # The cost is named first, and nothing is left.
    assert "Cost: about $0.11 for ml.t2.medium" in capsys.readouterr().out
    assert left(cloud) == []
    # Local AWS has the answers that it has chosen where AWS documents none.
    probes = json.loads(file.read_text())["probes"]
    assert {name: probe["facts"] for name, probe in probes.items()} == {
        "missing_object": {
            "with s3:ListBucket under a condition on the prefix": "404 NoSuchKey",
            "without s3:ListBucket": "404 NoSuchKey",
        },
        "pipeline_definition": {"CreatePipeline": "200"},
        "environment_of_a_package": {
            "endpoint with the package's environment and ours": "InService",
            "its answer": "200",
            "endpoint with ours alone": "Failed",
        },
        "update_of_an_endpoint": {
            "created": "InService",
            "UpdateEndpoint": "200",
            "updated": "InService",
            "its configuration": f"{NAME}-updated-2",
            "its LastDeploymentConfig": probes["update_of_an_endpoint"]["facts"]["its LastDeploymentConfig"],
            "statuses in events": ["CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE"],
            "stages in events": ["Creating", "ActivatingTraffic"],
            "resources in events": [f"{NAME}-updated"],
            "UpdateEndpoint with an alarm that is on": "200",
            "status after it": "InService",
            "configuration after it": f"{NAME}-updated-2",
            "FailureReason after it": None,
            "statuses in its events": ["UPDATING", "IN_SERVICE"],
        },
    }
    # Every request is recorded with its answer, without credentials.
    calls = [call for probe in probes.values() for call in probe["calls"]]
    (made,) = (each for each in calls if each["operation"] == "sagemaker:CreatePipeline")
    assert made["request"]["PipelineName"] == NAME
    assert made["answer"]["PipelineArn"].endswith(f":123456789012:pipeline/{NAME}")
    assert not any(each["operation"].startswith("sts:") for each in calls)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("unexpected")])
def test_an_interrupted_run_removes_what_it_made(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any) -> Any:
        assert f"bucket {NAME}-123456789012-eu-west-1" in left(cloud)
        raise error

    monkeypatch.setattr(check, "PROBES", {"fails": fail})
    with pytest.raises(type(error)):
        check.main(["--yes", "--file", str(tmp_path / "recorded.json")])
    assert left(cloud) == []


def test_the_remains_of_a_killed_run_can_be_removed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PROBES", QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(check, "remove_all", lambda _aws: None)  # as if killed before
        check.run(check.connect(NAME))
    assert left(cloud) != []
    assert check.main(["--remove"]) == 0
    assert left(cloud) == []


def test_a_declined_run_makes_nothing(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "")
    assert check.main(["--file", str(tmp_path / "recorded.json")]) == 2
    assert left(cloud) == []


def test_a_project_of_the_same_name_is_kept(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    name = {"BucketName": f"{NAME}-123456789012-eu-west-1"}
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": name}}}
    cloud.cloudformation.create_stack(StackName=f"{NAME}-storage", TemplateBody=json.dumps(template))
    eventually(lambda: cloud.s3.list_buckets()["Buckets"])
    before = left(cloud)
    assert check.main(["--remove"]) == check.main(["--yes"]) == 2
    assert f"The project {NAME} is deployed in account 123456789012" in capsys.readouterr().out
    assert left(cloud) == before


def test_replaying_compares_local_aws_with_the_recorded_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "recorded.json"
    assert check.main(["--replay", "--file", str(file)]) == 2
    assert "nobody has recorded the answers of AWS yet" in capsys.readouterr().out

    monkeypatch.setattr(check, "PROBES", QUICK)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the test")
    answers = {"with s3:ListBucket under a condition on the prefix": "403 AccessDenied"}
    recorded = {
        "missing_object": {"facts": answers},
        "pipeline_definition": {"facts": {"CreatePipeline": "200"}},
    }
    document = {"recorded": "2026-12-01", "region": "eu-west-1", "probes": recorded}
    file.write_text(json.dumps(document))
    assert check.main(["--replay", "--file", str(file)]) == 1
    shown = capsys.readouterr().out
    assert 'on the prefix: AWS "403 AccessDenied", local AWS "404 NoSuchKey"' in shown
    assert "1 differences from the answers of AWS of 2026-12-01." in shown


def test_members_that_local_aws_does_not_return_are_differences() -> None:
    def probes(*members: str) -> dict[str, Any]:
        call = {"operation": "s3:GetObject", "status": 200, "answer": dict.fromkeys(members, "")}
        return {"p": {"facts": {}, "calls": [call]}}

    assert list(check.differences(probes("A"), probes("A", "B"))) == []
    found = list(check.differences(probes("A", "B", "C"), probes("A")))
    assert found == ["p, s3:GetObject: local AWS does not return B, C"]


def test_account_caller_and_ids_are_replaced() -> None:
    recorder = Recorder("999988887777", ["arn:aws:sts::999988887777:assumed-role/admin/jane@example.com"])
    answer = {
        "Arn": "arn:aws:iam::999988887777:role/r",
        "Message": "User: arn:aws:sts::999988887777:assumed-role/admin/jane@example.com is not authorized",
        "RoleId": "AROAEXAMPLEEXAMPLE123",
        "CreatedBy": {"IamIdentity": {"SourceIdentity": "jane@example.com"}},
        "Body": b"secret",
    }
    assert recorder.cleaned(answer) == {
        "Arn": "arn:aws:iam::123456789012:role/r",
        "Message": "User: <caller> is not authorized",
        "RoleId": "<id>",
        "CreatedBy": {"IamIdentity": {"SourceIdentity": "<caller>"}},
        "Body": "<bytes>",
    }
