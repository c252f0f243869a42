"""The roles for GitHub Actions: which workflows can assume them, and what they can do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.permissions.service_authorization import obstacles

from local_aws.cloudformation.template import Scope, Template, TemplateError
from scripts.deploy.template import TEMPLATES

TEXT = (TEMPLATES / "ci-role.yaml").read_text(encoding="utf-8")
ISSUER = "token.actions.githubusercontent.com"
STAGING = "repo:octo-org/octo-repo:environment:staging"
PRODUCTION = "repo:octo-org@123456/octo-repo@456789:environment:production"
POLICIES = ["arn:aws:iam::123456789012:policy/service", "arn:aws:iam::123456789012:policy/models"]
PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


def roles(**parameters: str) -> dict[str, Any]:
    """Return the properties of the resources that the template makes, with functions resolved."""
    template = Template(TEXT)
    given = {"Subject": STAGING, "PolicyArns": ", ".join(POLICIES), **parameters}
    scope = Scope(template, {**template.resolve_parameters(given), **PSEUDO}, lambda name, _: f"<{name}>")
    return {
        name: scope.resolve(each["Properties"])
        for name, each in template.resources.items()
        if scope.active(each)
    }


def statements(role: dict[str, Any]) -> dict[str, Any]:
    return {
        statement["Sid"]: statement
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    }


def test_only_the_environments_of_one_repository_can_assume_the_roles() -> None:
    made = roles(ReaderSubject=PRODUCTION)
    for role, subject in (("DeployerRole", STAGING), ("ReaderRole", PRODUCTION)):
        assert made[role]["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Federated": "<Provider>"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}
                },
            }
        ]


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "repo:octo-org/*:environment:production",
        "repo:octo-org/octo-repo:environment:*",
        "repo:octo-org/octo-repo:ref:refs/heads/main",
        "repo:octo-org/octo-repo:pull_request",
    ],
)
def test_a_subject_names_one_environment(subject: str) -> None:
    with pytest.raises(TemplateError, match="The full subject of the environment, without wildcards"):
        roles(Subject=subject)


def test_an_existing_provider_is_used() -> None:
    arn = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
    made = roles(ProviderArn=arn)
    assert "Provider" not in made
    (trust,) = made["DeployerRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": arn}
    # A new one accepts tokens for AWS only, and stays for other stacks that use it.
    assert roles()["Provider"] == {"Url": f"https://{ISSUER}", "ClientIdList": ["sts.amazonaws.com"]}
    provider = Template(TEXT).resources["Provider"]
    assert (provider["DeletionPolicy"], provider["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_workflow_has_the_deployers_policies_and_cannot_approve_unless_it_may() -> None:
    role = roles()["DeployerRole"]
    assert role["ManagedPolicyArns"] == POLICIES
    assert statements(role) == {
        "PeopleApprove": {
            "Sid": "PeopleApprove",
            "Effect": "Deny",
            "Action": "sagemaker:UpdateModelPackage",
            "Resource": "arn:aws:sagemaker:*:123456789012:model-package/bankruptcy/*",
            "Condition": {"Null": {"sagemaker:ModelApprovalStatus": "false"}},
        }
    }
    assert statements(roles(CanApprove="true")["DeployerRole"]) == {}


def test_a_boundary_applies_to_all_roles() -> None:
    assert all("PermissionsBoundary" not in each for each in roles(ReaderSubject=PRODUCTION).values())
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    made = roles(ReaderSubject=PRODUCTION, PermissionsBoundaryArn=boundary)
    assert {made[role]["PermissionsBoundary"] for role in ("DeployerRole", "ReaderRole")} == {boundary}


def test_the_reader_only_reads_versions_of_its_project() -> None:
    assert "ReaderRole" not in roles()
    found = statements(roles(ReaderSubject=PRODUCTION)["ReaderRole"])
    assert {sid: statement["Action"] for sid, statement in found.items()} == {
        "Versions": "sagemaker:DescribeModelPackage",
        "ListVersions": "sagemaker:ListModelPackages",
        "Models": "s3:GetObject",
        "ListModels": "s3:ListBucket",
        "UseKey": "kms:Decrypt",
    }
    assert [sid for sid, statement in found.items() if statement["Resource"] == "*"] == ["ListVersions"]
    assert [problem for statement in found.values() for problem in obstacles(statement)] == []


def test_the_roles_cannot_change_themselves() -> None:
    # The deployer's policies allow changing roles of the service's stack, so this one has another prefix.
    policy = (TEMPLATES / "deployer-service-policy.json").read_text(encoding="utf-8")
    patterns = set(re.findall(r'"arn:aws:iam::\*:role/([^"]+)"', policy))
    assert patterns == {"ApiGatewayLogs", "bankruptcy-service-*"}
    guide = (TEMPLATES.parent / "docs" / "production.md").read_text(encoding="utf-8")
    assert "--stack-name bankruptcy-ci" in guide
