"""A failure of any AWS call does not change the state that deploy_model reaches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from deploy_model.publication import NoAnswerError
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error

REFUSALS = 4  # More failures than a version has attempts.


class Killed(BaseException):
    """The function's process was killed."""


class Life:
    """A scenario for one service, with the number and the kind of the failing call."""

    def __init__(self, disturbance: str = "none", at_call: int = 0) -> None:
        self.aws = Aws()
        self.settings = settings()
        self.hopeless: set[str] = set()
        self.calls = 0
        self._disturbance = disturbance
        self._at_call = at_call
        self._refused: list[str] = []

    def watch(self) -> None:
        """Start to count calls."""
        self.aws.fail, self.aws.lose = self._before, self._after

    def to_rest(self) -> None:
        """Call the function, as events and the schedule do, until there is nothing left to do."""
        for _ in range(30):
            try:
                step = self.aws.reconciler(self.settings).step()
            except (ClientError, BotoCoreError, NoAnswerError, Killed):
                step = {"action": "failed"}
            self._settle()
            if step["action"] == "none":
                return
        raise AssertionError("no rest after 30 steps")

    def state(self) -> dict[str, Any]:
        """Return the state of AWS without the counts of failures, because a disturbance can add one."""
        aws = self.aws
        packages = {
            version: {
                **package,
                "CustomerMetadataProperties": {
                    key: value
                    for key, value in package["CustomerMetadataProperties"].items()
                    if key != "DeploymentFailedAttempts"
                },
            }
            for version, package in aws.packages.items()
        }
        return {
            "packages": packages,
            "models": aws.models,
            "configs": aws.configs,
            "endpoint": aws.endpoint,
            "tags": aws.tags,
            "scaling": aws.scaling,
            "objects": aws.objects,
        }

    def _settle(self) -> None:
        endpoint = self.aws.endpoint or {}
        config = self.aws.configs.get(endpoint.get("target", endpoint.get("EndpointConfigName")))
        version = self.aws.environment(config)["MODEL_PACKAGE_VERSION"] if config else None
        self.aws.settle(succeeds=version not in self.hopeless)

    def _before(self, operation: str) -> None:
        self.calls += 1
        if self._disturbance == "denied":
            if self.calls == self._at_call or (operation in self._refused and len(self._refused) < REFUSALS):
                self._refused.append(operation)
                raise error("AccessDeniedException", "You are not authorized to perform it.", operation)
        elif self.calls == self._at_call:
            if self._disturbance == "killed":
                raise Killed
            if self._disturbance == "throttled":
                raise error("ThrottlingException", "Rate exceeded", operation)
            if self._disturbance == "unreachable":
                raise ConnectTimeoutError(endpoint_url="https://sagemaker.eu-west-1.amazonaws.com")

    def _after(self, _operation: str) -> bool:
        if self.calls == self._at_call and self._disturbance == "lost":
            raise ReadTimeoutError(endpoint_url="https://sagemaker.eu-west-1.amazonaws.com")
        return self.calls == self._at_call and self._disturbance == "repeated"


def serving(life: Life, count: int) -> None:
    """Approve and deploy all versions up to this one, one after the other."""
    for _ in range(count):
        life.aws.register()
        life.to_rest()


def first_version(life: Life) -> None:
    life.watch()
    life.aws.register()


def fifth_version(life: Life) -> None:
    """The first version's model and configuration are deleted."""
    serving(life, 4)
    life.watch()
    life.aws.register()


def rejection(life: Life) -> None:
    serving(life, 2)
    life.watch()
    life.aws.decide("2", "Rejected")


def pause(life: Life) -> None:
    serving(life, 1)
    life.watch()
    life.aws.pause()


def resume(life: Life) -> None:
    serving(life, 1)
    life.aws.pause()
    life.to_rest()
    life.watch()
    life.aws.pause(False)


def change_of_mode(life: Life) -> None:
    serving(life, 1)
    life.watch()
    life.settings = settings(mode="serverless")


def end_of_scaling(life: Life) -> None:
    life.settings = settings(max_instances=4, instance_type="ml.m5.large")
    serving(life, 1)
    life.watch()
    life.settings = settings()


def beginning_of_scaling(life: Life) -> None:
    serving(life, 1)
    life.watch()
    life.settings = settings(max_instances=4, instance_type="ml.m5.large")


def other_instances_under_scaling(life: Life) -> None:
    life.settings = settings(max_instances=4, instance_type="ml.m5.large")
    serving(life, 1)
    life.watch()
    life.settings = settings(max_instances=4, instance_type="ml.m5.xlarge")


def update_that_fails(life: Life) -> None:
    """SageMaker keeps the old configuration, and after three attempts the version is given up."""
    serving(life, 1)
    life.hopeless = {"2"}
    life.watch()
    life.aws.register()


def creation_that_fails(life: Life) -> None:
    life.hopeless = {"2"}
    life.watch()
    life.aws.register()
    life.aws.register()


def wrong_answer(life: Life) -> None:
    serving(life, 1)
    life.aws.wrong_answers = {"2"}
    life.watch()
    life.aws.register()


CHANGES = [
    first_version,
    fifth_version,
    rejection,
    pause,
    resume,
    change_of_mode,
    beginning_of_scaling,
    end_of_scaling,
    other_instances_under_scaling,
    update_that_fails,
    creation_that_fails,
    wrong_answer,
]


@pytest.mark.parametrize("disturbance", ["killed", "throttled", "unreachable", "denied", "lost", "repeated"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_failure_at_any_call_does_not_change_the_result(
    change: Callable[[Life], None], disturbance: str
) -> None:
    undisturbed = Life()
    change(undisturbed)
    before = copy.deepcopy(undisturbed.state())
    undisturbed.to_rest()
    assert undisturbed.state() != before
    operations = undisturbed.aws.calls[-undisturbed.calls :]
    for call in range(1, undisturbed.calls + 1):
        life = Life(disturbance, call)
        change(life)
        life.to_rest()
        assert life.calls >= call
        assert life.state() == undisturbed.state(), f"disturbed at call {call}, {operations[call - 1]}"
