"""Fixtures: a running local AWS that is empty at the start of each test."""

from support.running_aws import cloud, local_aws, running_aws

__all__ = ["cloud", "local_aws", "running_aws"]
