"""Pause and resume when something goes wrong, cost estimates, and status as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.deployment.fakes import Client, Clock, connected, endpoint
from support.repository import ROOT
from support.scripting import differences, documented_results

from scripts.aws.registry import ModelVersion
from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError
from scripts.deploy.endpoint import EndpointState, read_endpoint
from scripts.deploy.waiting import Waiting
from scripts.operate import prices
from scripts.operate.pausing import OperationError, check_endpoint, pause, resume
from scripts.operate.status import LastExecution, Status
from scripts.operate.words import endpoint_text
from scripts.terminal.documents import status_document
from scripts.terminal.tables import status_facts


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def aws(client: Client) -> Aws:
    return connected(client)


def test_pause_waits_while_the_endpoint_can_not_be_deleted(client: Client, aws: Aws) -> None:
    # GIVEN an endpoint that is being updated, so that deploy_model can't delete it yet
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
    assert pause(aws, Waiting(states.append, sleep=sleep, clock=clock)) is True
    # THEN deploy_model is called once, as soon as the endpoint is in service
    assert states == ["Updating", "InService", "Deleting", "not there"]
    assert (client.calls, client.paused) == (1, ["false", "true"])


def test_pausing_a_paused_service_changes_nothing(client: Client, aws: Aws) -> None:
    client.paused = ["true"]
    assert pause(aws) is False
    assert (client.calls, client.paused) == (0, ["true"])


def test_resume_takes_steps_until_the_contract_names_the_newest_approved_version(
    client: Client, aws: Aws
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
    # WHEN / THEN an endpoint in service is not enough: its contract must be published
    clock = Clock()
    assert resume(aws, Waiting(sleep=clock.sleep, clock=clock)) == "3"
    assert (client.calls, client.paused[-1]) == (2, "false")
    assert resume(aws) == "3"
    assert client.calls == 2


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"unfit": {"1": "The smoke test gave 0.9."}}, "gave up on version 1: The smoke test gave 0.9."),
        ({"given_up": ["1"]}, "gave up on version 1: its deployment failed too often."),
        ({"errorMessage": "AccessDenied"}, "failed 3 times; its last error: AccessDenied."),
        (
            {"action": "wait"},
            "Timed out after 100 s waiting for version 1 to be in service; the endpoint is not there.",
        ),
    ],
)
def test_resume_reports_why_it_failed(client: Client, aws: Aws, step: dict[str, Any], message: str) -> None:
    client.approved = [1]
    client.on_call = lambda: step
    clock = Clock()
    with pytest.raises((DeploymentError, OperationError)) as raised:
        resume(aws, Waiting(timeout=100, sleep=clock.sleep, clock=clock))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("paused", "state", "message"),
    [
        ("true", None, "Resume it with `bankruptcy resume`"),
        ("true", "Deleting", "Resume it with `bankruptcy resume`"),
        ("false", None, "Deploy one with `bankruptcy model approve --wait`"),
        ("false", "Failed", r"is Failed \(no capacity\). `bankruptcy status` shows more"),
    ],
)
def test_an_endpoint_that_will_not_answer_is_an_error_with_a_hint(
    client: Client,
    aws: Aws,
    paused: str,
    state: str | None,
    message: str,
) -> None:
    client.paused = [paused]
    client.endpoint = {**endpoint(state), "FailureReason": "no capacity"} if state else None
    with pytest.raises(OperationError, match=message):
        check_endpoint(aws)


@pytest.mark.parametrize("state", ["Creating", "Updating", "InService"])
def test_an_endpoint_that_will_answer_is_no_error(client: Client, aws: Aws, state: str) -> None:
    client.endpoint = endpoint(state)
    check_endpoint(aws)


def test_single_failures_of_deploy_model_are_ignored(client: Client, aws: Aws) -> None:
    client.endpoint = endpoint("InService")

    def step() -> dict[str, Any]:
        if client.calls < 3:
            return {"errorMessage": "Rate exceeded"}
        client.endpoint = None
        return {"action": "delete_endpoint"}

    client.on_call = step
    assert pause(aws, Waiting(sleep=lambda _: None)) is True


def test_a_serverless_endpoint_is_described(client: Client, aws: Aws) -> None:
    client.endpoint = endpoint("InService", 12)
    assert read_endpoint(aws) == EndpointState(
        "InService", version="12", mode="serverless", memory_mb=2048, max_concurrency=5
    )


def test_a_version_that_bakes_is_described(client: Client, aws: Aws) -> None:
    # GIVEN an update from version 1 to version 2
    variant = {"DesiredInstanceCount": 2, "VariantStatus": [{"Status": "Creating"}]}
    client.endpoint = {
        **endpoint("Updating"),
        "PendingDeploymentSummary": {
            "EndpointConfigName": "bankruptcy-v2-0123abcd",
            "ProductionVariants": [variant],
        },
    }
    # THEN its version is shown beside the one in service
    starting = read_endpoint(aws)
    assert (starting.version, starting.pending_version, starting.pending_instances) == ("1", "2", 2)
    assert starting.text == "Updating, version 2 starts"
    variant["VariantStatus"] = [{"Status": "Baking"}]
    assert read_endpoint(aws).text == "Updating, version 2 bakes"
    # AND during a creation nothing runs beside it
    client.endpoint["EndpointStatus"] = "Creating"
    assert read_endpoint(aws).pending_version is None


@pytest.mark.parametrize(
    ("bakes", "mode", "doing"),
    [
        (False, "instance", "is starting"),
        (True, "instance", "answers requests and is being watched: an alarm rolls it back"),
        (False, "serverless", "is starting and cannot be aborted: serverless endpoints do not bake"),
    ],
)
def test_status_says_what_waits_for_an_update(bakes: bool, mode: str, doing: str) -> None:
    found = EndpointState("Updating", "1", mode, "ml.m5.large", 1, pending_version="2", bakes=bakes)
    assert endpoint_text(found).splitlines()[1] == (
        f"version 2 {doing}. Pausing, and rejecting version 1, wait until the update ends"
    )


def test_resume_stops_if_only_a_person_can_go_on(client: Client, aws: Aws) -> None:
    client.approved, client.endpoint = [1], endpoint("UpdateRollbackFailed")
    client.on_call = lambda: {"action": "none", "config": "c", "blocked": "Both failed."}
    with pytest.raises(OperationError, match="Both failed"):
        resume(aws, Waiting(sleep=lambda _: None))


def test_a_denied_request_does_not_mean_a_missing_endpoint(client: Client, aws: Aws) -> None:
    def denied(**_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeEndpoint")

    client.describe_endpoint = denied  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="AccessDenied"):
        read_endpoint(aws)


def test_costs_are_estimated() -> None:
    two = prices.of_instances("us-east-1", "ml.t2.medium", 2)
    assert (two.usd_per_hour, two.usd_per_month) == (0.112, 81.76)
    updating = prices.of_instances("us-east-1", "ml.t2.medium", 2, 2)
    assert (updating.usd_per_hour, "2 of them until the update ends" in updating.basis) == (0.224, True)
    unknown = prices.of_instances("eu-west-1", "ml.t2.medium", 1)
    assert (unknown.usd_per_hour, unknown.usd_per_month) == (None, None)
    assert unknown.basis == (
        "no price known for 1 × ml.t2.medium in eu-west-1; see https://aws.amazon.com/sagemaker/pricing/ "
        "($0.056 an hour each in us-east-1)"
    )
    assert prices.of_instances("eu-west-1", "ml.x9.large", 1).basis.endswith("sagemaker/pricing/")
    idle = prices.of_serverless("us-east-1", 2048)
    assert (idle.usd_per_hour, "$0.000040 per second" in idle.basis) == (0.0, True)
    assert "no price known" in prices.of_serverless("eu-west-1", 2048).basis
    assert prices.without_endpoint().usd_per_month == 0.0
    assert prices.AS_OF in two.source


def a_status(**changes: Any) -> Status:
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/bankruptcy/1"
    status = Status(
        project="bankruptcy",
        local=False,
        account="123456789012",
        region="us-east-1",
        pipeline="bankruptcy",
        execution=LastExecution("abc", "Succeeded", moment),
        packages=(ModelVersion(1, "Approved", moment, arn),),
        endpoint=EndpointState("InService", "1", "instance", "ml.t2.medium", 1),
        champion_version="1",
        paused=False,
        api_url="https://x.execute-api.us-east-1.amazonaws.com/prod",
        key_required=True,
        commit="0" * 40,
        alarms=("bankruptcy-dead-letters",),
        dead_letters=2,
        cost=prices.of_instances("us-east-1", "ml.t2.medium", 1),
    )
    return replace(status, **changes)


def test_status_has_the_documented_fields() -> None:
    facts = json.loads(json.dumps(status_document(a_status()), default=str))
    assert list(differences(documented_results()["status"], facts)) == []
    assert (facts["champion"], facts["endpoint"]["version"]) == (1, 1)
    assert (facts["alarms"], facts["dead_letters"]) == (["bankruptcy-dead-letters"], 2)
    assert (facts["cost"]["usd_per_hour"], facts["cost"]["usd_per_month"]) == (0.056, 40.88)


def test_status_names_the_account_and_the_cost_except_on_local_aws() -> None:
    on_aws = dict(status_facts(a_status(), "bankruptcy resume"))
    assert on_aws["project"] == "bankruptcy, account 123456789012, us-east-1"
    assert on_aws["cost"].startswith("estimate: $0.056 an hour, $40.88 a month: 1 × ml.t2.medium")
    assert on_aws["API key"] == "required"
    local = dict(status_facts(a_status(local=True, cost=None, key_required=False), "bankruptcy resume"))
    assert local["project"] == "bankruptcy, local AWS, us-east-1"
    assert local["cost"] == "none: local AWS"
    assert local["API key"] == "none: the API is open"


def test_the_guide_quotes_the_price_table() -> None:
    guide = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    price = prices.of_instances("us-east-1", "ml.t2.medium", 1)
    assert (
        f"`ml.t2.medium` in us-east-1 costs ${price.usd_per_hour} an hour, "
        f"about ${price.usd_per_month:.0f} a month" in guide
    )
    assert prices.AS_OF in guide
