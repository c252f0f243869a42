"""Stacks, resources, events and change sets in the form that CloudFormation's API answers with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local_aws.cloudformation.stack import Change, Entry, Event, Plan, Stack


@dataclass
class ChangeSet:
    """What a template would do to a stack, worked out and waiting to be executed."""

    name: str
    id: str
    kind: str
    plan: Plan
    changes: list[Change]
    status: str
    execution_status: str
    reason: str | None
    description: str | None
    token: str | None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


def pairs_of(values: dict[str, str], prefix: str) -> list[dict[str, str]]:
    """Return a mapping as CloudFormation's list of keys and values."""
    return [{f"{prefix}Key": key, f"{prefix}Value": value} for key, value in values.items()]


def stack_of(stack: Stack) -> dict[str, Any]:
    """Show a stack as DescribeStacks does."""
    described = stack.template.outputs if stack.template else {}
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": stack.template.description if stack.template else None,
        "TemplateDescription": stack.template.description if stack.template else None,
        "Parameters": pairs_of(stack.parameters, "Parameter"),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DisableRollback": False,
        "Capabilities": stack.capabilities,
        "Tags": pairs_of(stack.tags, ""),
        "Outputs": [
            {"OutputKey": key, "OutputValue": value, "Description": described[key].get("Description")}
            for key, value in stack.outputs.items()
        ],
    }


def resource_of(stack: Stack, entry: Entry) -> dict[str, Any]:
    """Show a resource of a stack."""
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": entry.logical_id,
        "PhysicalResourceId": entry.made.physical_id,
        "ResourceType": entry.kind,
        "ResourceStatus": entry.status,
        "Timestamp": entry.changed,
        "LastUpdatedTimestamp": entry.changed,
    }


def event_of(stack: Stack, event: Event) -> dict[str, Any]:
    """Show an event of a stack."""
    return {
        "StackId": stack.id,
        "EventId": event.id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.kind,
        "Timestamp": event.time,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
    }


def summary_of(stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    """Show a change set as ListChangeSets does."""
    return {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.id,
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": change_set.description,
        "CreationTime": change_set.created,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
    }


def change_of(change: Change) -> dict[str, Any]:
    """Show a change of a change set."""
    shown: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.kind,
    }
    if change.action == "Modify":
        recreation = "Always" if change.replacement else "Never"
        shown["Replacement"] = "True" if change.replacement else "False"
        shown["Scope"] = ["Properties"]
        shown["Details"] = [
            {
                "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
            for name in change.properties
        ]
    return {"Type": "Resource", "ResourceChange": shown}
