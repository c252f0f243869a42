"""Settings from environment variables, and the resource names derived from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The name of the only production variant of every endpoint configuration.
VARIANT = "AllTraffic"
# A container loads its model and answers its health check within seconds once the image is there. With the
# longer default, a model that fails its known answer would hold the update for half an hour.
STARTUP_SECONDS = 180


@dataclass(frozen=True)
class Settings:
    """Names, role and sizes of the endpoint."""

    project: str
    bucket: str
    group: str
    endpoint: str
    role_arn: str
    mode: Literal["instance", "serverless"]
    instance_type: str
    min_instances: int
    max_instances: int
    invocations_per_instance: int
    serverless_memory_mb: int
    serverless_max_concurrency: int
    bake_seconds: int
    latency_alarm_ms: int
    paused_parameter: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises
        ------
        KeyError
            If a variable is missing.
        ValueError
            If ``ENDPOINT_MODE`` is neither ``instance`` nor ``serverless``, a size is not an integer, or
            ``MAX_INSTANCES`` is less than ``MIN_INSTANCES``.
        """
        mode = environment["ENDPOINT_MODE"]
        if mode not in ("instance", "serverless"):
            raise ValueError(f"ENDPOINT_MODE is {mode!r}; it must be 'instance' or 'serverless'.")
        least, most = int(environment["MIN_INSTANCES"]), int(environment["MAX_INSTANCES"])
        if most < least:
            raise ValueError(f"MAX_INSTANCES is {most}; it must be at least MIN_INSTANCES, which is {least}.")
        return cls(
            project=environment["PROJECT_NAME"],
            bucket=environment["BUCKET"],
            group=environment["MODEL_PACKAGE_GROUP"],
            endpoint=environment["ENDPOINT_NAME"],
            role_arn=environment["ENDPOINT_ROLE_ARN"],
            mode="serverless" if mode == "serverless" else "instance",
            instance_type=environment["INSTANCE_TYPE"],
            min_instances=least,
            max_instances=most,
            invocations_per_instance=int(environment["INVOCATIONS_PER_INSTANCE"]),
            serverless_memory_mb=int(environment["SERVERLESS_MEMORY_MB"]),
            serverless_max_concurrency=int(environment["SERVERLESS_MAX_CONCURRENCY"]),
            bake_seconds=int(environment["BAKE_SECONDS"]),
            latency_alarm_ms=int(environment["LATENCY_ALARM_MS"]),
            paused_parameter=environment["PAUSED_PARAMETER"],
        )

    @property
    def scales(self) -> bool:
        """Whether the number of instances follows the number of requests."""
        return self.mode == "instance" and self.max_instances > self.min_instances

    def variant(self) -> dict[str, Any]:
        """Return the production variant of the endpoint configuration, without the model's name."""
        if self.mode == "serverless":
            return {
                "VariantName": VARIANT,
                "ServerlessConfig": {
                    "MemorySizeInMB": self.serverless_memory_mb,
                    "MaxConcurrency": self.serverless_max_concurrency,
                },
            }
        return {
            "VariantName": VARIANT,
            "InstanceType": self.instance_type,
            "InitialInstanceCount": self.min_instances,
            "InitialVariantWeight": 1.0,
            "ContainerStartupHealthCheckTimeoutInSeconds": STARTUP_SECONDS,
        }

    def name_for(self, version: int) -> str:
        """Return the name of the model and the endpoint configuration of a package version.

        The name contains a hash of all settings that cannot be changed in an existing configuration, and of
        the scaling settings, so that a changed setting leads to a new deployment.
        """
        scaling = [self.max_instances, self.invocations_per_instance] if self.scales else None
        facts = json.dumps([self.variant(), self.role_arn, scaling], sort_keys=True)
        return f"{self.project}-v{version}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}"
