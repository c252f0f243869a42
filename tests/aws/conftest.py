"""Fixtures: a running local AWS that is empty at the start of each test, and a project's registry on it."""

from support.local_aws.running import cloud, local_aws, running_aws
from support.models.registry import registry

__all__ = ["cloud", "local_aws", "registry", "running_aws"]
