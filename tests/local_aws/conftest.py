"""A running local AWS, empty at the start of each test."""

from support.running_aws import cloud, local_aws, running_aws

__all__ = ["cloud", "local_aws", "running_aws"]
