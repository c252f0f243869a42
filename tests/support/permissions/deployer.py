"""A user of local AWS who has the deployer's policy and nothing else."""

from __future__ import annotations

import boto3
from support.permissions.policy import POLICY

from local_aws.server import LocalAws

NAME = "deployer"


def create_deployer(server: LocalAws, project: str) -> dict[str, str]:
    """Create the user for a project; return the environment variables with its credentials."""
    given = server.environment()
    iam = boto3.client(
        "iam",
        endpoint_url=server.url,
        region_name=server.region,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    iam.create_user(UserName=NAME)
    # The policy is written for a project of the default name.
    policy = POLICY.read_text(encoding="utf-8").replace("bankruptcy", project)
    arn = iam.create_policy(PolicyName=NAME, PolicyDocument=policy)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=NAME, PolicyArn=arn)
    key = iam.create_access_key(UserName=NAME)["AccessKey"]
    iam.close()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
