"""A running local AWS, empty at the start of each test."""

from support.local_aws.running import cloud, local_aws, running_aws

__all__ = ["cloud", "local_aws", "running_aws"]
