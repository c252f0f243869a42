"""The bounds between which the endpoint's instances scale with the number of requests."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from deploy_model.settings import VARIANT, Settings

_POLICY = "invocations-per-instance"
# Seconds between two changes: quick when requests pile up, slow when they cease.
_SCALE_OUT_COOLDOWN = 60
_SCALE_IN_COOLDOWN = 300


class Scaling:
    """Has Application Auto Scaling look after the endpoint, or leave it alone; both can be repeated.

    Parameters
    ----------
    autoscaling
        Client of Application Auto Scaling.
    settings
        The endpoint, and the bounds.
    """

    def __init__(self, autoscaling: Any, settings: Settings) -> None:
        self._autoscaling = autoscaling
        self._settings = settings
        self._target: Any = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{settings.endpoint}/variant/{VARIANT}",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def start(self) -> None:
        """Scale between the settings' bounds; without room between them do nothing."""
        if not self._settings.scales:
            return
        self._autoscaling.register_scalable_target(
            **self._target,
            MinCapacity=self._settings.min_instances,
            MaxCapacity=self._settings.max_instances,
        )
        self._autoscaling.put_scaling_policy(
            **self._target,
            PolicyName=_POLICY,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(self._settings.invocations_per_instance),
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
                "ScaleOutCooldown": _SCALE_OUT_COOLDOWN,
                "ScaleInCooldown": _SCALE_IN_COOLDOWN,
            },
        )

    def stop(self) -> None:
        """Leave the number of instances alone from now on; the policy goes along with the target."""
        try:
            self._autoscaling.deregister_scalable_target(**self._target)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ObjectNotFoundException":
                raise
