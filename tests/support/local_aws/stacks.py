"""Creates, updates and deletes stacks on local AWS, and reads their events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud, eventually

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}
PARAMETER = {
    "Type": "AWS::SSM::Parameter",
    "Properties": {"Name": "/p", "Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
}


class Stacks:
    """Helpers for stacks with small templates."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.api = cloud.cloudformation

    @staticmethod
    def body(resources: dict[str, Any], **sections: Any) -> str:
        name = {"Name": {"Type": "String", "Default": "first"}}
        return json.dumps({"Resources": resources, "Parameters": name, **sections})

    def create(self, resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
        self.api.create_stack(
            StackName="s", TemplateBody=self.body(resources, **sections), Capabilities=["CAPABILITY_IAM"]
        )
        return self.wait()

    def update(self, resources: dict[str, Any], name: str = "first", **sections: Any) -> dict[str, Any]:
        self.api.update_stack(
            StackName="s",
            TemplateBody=self.body(resources, **sections),
            Parameters=[{"ParameterKey": "Name", "ParameterValue": name}],
            Capabilities=["CAPABILITY_IAM"],
        )
        return self.wait()

    def wait(self, name: str = "s") -> dict[str, Any]:
        def idle() -> dict[str, Any] | None:
            stack: dict[str, Any] = self.api.describe_stacks(StackName=name)["Stacks"][0]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

        return eventually(idle)

    def events(self, name: str = "s") -> list[tuple[str, str, str]]:
        found = self.api.describe_stack_events(StackName=name)["StackEvents"][::-1]
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in found
        ]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]
