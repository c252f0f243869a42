"""Converts stacks, resources, events and change sets to the structures of CloudFormation's API."""

from __future__ import annotations

from typing import Any

from local_aws.cloudformation.stack import Change, ChangeSet, Stack, StackEvent, StackResource


def key_values(values: dict[str, str], prefix: str = "") -> list[dict[str, str]]:
    """Return a mapping as a list of keys and values, whose names start with `prefix`."""
    return [{f"{prefix}Key": key, f"{prefix}Value": value} for key, value in values.items()]


def stack_view(stack: Stack) -> dict[str, Any]:
    """Return a stack as DescribeStacks shows it."""
    outputs = stack.template.outputs if stack.template else {}
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": stack.template.description if stack.template else None,
        "TemplateDescription": stack.template.description if stack.template else None,
        "Parameters": key_values(stack.parameters, "Parameter"),
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "DisableRollback": False,
        "Capabilities": stack.capabilities,
        "Tags": key_values(stack.tags),
        "Outputs": [
            {"OutputKey": key, "OutputValue": value, "Description": outputs[key].get("Description")}
            for key, value in stack.outputs.items()
        ],
    }


def resource_view(stack: Stack, resource: StackResource) -> dict[str, Any]:
    """Return a resource as DescribeStackResources and ListStackResources show it."""
    return {
        **_resource_ids(stack, resource, resource.physical.physical_id),
        "Timestamp": resource.changed,
        "LastUpdatedTimestamp": resource.changed,
    }


def event_view(stack: Stack, event: StackEvent) -> dict[str, Any]:
    """Return an event as DescribeStackEvents shows it."""
    return {
        **_resource_ids(stack, event, event.physical_id),
        "EventId": event.id,
        "Timestamp": event.time,
        "ResourceStatusReason": event.reason,
    }


def _resource_ids(stack: Stack, resource: StackResource | StackEvent, physical_id: str) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": resource.kind,
        "ResourceStatus": resource.status,
    }


def change_set_view(stack: Stack, change_set: ChangeSet) -> dict[str, Any]:
    """Return the status of a change set as DescribeChangeSet shows it."""
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


def change_view(change: Change) -> dict[str, Any]:
    """Return one change of a change set as DescribeChangeSet shows it."""
    view: dict[str, Any] = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.kind,
    }
    if change.action == "Modify":
        recreation = "Always" if change.replacement else "Never"
        view["Replacement"] = "True" if change.replacement else "False"
        view["Scope"] = ["Properties"]
        view["Details"] = [
            {
                "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
            for name in change.properties
        ]
    return {"Type": "Resource", "ResourceChange": view}
