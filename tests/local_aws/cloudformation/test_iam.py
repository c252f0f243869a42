"""Roles and identity providers of stacks, and parameters that are lists."""

from __future__ import annotations

import json
from typing import Any

from support.local_aws.stacks import Stacks

TRUST = {"Version": "2012-10-17", "Statement": []}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
}
BOUNDARY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
OTHER = "arn:aws:iam::aws:policy/AdministratorAccess"


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, **properties}}


def test_the_settings_of_a_role_change_in_place(stacks: Stacks) -> None:
    iam = stacks.cloud.iam

    def found() -> dict[str, Any]:
        (resource,) = stacks.api.list_stack_resources(StackName="s")["StackResourceSummaries"]
        made: dict[str, Any] = iam.get_role(RoleName=resource["PhysicalResourceId"])["Role"]
        return made

    stacks.create({"Role": role(MaxSessionDuration=7200, PermissionsBoundary=BOUNDARY)})
    first = found()
    assert first["MaxSessionDuration"] == 7200
    assert first["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    stacks.update({"Role": role(Description="new", PermissionsBoundary=OTHER)})
    second = found()
    assert (second["RoleId"], second["Description"]) == (first["RoleId"], "new")
    assert second["MaxSessionDuration"] == 3600
    assert second["PermissionsBoundary"]["PermissionsBoundaryArn"] == OTHER
    stacks.update({"Role": role()})
    assert "PermissionsBoundary" not in found()


def test_a_provider_accepts_tokens_for_its_clients(stacks: Stacks) -> None:
    iam = stacks.cloud.iam

    def provider(*clients: str) -> dict[str, Any]:
        properties = {"Url": "https://tokens.example.com", "ClientIdList": list(clients)}
        return {"Provider": {"Type": "AWS::IAM::OIDCProvider", "Properties": properties}}

    stacks.create(provider("a", "b"))
    arn = "arn:aws:iam::123456789012:oidc-provider/tokens.example.com"
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["a", "b"]
    assert stacks.update(provider("b", "c"))["StackStatus"] == "UPDATE_COMPLETE"
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["b", "c"]


def test_a_parameter_can_be_a_list(stacks: Stacks) -> None:
    iam, document = stacks.cloud.iam, json.dumps(POLICY)
    arns = [
        iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"] for name in ("a", "b")
    ]
    resources = {"Role": role(ManagedPolicyArns={"Ref": "Policies"})}
    policies = {"Type": "CommaDelimitedList", "Default": ", ".join(arns)}
    body = {"Parameters": {"Name": {"Type": "String", "Default": "x"}, "Policies": policies}}
    assert stacks.create(resources, **body)["StackStatus"] == "CREATE_COMPLETE", stacks.events()
    (resource,) = stacks.api.list_stack_resources(StackName="s")["StackResourceSummaries"]
    attached = iam.list_attached_role_policies(RoleName=resource["PhysicalResourceId"])
    assert {each["PolicyArn"] for each in attached["AttachedPolicies"]} == set(arns)
