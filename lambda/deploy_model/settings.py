"""What the deployment is told by its environment, and the names that follow from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The one production variant of every endpoint configuration.
VARIANT = "AllTraffic"


@dataclass(frozen=True)
class Settings:
    """Where to deploy, and on what."""

    project: str
    bucket: str
    group: str
    endpoint: str
    role_arn: str
    mode: Literal["instance", "serverless"]
    instance_type: str
    instance_count: int
    serverless_memory_mb: int
    serverless_max_concurrency: int
    paused_parameter: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises
        ------
        KeyError
            If a variable is missing.
        ValueError
            If ``ENDPOINT_MODE`` is neither ``instance`` nor ``serverless``, or a size is no integer.
        """
        mode = environment["ENDPOINT_MODE"]
        if mode not in ("instance", "serverless"):
            raise ValueError(f"ENDPOINT_MODE is {mode!r}; it must be 'instance' or 'serverless'.")
        return cls(
            project=environment["PROJECT_NAME"],
            bucket=environment["BUCKET"],
            group=environment["MODEL_PACKAGE_GROUP"],
            endpoint=environment["ENDPOINT_NAME"],
            role_arn=environment["ENDPOINT_ROLE_ARN"],
            mode="serverless" if mode == "serverless" else "instance",
            instance_type=environment["INSTANCE_TYPE"],
            instance_count=int(environment["INSTANCE_COUNT"]),
            serverless_memory_mb=int(environment["SERVERLESS_MEMORY_MB"]),
            serverless_max_concurrency=int(environment["SERVERLESS_MAX_CONCURRENCY"]),
            paused_parameter=environment["PAUSED_PARAMETER"],
        )

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
            "InitialInstanceCount": self.instance_count,
            "InitialVariantWeight": 1.0,
        }

    def name_for(self, version: int) -> str:
        """Return the name of the model and of the endpoint configuration that serve a package version.

        The name changes with everything that an existing configuration can't change any more.
        """
        facts = json.dumps([self.variant(), self.role_arn], sort_keys=True)
        return f"{self.project}-v{version}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}"
