"""What pause and resume do when things go wrong, what status estimates, in what form it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from support.service_fakes import PROJECT, Client, Clock, Session, endpoint

from scripts.operate import prices
from scripts.operate.pausing import OperationError, check_endpoint, pause, resume
from scripts.operate.status import EndpointState, LastExecution, PackageState, Status, read_endpoint


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def session(client: Client) -> boto3.Session:
    return cast("boto3.Session", Session(client))


def test_pause_waits_while_the_endpoint_can_not_be_deleted(client: Client, session: boto3.Session) -> None:
    # GIVEN an endpoint that is being updated: deploy_model can do nothing about it yet
    client.endpoint = endpoint("Updating")
    states: list[str] = []
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now >= 30 and client.endpoint:
            client.endpoint = endpoint("Deleting") if client.calls else endpoint("InService")
        if clock.now >= 60:
            client.endpoint = None

    # WHEN
    assert pause(session, PROJECT, on_change=states.append, sleep=sleep, clock=clock) is True
    # THEN deploy_model is called once, when it is in service
    assert states == ["Updating", "InService", "Deleting", "not there"]
    assert (client.calls, client.paused) == (1, ["false", "true"])


def test_pausing_what_is_paused_writes_nothing(client: Client, session: boto3.Session) -> None:
    client.paused = ["true"]
    assert pause(session, PROJECT) is False
    assert (client.calls, client.paused) == (0, ["true"])


def test_resume_takes_steps_until_the_contract_names_the_newest_approved_version(
    client: Client, session: boto3.Session
) -> None:
    # GIVEN
    client.paused, client.approved, client.published = ["true"], [2, 3, 1], "2"

    def step() -> dict[str, Any]:
        if client.endpoint is None:
            client.endpoint = endpoint("InService", 3)
            return {"action": "create_endpoint"}
        client.published = "3"
        return {"action": "publish"}

    client.on_call = step
    # WHEN / THEN an endpoint in service is not enough: the API must know its contract
    clock = Clock()
    assert resume(session, PROJECT, sleep=clock.sleep, clock=clock) == "3"
    assert (client.calls, client.paused[-1]) == (2, "false")
    assert resume(session, PROJECT) == "3"
    assert client.calls == 2


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"unfit": {"1": "The smoke test gave 0.9."}}, "Version 1 was given up: The smoke test gave 0.9."),
        ({"given_up": ["1"]}, "Version 1 was given up: its deployment failed too often"),
        ({"errorMessage": "AccessDenied"}, "failed 3 times, last with: AccessDenied"),
        (
            {"action": "wait"},
            "After 100 s it is still not so that version 1 is served; the endpoint is not there",
        ),
    ],
)
def test_resume_says_why_it_can_not(
    client: Client, session: boto3.Session, step: dict[str, Any], message: str
) -> None:
    client.approved = [1]
    client.on_call = lambda: step
    clock = Clock()
    with pytest.raises(OperationError) as raised:
        resume(session, PROJECT, timeout=100, sleep=clock.sleep, clock=clock)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("paused", "state", "told"),
    [
        ("true", None, "`bankruptcy resume --local` brings it back"),
        ("true", "Deleting", "`bankruptcy resume --local` brings it back"),
        ("false", None, "`bankruptcy model approve --wait --local` deploys one"),
        ("false", "Failed", r"is Failed \(no capacity\). `bankruptcy status --local` says more"),
    ],
)
def test_an_endpoint_that_will_not_answer_is_told_with_what_helps(
    client: Client,
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    paused: str,
    state: str | None,
    told: str,
) -> None:
    monkeypatch.setattr("scripts.aws.session._given", ["--local"])
    client.paused = [paused]
    client.endpoint = {**endpoint(state), "FailureReason": "no capacity"} if state else None
    with pytest.raises(OperationError, match=told):
        check_endpoint(session, PROJECT)


@pytest.mark.parametrize("state", ["Creating", "Updating", "InService"])
def test_an_endpoint_that_comes_is_waited_for(client: Client, session: boto3.Session, state: str) -> None:
    client.endpoint = endpoint(state)
    check_endpoint(session, PROJECT)


def test_one_failure_of_the_function_is_no_failure(client: Client, session: boto3.Session) -> None:
    client.endpoint = endpoint("InService")

    def step() -> dict[str, Any]:
        if client.calls < 3:
            return {"errorMessage": "Rate exceeded"}
        client.endpoint = None
        return {"action": "delete_endpoint"}

    client.on_call = step
    assert pause(session, PROJECT, sleep=lambda _: None) is True


def test_a_serverless_endpoint(client: Client, session: boto3.Session) -> None:
    client.endpoint = endpoint("InService", 12)
    assert read_endpoint(session, PROJECT) == EndpointState(
        "InService", version="12", mode="serverless", memory_mb=2048, max_concurrency=5
    )


def test_a_denied_call_is_not_taken_for_a_missing_endpoint(client: Client, session: boto3.Session) -> None:
    def denied(**_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeEndpoint")

    client.describe_endpoint = denied  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="AccessDenied"):
        read_endpoint(session, PROJECT)


def test_estimates() -> None:
    two = prices.of_instances("us-east-1", "ml.t2.medium", 2)
    assert (two.usd_per_hour, two.usd_per_month) == (0.112, 81.76)
    unknown = prices.of_instances("eu-west-1", "ml.t2.medium", 1)
    assert (unknown.usd_per_hour, unknown.usd_per_month) == (None, None)
    assert unknown.basis == (
        "no price known for 1 × ml.t2.medium in eu-west-1; https://aws.amazon.com/sagemaker/pricing/ has it "
        "($0.056 an hour each in us-east-1)"
    )
    assert prices.of_instances("eu-west-1", "ml.x9.large", 1).basis.endswith("pricing/ has it")
    idle = prices.of_serverless("us-east-1", 2048)
    assert (idle.usd_per_hour, "$0.000040 for each second" in idle.basis) == (0.0, True)
    assert "no price known" in prices.of_serverless("eu-west-1", 2048).basis
    assert prices.without_endpoint().usd_per_month == 0.0
    assert prices.AS_OF in two.source


def test_status_as_json() -> None:
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    status = Status(
        project="bankruptcy",
        account="123456789012",
        region="us-east-1",
        pipeline="bankruptcy",
        execution=LastExecution("abc", "Succeeded", moment),
        packages=(
            PackageState(
                1, "Approved", moment, "arn:aws:sagemaker:us-east-1:123456789012:model-package/bankruptcy/1"
            ),
        ),
        endpoint=EndpointState("InService", "1", "instance", "ml.t2.medium", 1),
        champion_version="1",
        paused=False,
        api_url="https://x.execute-api.us-east-1.amazonaws.com/prod",
        alarms=("bankruptcy-dead-letters",),
        dead_letters=2,
        cost=prices.of_instances("us-east-1", "ml.t2.medium", 1),
    )
    facts = json.loads(status.as_json())
    assert facts["execution"] == {"id": "abc", "status": "Succeeded", "start": "2026-11-23T12:00:00+00:00"}
    assert (facts["alarms"], facts["dead_letters"]) == (["bankruptcy-dead-letters"], 2)
    assert (facts["cost"]["usd_per_hour"], facts["cost"]["usd_per_month"]) == (0.056, 40.88)


def test_the_guide_quotes_the_table() -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "aws.md").read_text(encoding="utf-8")
    price = prices.of_instances("us-east-1", "ml.t2.medium", 1)
    assert (
        f"`ml.t2.medium` in us-east-1 ${price.usd_per_hour} an hour, some ${price.usd_per_month:.0f} a month"
        in guide
    )
    assert prices.AS_OF in guide
