"""Templates and requests that are rejected before anything is created."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.stacks import PARAMETER, QUEUE, Stacks, refusal


def test_an_unknown_type_is_rejected_before_anything_is_created(stacks: Stacks) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create({"Queue": QUEUE, "Odd": {"Type": "AWS::Odd::Thing"}})

    code, message = refusal(error)
    assert code == "ValidationError"
    assert "Unrecognized resource types: [AWS::Odd::Thing]" in message
    assert stacks.api.describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("resources", "sections", "message"),
    [
        ({"Q": {**QUEUE, "DependsOn": "R"}, "R": {**QUEUE, "DependsOn": "Q"}}, {}, "Circular dependency"),
        (
            {"Parameter": PARAMETER},
            {},
            "Unresolved resource dependencies [Queue] in the Resources block of the template",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String"}}},
            "Parameters: [Name] must have values",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String", "Default": "x", "AllowedValues": ["a", "b"]}}},
            "Parameter 'Name' failed to satisfy constraint: must be one of AllowedValues [a, b]",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "String", "Default": "x", "AllowedPattern": "[0-9]+"}}},
            "must match pattern [0-9]+",
        ),
        (
            {"Queue": QUEUE},
            {"Parameters": {"Name": {"Type": "Number", "Default": 7, "MaxValue": 5}}},
            "must be a number not greater than 5",
        ),
        (
            {"Queue": QUEUE},
            {
                "Rules": {
                    "R": {
                        "Assertions": [
                            {"Assert": {"Fn::Equals": [{"Ref": "Name"}, "x"]}, "AssertDescription": "Use x."}
                        ]
                    }
                }
            },
            "Rule R failed: Use x.",
        ),
        ({"Queue": {**QUEUE, "Condition": "No"}}, {}, "Unresolved condition No"),
    ],
)
def test_an_invalid_template_is_rejected(
    stacks: Stacks, resources: dict[str, Any], sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create(resources, **sections)

    assert refusal(error)[0] == "ValidationError"
    assert message in refusal(error)[1]


def test_roles_need_a_capability(stacks: Stacks) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}

    with pytest.raises(ClientError) as error:
        stacks.api.create_stack(StackName="s", TemplateBody=stacks.body({"Role": role}))

    assert refusal(error) == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")


def test_unsupported_parameters_of_a_request_are_rejected_by_name(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="Local AWS does not implement OnFailure of CreateStack"):
        stacks.api.create_stack(
            StackName="s", TemplateBody=stacks.body({"Queue": QUEUE}), OnFailure="DO_NOTHING"
        )
