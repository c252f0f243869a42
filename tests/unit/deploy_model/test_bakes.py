"""An update bakes: alarms watch the new version, and roll it back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from deploy_model.reconcile import BAKE_REQUESTS
from support.deploy_model.aws import Aws, settings

TWO = settings(min_instances=2, max_instances=2)
SCALING = settings(instance_type="ml.m5.large", min_instances=1, max_instances=4)


def prepared(aws: Aws, with_settings: Any = None, *, same_contract: bool = True) -> None:
    """Put version 1 in service, and approve version 2."""
    aws.register()
    aws.run(aws.reconciler(with_settings))
    aws.register()
    if same_contract:
        aws.objects["models/execution-2/contract.json"] = aws.objects[
            "models/execution-2/contract.json"
        ].replace(b"0000000000000002", b"0000000000000001")
        aws.packages["2"]["CustomerMetadataProperties"]["ContractHash"] = f"{1:016x}"


def policy(aws: Aws) -> dict[str, Any]:
    config = aws.deployments[-1]
    assert config is not None
    return config["BlueGreenUpdatePolicy"]


class TestTraffic:
    """How the traffic moves to the new version."""

    def test_one_instance_takes_all_traffic_at_once_and_bakes(self, aws: Aws) -> None:
        prepared(aws)
        assert aws.reconciler().step()["action"] == "update_endpoint"
        assert policy(aws) == {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 600,
            "MaximumExecutionTimeoutInSeconds": 600 + 1800,
        }

    def test_of_two_instances_one_bakes_first(self, aws: Aws) -> None:
        prepared(aws, TWO)
        aws.reconciler(TWO).step()
        assert policy(aws) == {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
                "WaitIntervalInSeconds": 600,
            },
            "TerminationWaitInSeconds": 600,
            "MaximumExecutionTimeoutInSeconds": 2 * 600 + 1800,
        }

    @pytest.mark.parametrize(("running", "kind"), [(1, "ALL_AT_ONCE"), (3, "CANARY")])
    def test_the_current_number_of_scaled_instances_decides(self, aws: Aws, running: int, kind: str) -> None:
        prepared(aws, SCALING)
        assert aws.endpoint is not None
        aws.endpoint["ProductionVariants"][0]["CurrentInstanceCount"] = running
        aws.reconciler(SCALING).step()
        assert policy(aws)["TrafficRoutingConfiguration"]["Type"] == kind

    def test_a_changed_contract_is_never_a_canary(self, aws: Aws) -> None:
        prepared(aws, TWO, same_contract=False)
        aws.reconciler(TWO).step()
        assert policy(aws)["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"

    def test_a_version_in_service_that_was_not_verified_is_not_mixed_with_another(self, aws: Aws) -> None:
        prepared(aws, TWO)
        aws.tags["VerifiedConfig"] = "another"
        aws.decide("2", "Rejected")
        aws.wrong_answers = {"1"}
        aws.decide("2", "Approved")
        aws.reconciler(TWO).step()
        assert policy(aws)["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"

    def test_a_serverless_endpoint_has_no_bake(self, aws: Aws) -> None:
        serverless = settings(mode="serverless")
        prepared(aws, serverless)
        aws.reconciler(serverless).step()
        assert aws.deployments == [None]
        assert aws.alarms == {}


class TestAlarms:
    """The alarms of an update see the new version alone."""

    def test_they_are_made_for_the_new_configuration(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        config = settings().name_for(2)
        errors, latency = f"bankruptcy-rollback-errors-{config}", f"bankruptcy-rollback-latency-{config}"
        assert set(aws.alarms) == {errors, latency}
        deployment = aws.deployments[-1]
        assert deployment is not None
        assert deployment["AutoRollbackConfiguration"] == {
            "Alarms": [{"AlarmName": errors}, {"AlarmName": latency}]
        }
        common = {
            "Namespace": "AWS/SageMaker",
            "Dimensions": [
                {"Name": "EndpointName", "Value": "bankruptcy"},
                {"Name": "VariantName", "Value": "AllTraffic"},
                {"Name": "EndpointConfigName", "Value": config},
            ],
            "Period": 60,
            # An alarm that went off stays on for the whole deployment: two bakes and half an hour.
            "EvaluationPeriods": 50,
            "TreatMissingData": "notBreaching",
        }
        # ONE failed request is enough, so that a rare failure is found in few requests.
        expected = {"MetricName": "Invocation5XXErrors", "Statistic": "Sum", "Threshold": 1.0}
        assert aws.alarms[errors].items() >= {**common, **expected, "DatapointsToAlarm": 1}.items()
        assert aws.alarms[errors]["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        # In microseconds, as SageMaker reports the latency.
        expected = {"MetricName": "ModelLatency", "Statistic": "Average", "Threshold": 1_000_000.0}
        assert aws.alarms[latency].items() >= {**common, **expected, "DatapointsToAlarm": 3}.items()
        assert aws.alarms[latency]["ComparisonOperator"] == "GreaterThanThreshold"

    def test_they_are_deleted_with_the_configuration(self, aws: Aws) -> None:
        for _ in range(5):
            aws.register()
            aws.run(aws.reconciler())
        watched = {name.rpartition("bankruptcy-v")[2] for name in aws.alarms}
        assert watched == {settings().name_for(version).rpartition("-v")[2] for version in (3, 4, 5)}

    def test_a_new_attempt_starts_with_fresh_alarms(self, aws: Aws) -> None:
        prepared(aws)
        rolled_back(aws)
        assert {alarm["StateValue"] for alarm in aws.alarms.values()} == {"INSUFFICIENT_DATA", "ALARM"}
        aws.decide("2", "Rejected")
        aws.reconciler().step()
        aws.decide("2", "Approved")
        assert aws.reconciler().step()["action"] == "update_endpoint"
        assert {alarm["StateValue"] for alarm in aws.alarms.values()} == {"INSUFFICIENT_DATA"}


def rolled_back(aws: Aws, kind: str = "errors") -> dict[str, Any]:
    """Deploy the newest version, let an alarm go off, and return the step after the rollback."""
    assert aws.reconciler().step()["action"] == "update_endpoint"
    aws.bake()
    aws.set_off(kind)
    aws.settle()
    return aws.reconciler().step()


class TestRollback:
    """After an alarm has gone off, the old version serves and the new one is not tried again."""

    @pytest.mark.parametrize(
        ("kind", "description"),
        [
            ("errors", "The model failed on a request."),
            ("latency", "The model took longer than 1000 ms on average."),
        ],
    )
    def test_the_version_is_final_with_the_alarm_as_its_cause(
        self, aws: Aws, kind: str, description: str
    ) -> None:
        prepared(aws)
        step = rolled_back(aws, kind)
        reason = f"bankruptcy-rollback-{kind}-{settings().name_for(2)}: {description}"
        assert (step["action"], step["version"], step["rolled_back"]) == ("none", "1", {"2": reason})
        metadata = aws.packages["2"]["CustomerMetadataProperties"]
        assert metadata["DeploymentFailedReason"] == reason
        # AND it is not tried again, and not reported again
        again = aws.reconciler().step()
        assert (again["action"], again["given_up"], "rolled_back" in again) == ("none", ["2"], False)
        assert aws.serving() == aws.published()["version"] == "1"  # type: ignore[index]

    def test_it_is_final_even_if_the_service_is_paused_before_it_is_noted(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        aws.set_off()
        aws.pause()
        aws.settle()
        step = aws.reconciler().step()
        assert (step["action"], list(step["rolled_back"])) == ("delete_endpoint", ["2"])
        aws.settle()
        aws.pause(False)
        aws.run(aws.reconciler())
        assert aws.serving() == "1"

    def test_a_failure_without_an_alarm_is_tried_again(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        aws.settle(succeeds=False)
        step = aws.reconciler().step()
        assert (step["action"], "rolled_back" in step) == ("update_endpoint", False)

    def test_an_attempt_whose_tag_was_lost_is_noted_during_the_update(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        del aws.tags["AttemptedConfig"]
        assert aws.reconciler().step()["action"] == "wait"
        aws.set_off()
        aws.settle()
        assert list(aws.reconciler().step()["rolled_back"]) == ["2"]

    def test_after_a_failed_rollback_the_endpoint_keeps_serving(self, aws: Aws) -> None:
        # GIVEN an update whose rollback failed
        prepared(aws)
        aws.reconciler().step()
        aws.set_off()
        aws.fail_rollback()
        # THEN it is kept, and the failure is reported
        step = aws.reconciler().step()
        assert (step["action"], list(step["rolled_back"])) == ("none", ["2"])
        assert step["blocked"].startswith("The last update and its rollback failed.")
        assert aws.serving() == "1"
        # AND a pause and a resumption create it again
        aws.pause()
        aws.run(aws.reconciler())
        aws.pause(False)
        aws.run(aws.reconciler())
        assert aws.serving() == "1"


class TestAbort:
    """An update that nobody wants any more is rolled back."""

    def test_a_version_that_is_rejected_during_its_update_is_rolled_back(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        aws.decide("2", "Rejected")
        step = aws.reconciler().step()
        assert (step["action"], step["aborted"]) == ("wait", "2")
        aws.settle()
        step = aws.reconciler().step()
        assert step["rolled_back"]["2"].endswith(": Version 2 is no longer approved.")
        assert aws.serving() == "1"
        # AND an approval deploys it again
        aws.decide("2", "Approved")
        aws.run(aws.reconciler())
        assert aws.serving() == "2"

    def test_a_pause_waits(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        aws.pause()
        assert aws.reconciler().step() == {"action": "wait", "reason": "The endpoint is Updating."}

    def test_a_version_that_answers_differently_is_rolled_back(self, aws: Aws) -> None:
        prepared(aws, TWO)
        aws.reconciler(TWO).step()
        aws.bake()
        aws.wrong_answers = {"2"}
        aws.answering = itertools.cycle("12")
        assert aws.reconciler(TWO).step()["aborted"] == "2"
        aws.settle()
        step = aws.reconciler(TWO).step()
        assert "The smoke test returned the probability 0.9" in step["rolled_back"]["2"]


class TestRequests:
    """While a version bakes, deploy_model sends it requests."""

    def test_they_are_sent_only_during_a_bake(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        assert "asked" not in aws.reconciler().step()
        aws.bake()
        aws.answering = itertools.repeat("2")
        before = aws.calls.count("invoke_endpoint")
        step = aws.reconciler().step()
        assert (step["action"], step["asked"]) == ("wait", BAKE_REQUESTS)
        assert aws.calls.count("invoke_endpoint") - before == BAKE_REQUESTS

    def test_each_instance_gets_its_share(self, aws: Aws) -> None:
        prepared(aws, TWO)
        aws.reconciler(TWO).step()
        aws.bake()
        aws.answering = itertools.cycle("12")
        assert aws.reconciler(TWO).step()["asked"] == 2 * BAKE_REQUESTS

    def test_a_model_that_does_not_answer_is_left_to_the_alarm(self, aws: Aws) -> None:
        prepared(aws)
        aws.reconciler().step()
        aws.bake()
        aws.silent = True
        assert aws.reconciler().step()["asked"] == 0
