"""send_notices publishes each fact once, even if events are repeated, late or interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from send_notices.facts import ALARM_EVENT, EXECUTION_EVENT, VERSION_EVENT, Facts
from send_notices.handler import Sender
from send_notices.marks import ABANDONED_SECONDS, BusyError, Marks
from support.local_aws.cloud import eventually
from support.models.evaluations import compared, evaluation
from support.models.registry import PROJECT
from support.models.small import register

from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws
from scripts.model.approval import find_version, set_approval

NOW = "2026-11-30T12:00:00Z"
LATER = "2026-11-30T12:10:00Z"
ROLLBACK = "bankruptcy-rollback-errors-bankruptcy-v1-0a1b2c3d: The model failed on a request."


class Topic:
    """SNS that fails as often as a test asks."""

    def __init__(self, sns: Any) -> None:
        self._sns = sns
        self.failures = 0

    def publish(self, **message: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("SNS does not answer")
        self._sns.publish(**message)


class Service:
    """A registry, and send_notices with its topic."""

    def __init__(self, aws: Aws, folder: Path, project: str) -> None:
        self.aws = aws
        self._folder = folder
        self.now = datetime.now(UTC)
        arn = f"arn:aws:sagemaker:{aws.project.region}:{aws.project.account}:model-package/{PROJECT}"
        sns = aws.client("sns")
        topic = sns.create_topic(Name=f"{PROJECT}-alarms")["TopicArn"]
        self.topic = Topic(sns)
        s3 = aws.client("s3")
        self._sender = Sender(
            Facts(aws.client("sagemaker"), s3, project, arn),
            Marks(s3, aws.project.bucket, lambda: self.now),
            self.topic,
            topic,
            lambda _: self.meanwhile(),
        )
        # What happens while a call waits for another one.
        self.meanwhile: Callable[[], object] = lambda: None

    def register(self, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """Register a version, with an evaluation if one is given; return the event."""
        version, _ = register(self.aws, self._folder / "model", ["assets", "debt"], seed=1)
        package = find_version(self.aws, int(version))
        if document is not None:
            folder = f"models/{version}/evaluation"
            bucket = self.aws.project.bucket
            self.aws.client("s3").put_object(
                Bucket=bucket, Key=f"{folder}/evaluation.json", Body=json.dumps(document).encode()
            )
            self.note(
                int(version),
                EvaluationUri=f"s3://{bucket}/{folder}/evaluation.json",
                ReportUri=f"s3://{bucket}/{folder}/report.html",
                ExecutionId="abc123",
            )
        detail = {"ModelPackageArn": package["ModelPackageArn"]}
        return {"detail-type": VERSION_EVENT, "time": NOW, "detail": detail}

    def note(self, version: int, **metadata: str) -> None:
        """Add metadata to a version, as deploy_model does when its deployment fails."""
        self.aws.client("sagemaker").update_model_package(
            ModelPackageArn=find_version(self.aws, version)["ModelPackageArn"],
            CustomerMetadataProperties=metadata,
        )

    def decide(self, version: int, status: str) -> None:
        set_approval(self.aws, find_version(self.aws, version), status)

    def send(self, event: dict[str, Any], request_id: str = "r-1") -> list[str]:
        return [notice.title for notice in self._sender.send(event, request_id)]

    def interrupt(self, event: dict[str, Any], request_id: str) -> None:
        """Let a call end between the claim of a fact and its message."""
        self.topic.failures = 1
        with pytest.raises(ConnectionError):
            self.send(event, request_id)

    def step(self, step: dict[str, Any], at: str = NOW) -> list[str]:
        """Pass on a finished call of deploy_model."""
        return self.send({"responsePayload": {"action": "none", **step}, "timestamp": at})


Make = Callable[..., Service]


@pytest.fixture
def make(registry: Aws, tmp_path: Path) -> Make:
    return lambda project="bankruptcy": Service(registry, tmp_path, project)


def test_a_waiting_version_is_announced_with_figures_and_commands(make: Make) -> None:
    service = make()
    event = service.register(evaluation(champion=compared()))
    # WHEN the event comes twice
    assert service.send(event) == ["bankruptcy: version 1 waits for approval"]
    assert service.send(event, "r-2") == []
    # THEN people have one message
    (message,) = read_outbox()
    assert message["subject"] == "bankruptcy: version 1 waits for approval"
    assert message["text"] == (
        "Candidate: recommended (blend)\n"
        "On 1,364 unseen companies, 44 of them bankrupt (one split), with 95 % intervals:\n"
        "  ROC-AUC: 0.941 (0.910 to 0.969)\n"
        "  PR-AUC: 0.439 (0.301 to 0.572)\n"
        "  Brier score: 0.0221 (0.0174 to 0.0271)\n"
        "  Recall at 5 % false positives: 0.71 (0.55 to 0.85)\n"
        "Compared with the champion: not significantly different. ROC-AUC +0.012 (-0.010 to +0.035), "
        "log loss in % -2.1 (-6.6 to +1.5)\n"
        "Gate: ROC-AUC 0.941 on unseen companies reaches MinRocAuc 0.8.\n"
        f"Report: s3://{service.aws.project.bucket}/models/1/evaluation/report.html\n"
        "\n"
        "To read the report, compare the version with the champion on your companies, and decide:\n"
        "  bankruptcy report --version 1\n"
        "  bankruptcy model preview 1 --on companies.csv\n"
        "  bankruptcy model approve 1 --wait\n"
        '  bankruptcy model reject 1 --note "why"\n'
        "\n"
        'Runbook: "Notice: a version waits" in docs/runbook.md'
    )


def test_a_promoted_version_is_announced_with_its_origin(make: Make) -> None:
    service = make()
    event = service.register()
    origin = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/staging/7"
    service.note(1, PromotedFrom=origin)
    service.send(event)
    (message,) = read_outbox()
    assert f"Promoted from: {origin}\n" in message["text"]


@pytest.mark.parametrize(
    ("champion", "expected"),
    [
        (None, "Compared with the champion: there is none."),
        ({"compared": False, "reason": "It can't be read."}, "with the champion: no. It can't be read."),
    ],
)
def test_the_figures_of_sample_data_are_marked(
    make: Make, champion: dict[str, Any] | None, expected: str
) -> None:
    service = make("other")
    service.send(service.register(evaluation(champion=champion, file="sample-data.csv")))
    (message,) = read_outbox()
    assert expected in message["text"]
    assert "(sample data, one split)" in message["text"]
    # Commands name a project of another name.
    assert "bankruptcy model approve 1 --wait --project other\n" in message["text"]


def test_only_a_version_that_still_waits_is_announced(make: Make) -> None:
    service = make()
    event = service.register()
    service.decide(1, "Approved")
    assert service.send(event) == []
    # Set back to waiting, it is announced even without an evaluation, and then not again.
    service.decide(1, "PendingManualApproval")
    assert service.send(event) == ["bankruptcy: version 1 waits for approval"]
    assert "It was registered without an evaluation." in read_outbox()[0]["text"]
    assert service.send(event) == []


def test_an_interrupted_call_is_repeated_by_its_own_retry_only(make: Make) -> None:
    service = make()
    event = service.register()
    # GIVEN a call that ends between the claim and the message
    service.interrupt(event, "first")
    # WHEN a repeated event comes at once, THEN it waits for the first call
    with pytest.raises(BusyError, match="Another call is publishing version-1-waits"):
        service.send(event, "second")
    # WHEN Lambda repeats the first call, THEN it sends the message, and the others do not
    assert service.send(event, "first") == ["bankruptcy: version 1 waits for approval"]
    assert service.send(event, "second") == service.send(event, "first") == []


def test_a_call_waits_for_another_one_instead_of_failing(make: Make) -> None:
    service = make()
    event = service.register()
    service.interrupt(event, "first")
    # WHEN the first call goes on while the second waits
    published: list[str] = []
    service.meanwhile = lambda: published.extend(service.send(event, "first"))
    # THEN the second ends without an error, and nothing is published twice
    assert service.send(event, "second") == []
    assert published == ["bankruptcy: version 1 waits for approval"]


def test_a_call_that_never_ended_is_replaced(make: Make) -> None:
    service = make()
    event = service.register()
    service.interrupt(event, "first")
    service.now += timedelta(seconds=ABANDONED_SECONDS + 5)
    assert service.send(event, "second") == ["bankruptcy: version 1 waits for approval"]


def test_each_new_champion_is_announced_once(make: Make) -> None:
    service = make()
    # The endpoint is created, then the version is published, then nothing changes.
    assert service.step({"action": "create_endpoint", "version": "3"}) == []
    assert service.step({"action": "publish", "version": "3"}) == ["bankruptcy: version 3 is the champion"]
    assert service.step({"version": "3"}) == []
    # A lost event is made up for by the next call.
    assert service.step({"version": "4"}, LATER) == ["bankruptcy: version 4 is the champion"]
    # A late event changes nothing.
    assert service.step({"action": "publish", "version": "3"}) == []
    # After a rollback, the old version is the champion again.
    assert service.step({"version": "3"}, LATER) == ["bankruptcy: version 3 is the champion"]
    assert service.step({"action": "wait"}) == service.step({"reason": "paused"}) == []
    assert "bankruptcy rollback" in read_outbox()[-1]["text"]


def test_a_version_that_was_given_up_is_announced_once_until_it_is_approved_again(make: Make) -> None:
    service = make()
    service.register()
    service.decide(1, "Approved")
    service.note(1, DeploymentFailedReason="The archive was changed.")
    for step in ({"unfit": {"1": "Its SHA-256 is 0123."}}, {"given_up": ["1"]}, {"given_up": ["1"]}):
        sent = service.step(step)
        assert sent == (["bankruptcy: version 1 was given up"] if "unfit" in step else [])
    assert "Reason: Its SHA-256 is 0123.\n" in read_outbox()[0]["text"]
    # WHEN it is rejected, nothing is published; when it is approved and fails again, a notice is
    service.decide(1, "Rejected")
    assert service.step({"given_up": ["1"]}) == []
    service.decide(1, "Approved")
    service.note(1, DeploymentFailedReason="It failed again.")
    assert service.step({"given_up": ["1"]}) == ["bankruptcy: version 1 was given up"]
    assert "Reason: It failed again.\n" in read_outbox()[1]["text"]


def test_a_rollback_is_announced_as_such_and_only_once(make: Make) -> None:
    service = make()
    service.register()
    service.decide(1, "Approved")
    rolled_back = {"rolled_back": {"1": ROLLBACK}, "given_up": ["1"], "version": "0"}
    assert service.step(rolled_back) == [
        "bankruptcy: version 0 is the champion",
        "bankruptcy: version 1 was rolled back",
    ]
    assert service.step({"given_up": ["1"]}) == []
    assert f"Reason: {ROLLBACK}\n" in read_outbox()[1]["text"]


def test_a_rollback_is_announced_as_such_by_a_later_step(make: Make) -> None:
    service = make()
    service.register()
    service.decide(1, "Approved")
    # GIVEN a recorded rollback: the record is an event of its own, so a later step can arrive first
    service.note(1, DeploymentFailedReason=ROLLBACK)
    assert service.step({"given_up": ["1"]}) == ["bankruptcy: version 1 was rolled back"]
    found = {"rolled_back": {"1": ROLLBACK}, "given_up": ["1"]}
    assert service.step(found) == []
    # AND a rejection does not make it another fact
    service.decide(1, "Rejected")
    assert service.step(found) == []


def test_the_rollback_of_a_version_that_a_person_rejected_is_announced(make: Make) -> None:
    service = make()
    service.register()
    service.decide(1, "Rejected")
    found = {"rolled_back": {"1": ROLLBACK}}
    assert (service.step(found), service.step(found)) == (["bankruptcy: version 1 was rolled back"], [])


def test_a_blocked_endpoint_is_announced_once(make: Make) -> None:
    service = make()
    step = {"config": "bankruptcy-v3-0a1b2c3d", "blocked": "The last update and its rollback failed."}
    assert (service.step(step), service.step(step)) == (["bankruptcy: the endpoint is blocked"], [])
    assert read_outbox()[0]["text"].startswith("The last update and its rollback failed.\n")


def test_a_failed_execution_is_announced_with_its_failed_steps(make: Make) -> None:
    service = make()
    sagemaker = service.aws.client("sagemaker")
    step = {"Name": "ModelRejected", "Type": "Fail", "Arguments": {"ErrorMessage": "It is worse."}}
    sagemaker.create_pipeline(
        PipelineName=PROJECT,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [step]}),
        ClientRequestToken="t" * 32,
        RoleArn=service.aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"][
            "Arn"
        ],
    )
    arn = sagemaker.start_pipeline_execution(PipelineName=PROJECT)["PipelineExecutionArn"]
    eventually(
        lambda: (
            sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            == "Failed"
        )
    )
    execution = arn.rpartition("/")[2]
    detail = {"pipelineExecutionArn": arn, "executionEndTime": 1000.0 * time.time()}
    event = {"detail-type": EXECUTION_EVENT, "time": NOW, "detail": detail}
    title = f"bankruptcy: execution {execution} failed"
    assert (service.send(event), service.send(event)) == ([title], [])
    assert "Step ModelRejected: It is worse.\n" in read_outbox()[0]["text"]
    assert f"  bankruptcy pipeline status {execution}\n" in read_outbox()[0]["text"]
    # A retry that fails is another failure.
    assert service.send({**event, "detail": {**detail, "executionEndTime": 0}}) == [title]


def test_the_end_of_an_alarm_is_announced_once(make: Make) -> None:
    service = make()
    state = {"value": "OK", "timestamp": "2026-11-30T12:00:00.000+0000"}
    detail = {"alarmName": "bankruptcy-endpoint-errors", "state": state}
    event = {"detail-type": ALARM_EVENT, "time": NOW, "detail": detail}
    title = "bankruptcy: alarm endpoint-errors has ended"
    assert (service.send(event), service.send(event)) == ([title], [])
    assert 'Runbook: "Alarm endpoint-errors" in docs/runbook.md' in read_outbox()[0]["text"]
    state["timestamp"] = "2026-11-30T12:10:00.000+0000"
    assert service.send({**event, "time": LATER}) == [title]


def test_another_event_is_an_error(make: Make) -> None:
    with pytest.raises(ValueError, match="does not know this event: Scheduled Event"):
        make().send({"detail-type": "Scheduled Event"})
