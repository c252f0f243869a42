"""Guards updates of the endpoint: how traffic moves to the new version, and which alarms roll it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy_model.settings import VARIANT, Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

# Starting the instances takes some minutes, and so does a rollback.
_STARTUP_SECONDS = 1800
_PERIOD = 60
# One slow minute can be a cold cache.
_SLOW_MINUTES = 3


class Bakes:
    """Makes deployment configurations and their rollback alarms.

    The alarms only see the requests to the new version (dimension ``EndpointConfigName``), so a failing
    champion does not prevent its own replacement. An alarm that went off stays on for the rest of the
    deployment, so that its state still tells the cause after the rollback.

    Parameters
    ----------
    cloudwatch
        Client of CloudWatch.
    settings
        The endpoint's name, the length of a bake and the latency that is too high.
    """

    def __init__(self, cloudwatch: CloudWatchClient, settings: Settings) -> None:
        self._cloudwatch = cloudwatch
        self._settings = settings

    def deployment_config(self, config: str, *, canary: bool) -> dict[str, Any]:
        """Return the ``DeploymentConfig`` of an update to an endpoint configuration.

        Parameters
        ----------
        config
            Name of the new endpoint configuration.
        canary
            Whether one instance of the new version first bakes alone. Otherwise all traffic moves at once.
        """
        bake = self._settings.bake_seconds
        bakes = 1
        routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        if canary:
            bakes = 2  # alone, and with all instances
            routing = {
                "Type": "CANARY",
                # At most half of the instances are allowed, and there are at least two.
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
                "WaitIntervalInSeconds": bake,
            }
        return {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": bake,
                "MaximumExecutionTimeoutInSeconds": self._longest(bakes),
            },
            "AutoRollbackConfiguration": {
                "Alarms": [{"AlarmName": name} for name in self._alarms(config).values()]
            },
        }

    def make_alarms(self, config: str) -> None:
        """Make the rollback alarms of an endpoint configuration."""
        # An alarm that exists would keep its state, for example ALARM from an earlier attempt.
        self.delete_alarms(config)
        names = self._alarms(config)
        self._put_errors_alarm(names["errors"], config, "The model failed on a request.")
        self._put(
            names["latency"],
            config,
            f"The model took longer than {self._settings.latency_alarm_ms} ms on average.",
            MetricName="ModelLatency",
            Statistic="Average",
            DatapointsToAlarm=_SLOW_MINUTES,
            # SageMaker reports microseconds.
            Threshold=float(self._settings.latency_alarm_ms * 1000),
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )

    def abort(self, config: str, reason: str) -> None:
        """Let SageMaker roll back the update to an endpoint configuration; it can be repeated.

        SageMaker has no call that stops an update, and a state that is set with ``SetAlarmState`` lasts only
        until the next evaluation. So the alarm's condition is changed to one that always holds.
        """
        name = self._alarms(config)["errors"]
        self._put_errors_alarm(name, config, reason, Threshold=0.0, TreatMissingData="breaching")

    def cause(self, config: str) -> str | None:
        """Return the alarm that rolled back an update, with its description; None if no alarm is on."""
        names = sorted(self._alarms(config).values())
        found = self._cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        for alarm in sorted(found, key=lambda each: each["AlarmName"]):
            if alarm["StateValue"] == "ALARM":
                return f"{alarm['AlarmName']}: {alarm['AlarmDescription']}"
        return None

    def delete_alarms(self, config: str) -> None:
        """Delete the rollback alarms of an endpoint configuration, if it has any."""
        try:
            self._cloudwatch.delete_alarms(AlarmNames=sorted(self._alarms(config).values()))
        except ClientError as error:
            # The other alarms are deleted even if one does not exist.
            if error.response.get("Error", {}).get("Code") != "ResourceNotFound":
                raise

    def _alarms(self, config: str) -> dict[str, str]:
        prefix = f"{self._settings.project}-rollback"
        return {kind: f"{prefix}-{kind}-{config}" for kind in ("errors", "latency")}

    def _longest(self, bakes: int = 2) -> int:
        """Return the seconds after which SageMaker gives up an update."""
        return bakes * self._settings.bake_seconds + _STARTUP_SECONDS

    def _put_errors_alarm(self, name: str, config: str, description: str, **changes: Any) -> None:
        condition = {"Threshold": 1.0, "TreatMissingData": "notBreaching", **changes}
        self._put(
            name,
            config,
            description,
            MetricName="Invocation5XXErrors",
            Statistic="Sum",
            DatapointsToAlarm=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            **condition,
        )

    def _put(self, name: str, config: str, description: str, **condition: Any) -> None:
        self._cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=description,
            Namespace="AWS/SageMaker",
            Dimensions=[
                {"Name": "EndpointName", "Value": self._settings.endpoint},
                {"Name": "VariantName", "Value": VARIANT},
                {"Name": "EndpointConfigName", "Value": config},
            ],
            Period=_PERIOD,
            EvaluationPeriods=self._longest() // _PERIOD,
            **condition,
        )
