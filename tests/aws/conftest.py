"""Fixtures: a local AWS that is empty at the start of each test, a project's registry, and two accounts."""

from support.local_aws.running import cloud, local_aws, running_aws
from support.models.registry import registry
from support.promotion import accounts, model_folder, pair

__all__ = ["accounts", "cloud", "local_aws", "model_folder", "pair", "registry", "running_aws"]
