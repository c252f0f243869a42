"""The outbox of local AWS keeps what topics would have sent to people; `bankruptcy local outbox` shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from support.local_aws.cloud import Cloud
from support.local_aws.environment import point_at
from typer.testing import CliRunner

from local_aws.outbox.api import MOST_MESSAGES, Outbox
from local_aws.server import LocalAws
from scripts.cli import app


@pytest.fixture
def topic(cloud: Cloud, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> str:
    point_at(local_aws, monkeypatch)
    return str(cloud.sns.create_topic(Name="alarms")["TopicArn"])


def outbox(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["local", "outbox", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def subjects() -> list[str]:
    return [message["subject"] for message in json.loads(outbox("--json"))["messages"]]


def test_messages_are_kept_with_their_recipients(cloud: Cloud, topic: str) -> None:
    # GIVEN a topic with an email address and a queue
    queue = cloud.sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.aws.region}:123456789012:q"
    cloud.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.com")
    cloud.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    # WHEN messages are published, one of them without a subject
    cloud.sns.publish(TopicArn=topic, Subject="First [1]", Message="Line 1\nLine 2")
    cloud.sns.publish(TopicArn=topic, Message="No subject")
    # THEN the outbox has them in order, with the person; the queue has received them
    messages: list[dict[str, Any]] = json.loads(outbox("--json"))["messages"]
    assert [(each["subject"], each["text"]) for each in messages] == [
        ("First [1]", "Line 1\nLine 2"),
        ("", "No subject"),
    ]
    assert all(each["topic"] == topic and each["recipients"] == ["email:me@example.com"] for each in messages)
    assert cloud.sqs.receive_message(QueueUrl=queue)["Messages"]
    # AND the command lists them, and shows one
    listed = " ".join(outbox().split())
    assert "alarms email:me@example.com First [1] 2" in listed
    assert outbox("1") == "First [1]\n\nLine 1\nLine 2\n"
    assert "There is no message 3; the outbox has 2." in outbox("3", code=2)


def test_a_deleted_topic_leaves_its_messages_and_a_reset_does_not(
    cloud: Cloud, topic: str, local_aws: LocalAws
) -> None:
    assert "The outbox is empty." in outbox()
    cloud.sns.publish(TopicArn=topic, Subject="kept", Message="m")
    cloud.sns.delete_topic(TopicArn=topic)
    assert subjects() == ["kept"]
    local_aws.reset()
    assert subjects() == []


def test_web_pages_cannot_read_it(local_aws: LocalAws, topic: str) -> None:
    answer = urllib3.request(
        "GET", f"{local_aws.url}/_local/outbox", headers={"Sec-Fetch-Site": "cross-site"}, retries=False
    )
    assert (answer.status, topic in answer.data.decode()) == (403, False)


def test_only_the_newest_messages_are_kept() -> None:
    kept = Outbox()
    for number in range(MOST_MESSAGES + 2):
        kept.add("topic", str(number), "", ())
    assert [kept.messages()[0].subject, kept.messages()[-1].subject] == ["2", str(MOST_MESSAGES + 1)]


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("http://127.0.0.1:9", 1, "Local AWS does not answer at http://127.0.0.1:9."),
        ("https://sns.eu-west-1.amazonaws.com", 2, "which is not on this machine"),
    ],
)
def test_another_address_is_an_error(
    monkeypatch: pytest.MonkeyPatch, url: str, code: int, message: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert message in outbox(code=code)
