"""Fixtures: a running local AWS that is empty at the start of each test."""

from support.local_aws.running import cloud, local_aws, running_aws

__all__ = ["cloud", "local_aws", "running_aws"]
