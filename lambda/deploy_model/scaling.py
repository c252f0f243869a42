"""Scales the endpoint's instances with the number of requests."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from deploy_model.settings import VARIANT, Settings

_POLICY = "invocations-per-instance"
# Seconds between two changes: scale out fast, and scale in slowly.
_SCALE_OUT_COOLDOWN = 60
_SCALE_IN_COOLDOWN = 300


class Scaling:
    """Starts and stops Application Auto Scaling for the endpoint; both can be repeated.

    Parameters
    ----------
    autoscaling
        Client of Application Auto Scaling.
    settings
        The endpoint's name and the bounds.
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
        """Start scaling between the settings' bounds; do nothing if they are equal."""
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
        """Stop scaling; the policy is deleted with the target."""
        try:
            self._autoscaling.deregister_scalable_target(**self._target)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ObjectNotFoundException":
                raise
