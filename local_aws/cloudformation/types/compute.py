"""Resource types of Lambda, EventBridge, CloudWatch Logs and CloudWatch."""

from __future__ import annotations

import json
from typing import Any

from local_aws.cloudformation.types.resource import (
    Context,
    PhysicalResource,
    Properties,
    ResourceError,
    ResourceType,
)


class _Function(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update code and configuration."""
        function, code = {"FunctionName": resource.physical_id}, ("Code", "Architectures")
        if any(properties.get(key) != before.get(key) for key in code):
            architectures = properties.get("Architectures")
            code_request = {**function, "Architectures": architectures, **properties["Code"]}
            context.call("lambda", "update_function_code", **code_request)
        # A missing argument keeps its value in the API, but a missing property has its default value.
        settings = {
            "Description": "",
            "Environment": {"Variables": {}},
            "Layers": [],
            "LoggingConfig": {"LogGroup": f"/aws/lambda/{resource.physical_id}"},
            **properties,
            **function,
        }
        settings = {key: value for key, value in settings.items() if key not in code}
        context.call("lambda", "update_function_configuration", **settings)
        return resource


class _EventInvokeConfig(ResourceType):
    def check(self, properties: Properties) -> None:
        """Raise ResourceError for a property or qualifier that local AWS does not support."""
        super().check(properties)
        if properties["Qualifier"] != "$LATEST":
            raise ResourceError(f"Qualifier must be $LATEST on local AWS, not {properties['Qualifier']}")

    def request(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Return the arguments without the qualifier, which is always $LATEST."""
        return super().request(context, {k: v for k, v in properties.items() if k != "Qualifier"})


class _Rule(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update the rule and its targets."""
        rule = {key: value for key, value in properties.items() if key != "Targets"}
        if rule != {key: value for key, value in before.items() if key != "Targets"}:
            context.call("events", "put_rule", **{**rule, "Name": resource.physical_id})
        targets = properties.get("Targets", [])
        removed = _target_ids(before) - _target_ids(properties)
        if removed:
            context.call("events", "remove_targets", Rule=resource.physical_id, Ids=sorted(removed))
        if targets:
            answer = context.call("events", "put_targets", Rule=resource.physical_id, Targets=targets)
            if answer["FailedEntryCount"]:
                raise ResourceError(
                    f"Targets of rule {resource.physical_id} failed: {answer['FailedEntries']}"
                )
        return resource

    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Remove the targets, then delete the rule."""
        targets = sorted(_target_ids(properties))
        if targets:
            context.call("events", "remove_targets", Rule=resource.physical_id, Ids=targets)
        super().delete(context, resource, properties)


def _target_ids(properties: Properties) -> set[str]:
    return {target["Id"] for target in properties.get("Targets", [])}


class _LogGroup(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update the retention period and the key."""
        group, days = {"logGroupName": resource.physical_id}, properties.get("RetentionInDays")
        key = properties.get("KmsKeyId")
        if key is not None and key != before.get("KmsKeyId"):
            context.call("logs", "associate_kms_key", **group, kmsKeyId=key)
        elif key is None and "KmsKeyId" in before:
            context.call("logs", "disassociate_kms_key", **group)
        if days is not None:
            context.call("logs", "put_retention_policy", **group, retentionInDays=days)
        elif "RetentionInDays" in before:
            context.call("logs", "delete_retention_policy", **group)
        return resource


class _Dashboard(ResourceType):
    def check(self, properties: Properties) -> None:
        """Raise ResourceError for an unsupported property or a body that is not JSON."""
        super().check(properties)
        try:
            json.loads(properties["DashboardBody"])
        except ValueError as error:
            raise ResourceError(f"DashboardBody is not JSON: {error}") from error


def _rule_exists(context: Context, name: str) -> bool:
    rules = context.look("events", "list_rules", NamePrefix=name)["Rules"]
    return any(rule["Name"] == name for rule in rules)


def _alarm_exists(context: Context, name: str) -> bool:
    return bool(context.look("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"])


TYPES: tuple[ResourceType, ...] = (
    _Function(
        name="AWS::Lambda::Function",
        schema="FunctionName! Code* Role* Architectures Description Environment Handler Layers LoggingConfig"
        " MemorySize Runtime Timeout",
        calls="create_function delete_function",
        name_property="FunctionName",
        physical_id="{FunctionName}",
        attributes={"Arn": "{FunctionArn}"},
        ids={"FunctionName": "{physical_id}"},
    ),
    ResourceType(
        name="AWS::Lambda::Permission",
        schema="Action*! FunctionName*! Principal*! SourceAccount! SourceArn!",
        calls="add_permission remove_permission",
        name_property="StatementId",
        longest_name=100,
        physical_id="{StatementId}",
        ids={"FunctionName": "{FunctionName}", "StatementId": "{physical_id}"},
    ),
    _EventInvokeConfig(
        name="AWS::Lambda::EventInvokeConfig",
        schema="FunctionName*! Qualifier*! DestinationConfig MaximumEventAgeInSeconds MaximumRetryAttempts",
        calls="put_function_event_invoke_config put_function_event_invoke_config"
        " delete_function_event_invoke_config",
        physical_id="{FunctionName}|{Qualifier}",
        ids={"FunctionName": "{FunctionName}"},
    ),
    _Rule(
        name="AWS::Events::Rule",
        schema="Name! Description EventPattern ScheduleExpression State Targets",
        calls="put_rule delete_rule",
        name_property="Name",
        is_taken=_rule_exists,
        created_with="Name Description EventPattern ScheduleExpression State",
        physical_id="{Name}",
        attributes={"Arn": "{RuleArn}"},
        ids={"Name": "{physical_id}"},
    ),
    _LogGroup(
        name="AWS::Logs::LogGroup",
        schema="LogGroupName! KmsKeyId RetentionInDays",
        calls="create_log_group delete_log_group",
        name_property="LogGroupName",
        created_with="KmsKeyId LogGroupName",
        physical_id="{LogGroupName}",
        attributes={"Arn": "arn:aws:logs:{region}:{account}:log-group:{physical_id}:*"},
        ids={"logGroupName": "{physical_id}"},
    ),
    ResourceType(
        name="AWS::Logs::MetricFilter",
        schema="FilterName! LogGroupName*! FilterPattern* MetricTransformations*",
        calls="put_metric_filter put_metric_filter delete_metric_filter",
        name_property="FilterName",
        longest_name=512,
        physical_id="{FilterName}",
        ids={"logGroupName": "{LogGroupName}", "filterName": "{physical_id}"},
    ),
    ResourceType(
        name="AWS::CloudWatch::Alarm",
        schema="AlarmName! ComparisonOperator* EvaluationPeriods* ActionsEnabled AlarmActions"
        " AlarmDescription DatapointsToAlarm Dimensions ExtendedStatistic MetricName Namespace"
        " InsufficientDataActions OKActions Period Statistic Threshold TreatMissingData",
        calls="put_metric_alarm put_metric_alarm delete_alarms",
        name_property="AlarmName",
        longest_name=255,
        is_taken=_alarm_exists,
        physical_id="{AlarmName}",
        attributes={"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{physical_id}"},
        ids={"AlarmNames": ["{physical_id}"]},
    ),
    _Dashboard(
        name="AWS::CloudWatch::Dashboard",
        schema="DashboardName! DashboardBody*",
        calls="put_dashboard put_dashboard delete_dashboards",
        name_property="DashboardName",
        physical_id="{DashboardName}",
        ids={"DashboardNames": ["{physical_id}"]},
    ),
)
