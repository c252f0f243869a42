"""Fixtures of the campaigns: a running local AWS, and a project deployed to one."""

from support.deployed_project import aws
from support.running_aws import running_aws

__all__ = ["aws", "running_aws"]
