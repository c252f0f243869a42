"""Users of local AWS who have the policies for one kind of person, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
from support.repository import ROOT

from local_aws.server import LocalAws

PEOPLE = ("approver", "deployer", "trainer")


def policies_of(person: str) -> list[Path]:
    """Return the files with the policies for a person; the deployer has two."""
    return sorted((ROOT / "infra").glob(f"{person}*-policy.json"))


def statements_of(person: str) -> list[dict[str, Any]]:
    """Return the statements of the policies for a person."""
    return [
        statement
        for path in policies_of(person)
        for statement in json.loads(path.read_text(encoding="utf-8"))["Statement"]
    ]


def create_person(server: LocalAws, person: str, project: str) -> dict[str, str]:
    """Create the user for a project; return the environment variables with its credentials."""
    given = server.environment()
    iam = boto3.client(
        "iam",
        endpoint_url=server.url,
        region_name=server.region,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    iam.create_user(UserName=person)
    for path in policies_of(person):
        # The policies are written for a project of the default name.
        policy = path.read_text(encoding="utf-8").replace("bankruptcy", project)
        arn = iam.create_policy(PolicyName=path.stem, PolicyDocument=policy)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=person, PolicyArn=arn)
    key = iam.create_access_key(UserName=person)["AccessKey"]
    iam.close()
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
