"""The roles of infra/ci-role.yaml, made by CloudFormation, are enough for the workflow and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from support.permissions.people import policies_of
from support.promotion import NUMBERS, PROJECT, REGIONS, Accounts, Pair

from local_aws.base.clients import ACCOUNT
from pipeline.project import Project
from scripts.aws.session import Aws
from scripts.deploy.deployment import deploy
from scripts.deploy.template import TEMPLATES
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.model.contracts import champion_version
from scripts.model.promotion import promote
from scripts.operate.api_checks import check_api, describe_api

STAGING = "repo:octo-org@1/octo-repo@2:environment:staging"
PRODUCTION = "repo:octo-org@1/octo-repo@2:environment:production"


def create_roles(session: Any, project: str, **parameters: str) -> dict[str, str]:
    """Create the deployer's policies and the stack with the roles; return its outputs."""
    iam, cloudformation = session.client("iam"), session.client("cloudformation")
    arns = []
    for path in policies_of("deployer"):
        policy = path.read_text(encoding="utf-8").replace("bankruptcy", project)
        made = iam.create_policy(PolicyName=f"{project}-{path.stem}", PolicyDocument=policy)
        arns.append(made["Policy"]["Arn"])
    given = {"ProjectName": project, "PolicyArns": ",".join(arns), **parameters}
    # An account has one provider, which the stack of another test may have made.
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        given["ProviderArn"] = provider["Arn"]
    name = f"{project}-ci"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(TEMPLATES / "ci-role.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def with_role(aws: Aws, role: str) -> Aws:
    """Return the project with the permissions of a role."""
    sts = aws.client("sts")
    keys = sts.assume_role(RoleArn=role, RoleSessionName="workflow")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=aws.project.region,
    )
    create, url = session.client, sts.meta.endpoint_url
    vars(session)["client"] = lambda service, **more: create(service, endpoint_url=url, **more)
    return Aws(session, aws.project)


def denied(call: Any, *arguments: Any) -> str:
    with pytest.raises(ClientError, match="not authorized to perform") as error:
        call(*arguments)
    return error.value.operation_name


def test_a_promotion_with_the_roles_of_both_environments(
    accounts: Accounts, pair: Pair, model_folder: Path
) -> None:
    project = pair.staging.project.name
    staging = create_roles(
        accounts.staging, project, Subject=STAGING, ReaderSubject=PRODUCTION, CanApprove="true"
    )
    production = create_roles(accounts.production, project, Subject=PRODUCTION)
    reader = with_role(pair.staging, staging["ReaderRoleArn"])
    deployer = with_role(pair.production, production["DeployerRoleArn"])
    # The workflow of production reads staging, and registers a version in production …
    assert promote(reader, deployer, 1).created
    # … but approves neither there nor here, and changes nothing in staging.
    copy, package = find_version(deployer, 1), find_version(reader, 1)
    assert denied(set_approval, deployer, copy, "Approved") == "UpdateModelPackage"
    assert denied(set_approval, reader, package, "Approved") == "UpdateModelPackage"
    bucket = pair.staging.project.bucket
    assert denied(lambda: reader.client("s3").put_object(Bucket=bucket, Key="models/x", Body=b"")) == (
        "PutObject"
    )
    # The workflow of staging approves there.
    set_approval(with_role(pair.staging, staging["DeployerRoleArn"]), package, "Approved")
    assert find_version(pair.staging, 1)["ModelApprovalStatus"] == "Approved"
    # A second project in the account shares the provider, which survives the first stack.
    other = accounts.pair(model_folder)
    second = create_roles(accounts.staging, other.staging.project.name, Subject=STAGING)
    assert second["ProviderArn"] == staging["ProviderArn"]
    delete_stack(accounts.staging, f"{project}-ci")
    listed = accounts.staging.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert [each["Arn"] for each in listed] == [staging["ProviderArn"]]


def delete_stack(session: Any, name: str) -> None:
    cloudformation = session.client("cloudformation")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def test_the_workflow_deploys_and_promotes_and_a_person_approves(
    accounts: Accounts, model_folder: Path
) -> None:
    # GIVEN a version in staging, and an account for production in which nothing is deployed
    project = f"{PROJECT}-{next(NUMBERS)}"
    staging = accounts.stage(model_folder, project)
    production = Aws(accounts.production, Project(project, ACCOUNT, REGIONS["production"]))
    roles = create_roles(accounts.production, project, Subject=PRODUCTION)
    workflow = with_role(production, roles["DeployerRoleArn"])
    # WHEN the workflow runs twice with its own role, THEN the second run changes nothing
    deployments = [deploy(workflow, confirm=lambda _: False) for _ in range(2)]
    assert [each.changed for each in deployments] == [True, False]
    assert [promote(staging, workflow, 1).created for _ in range(2)] == [True, False]
    assert [check.name for check in check_api(describe_api(workflow)) if not check.passed] == []
    # AND nothing is served until a person approves the copy
    assert champion_version(production) is None
    set_approval(production, find_version(production, 1), "Approved")
    wait_until_served(production, 1, Waiting(timeout=180))
    checks = {check.name: check.passed for check in check_api(describe_api(workflow))}
    assert checks.pop("known answer")
    assert all(checks.values())
