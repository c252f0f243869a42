"""deploy_model's alarms and updates find failing versions, on local AWS's evaluation and traffic."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from deploy_model.bakes import Bakes
from support.deploy_model.aws import settings

from local_aws.alarms.alarms import Alarms, StoredAlarm
from local_aws.alarms.evaluation import Condition
from local_aws.base import clock
from local_aws.base.changes import Changes
from local_aws.base.metrics import Metrics
from local_aws.endpoints.host import Fleet, Traffic, record_request
from local_aws.sagemaker.guardrails import planned

BAKE_MINUTES = 10
# Of both versions; the canary of two instances gets half.
REQUESTS_A_MINUTE = 12
DEPLOYMENTS = 100


class CloudWatch:
    """A client of CloudWatch whose alarms local AWS evaluates."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}

    def put_metric_alarm(self, **request: Any) -> None:
        self.stored[request["AlarmName"]] = SimpleNamespace(
            name=request["AlarmName"],
            alarm_arn=request["AlarmName"],
            description=request["AlarmDescription"],
            actions_enabled=False,
            state_value="INSUFFICIENT_DATA",
            state_reason="",
            state_updated_timestamp=clock.now(),
            condition=Condition.of(request),
        )

    def delete_alarms(self, AlarmNames: list[str]) -> None:
        for name in AlarmNames:
            self.stored.pop(name, None)

    def alarms(self) -> Iterable[StoredAlarm]:
        return list(self.stored.values())


class Account:
    """The parts of AWS that an update needs, without containers."""

    def __init__(self) -> None:
        self.cloudwatch = CloudWatch()
        self.metrics = Metrics()

        def ignore(*_: object) -> Any:
            """Sample no queues, and send nothing."""

        self.alarms = Alarms(
            self.metrics,
            stored=self.cloudwatch.alarms,
            sample=cast("Any", lambda _moment: None),
            emit=ignore,
            clients=ignore,
            changes=Changes(),
            region="eu-west-1",
        )
        self.bakes = Bakes(cast("Any", self.cloudwatch), settings(bake_seconds=60 * BAKE_MINUTES))

    def deploy(self, config: str, failing: float, chance: random.Random) -> Mapping[str, Any]:
        """Update from a sound version to one that fails a share of its requests; return its outcome."""
        self.cloudwatch.stored.clear()
        self.bakes.make_alarms(config)
        update = planned(config, {}, 2, self.bakes.deployment_config(config, canary=True))
        old, new = (cast("Fleet", SimpleNamespace(config=name)) for name in ("old", config))
        traffic = Traffic(old)
        seen = {"rolled_back": False, "stages": 0, "new": 0, "all": 0}
        for stage in update.stages:
            seen["stages"] += 1
            traffic.shift(new, stage.share)
            for _ in range(stage.seconds // 60):
                for _ in range(REQUESTS_A_MINUTE):
                    fleet = traffic.choose()
                    fails = fleet is new and chance.random() < failing
                    record_request(self.metrics, "bankruptcy", fleet.config, 500 if fails else 200, 0.01)
                    if seen["stages"] == 1:
                        seen["all"] += 1
                        seen["new"] += fleet is new
                clock.advance(60)
                if "ALARM" in self.alarms.states(update.alarms).values():
                    return {**seen, "rolled_back": True}
        return seen


@pytest.fixture(autouse=True)
def _whole_minute() -> None:
    moment: datetime = clock.now()
    clock.advance(60 - moment.second)


def test_a_version_that_fails_one_request_in_twenty_is_rolled_back() -> None:
    # GIVEN two instances, and 60 requests on the canary during the first bake
    account, chance = Account(), random.Random(18)
    outcomes = [account.deploy(f"bankruptcy-v{n}-0", 0.05, chance) for n in range(DEPLOYMENTS)]
    # THEN at least 95 of 100 updates are rolled back
    assert sum(each["rolled_back"] for each in outcomes) >= 95
    # AND most of them by the canary, when no more than its share of the requests saw the version
    assert sum(each["stages"] == 1 for each in outcomes) >= 85
    assert all(each["new"] <= each["all"] / 2 for each in outcomes)


def test_a_sound_version_is_not_rolled_back() -> None:
    account, chance = Account(), random.Random(18)
    outcomes = [account.deploy(f"bankruptcy-v{n}-0", 0.0, chance) for n in range(10)]
    assert not any(each["rolled_back"] for each in outcomes)
    assert {(each["new"], each["all"]) for each in outcomes} == {(60, 120)}
