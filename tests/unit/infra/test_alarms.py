"""Alarms and notices: who is notified, and the section of the runbook for each."""

from __future__ import annotations

import json
import re

import pytest
from send_notices.texts import Texts

from local_aws.cloudformation.template import Scope, Template
from local_aws.logs.filters import parse
from scripts.deploy.template import TEMPLATES

SERVICE = (TEMPLATES / "service.yaml").read_text(encoding="utf-8")
RUNBOOK = (TEMPLATES.parent / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_every_alarm_has_a_section_in_the_runbook_and_names_it() -> None:
    alarms = re.findall(r"AlarmName: !Sub \$\{ProjectName\}-(\S+)", SERVICE)
    assert re.findall(r"^## Alarm `(.+)`$", RUNBOOK, re.MULTILINE) == alarms != []
    for name in alarms:
        assert f'See "Alarm {name}" in docs/runbook.md.' in " ".join(SERVICE.split())


@pytest.mark.parametrize(
    ("status", "error", "counted"),
    [
        ("200", "-", None),
        ("403", "INVALID_API_KEY", None),
        # The function met an unexpected error.
        ("500", "-", "FailedRequests"),
        # The gateway could not call it, or it crashed, or did not answer in time.
        ("500", "API_CONFIGURATION_ERROR", "FailedRequests"),
        ("502", "INTEGRATION_FAILURE", "FailedRequests"),
        ("504", "INTEGRATION_TIMEOUT", "FailedRequests"),
        # The function answers these on purpose: the model failed, is paused or slow.
        ("502", "-", None),
        ("503", "-", None),
        ("504", "-", None),
        ("429", "-", "ThrottledRequests"),
        ("429", "THROTTLED", "ThrottledRequests"),
        ("429", "QUOTA_EXCEEDED", "ThrottledRequests"),
    ],
)
def test_the_access_log_distinguishes_failed_and_throttled_requests_from_others(
    status: str, error: str, counted: str | None
) -> None:
    line = json.dumps({"status": status, "error": error, "path": "/prod/predict"})
    filters = {
        resource["Properties"]["MetricTransformations"][0]["MetricName"]: resource["Properties"][
            "FilterPattern"
        ]
        for resource in Template(SERVICE).resources.values()
        if resource["Type"] == "AWS::Logs::MetricFilter"
    }
    assert set(filters) == {"FailedRequests", "ThrottledRequests"}
    matching = [name for name, pattern in filters.items() if parse(pattern)(line)]
    assert matching == ([] if counted is None else [counted])


def test_every_notice_names_a_section_of_the_runbook() -> None:
    sections = [heading.replace("`", "") for heading in re.findall(r"(?m)^## (.+)$", RUNBOOK)]
    texts = Texts("bankruptcy")
    for title, text in (
        texts.waits("1", {}, None),
        texts.deployed("1"),
        texts.rolled_back("1", "why"),
        texts.given_up("1", "why"),
        texts.blocked("why"),
        texts.execution_failed("e", []),
        texts.alarm_ended("bankruptcy-endpoint-errors"),
    ):
        named = re.search(r'Runbook: "(.+)" in docs/runbook.md$', text)
        assert named is not None
        assert named[1] in sections
        # SNS takes a subject of at most 100 characters, and the longest project name has 24.
        assert len(title) - len("bankruptcy") + 24 <= 100


def test_alarms_notify_people_when_they_start_and_end_unless_a_notice_does() -> None:
    alarms = {
        name: resource["Properties"]
        for name, resource in Template(SERVICE).resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    notifying = {name for name, alarm in alarms.items() if "AlarmActions" in alarm}
    assert set(alarms) - notifying == {"GivenUpAlarm", "FailedExecutionAlarm"}
    assert all(alarms[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}] for name in notifying)
    rule = Template(SERVICE).resources["EndedAlarmRule"]["Properties"]["EventPattern"]["detail"]
    named = {name["Fn::Sub"] for name in rule["alarmName"]}
    assert named == {alarms[name]["AlarmName"]["Fn::Sub"] for name in notifying}


@pytest.mark.parametrize("is_on", [True, False])
def test_the_dashboard_shows_every_alarm_that_is_made(is_on: bool) -> None:
    template = Template(SERVICE)
    given = {"PredictionLog": "full" if is_on else "off", "WatchApi": str(is_on).lower(), "ProjectName": "p"}
    values = {**{name: str(each.get("Default", "x")) for name, each in template.parameters.items()}, **given}
    scope = Scope(template, values, lambda name, _: name)
    alarms = {
        name for name, resource in template.resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    body = json.loads(scope.resolve(template.resources["Dashboard"]["Properties"])["DashboardBody"])
    [shown] = [each["properties"]["alarms"] for each in body["widgets"] if each["type"] == "alarm"]
    assert set(shown) == alarms - (set() if is_on else {"LostPredictionsAlarm", "WatchAlarm"})
    assert len(set(shown)) == len(shown)
