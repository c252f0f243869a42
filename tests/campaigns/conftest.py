"""Fixtures of the campaigns: a running local AWS, and a project deployed to one."""

from support.deployment.project import aws
from support.local_aws.running import running_aws

__all__ = ["aws", "running_aws"]
