"""Resource types of IAM, Lambda, EventBridge, CloudWatch Logs and CloudWatch."""

from __future__ import annotations

import json
from typing import Any

from local_aws.cloudformation.types.resource import (
    Context,
    Made,
    Properties,
    ResourceError,
    ResourceType,
    names,
)


class _Role(ResourceType):
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Update the trust policy, the description, the inline policies and the managed policies."""
        role = {"RoleName": made.physical_id}
        trust, description = properties["AssumeRolePolicyDocument"], properties.get("Description", "")
        if trust != before.get("AssumeRolePolicyDocument"):
            context.call("iam", "update_assume_role_policy", **role, PolicyDocument=trust)
        if description != before.get("Description", ""):
            context.call("iam", "update_role", **role, Description=description)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}
        for policy in before.get("Policies", []):
            if policy["PolicyName"] not in inline:
                context.call("iam", "delete_role_policy", **role, PolicyName=policy["PolicyName"])
        for name, document in inline.items():
            context.call("iam", "put_role_policy", **role, PolicyName=name, PolicyDocument=document)
        managed = set(properties.get("ManagedPolicyArns", []))
        attached = set(before.get("ManagedPolicyArns", []))
        for arn in sorted(attached - managed):
            context.call("iam", "detach_role_policy", **role, PolicyArn=arn)
        for arn in sorted(managed - attached):
            context.call("iam", "attach_role_policy", **role, PolicyArn=arn)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Delete all policies of the role, even those added later, then the role."""
        role = {"RoleName": made.physical_id}
        for name in context.call("iam", "list_role_policies", **role)["PolicyNames"]:
            context.call("iam", "delete_role_policy", **role, PolicyName=name)
        for policy in context.call("iam", "list_attached_role_policies", **role)["AttachedPolicies"]:
            context.call("iam", "detach_role_policy", **role, PolicyArn=policy["PolicyArn"])
        super().delete(context, made, properties)


class _Function(ResourceType):
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Update code and configuration."""
        function, code = {"FunctionName": made.physical_id}, ("Code", "Architectures")
        if any(properties.get(key) != before.get(key) for key in code):
            architectures = properties.get("Architectures")
            code_request = {**function, "Architectures": architectures, **properties["Code"]}
            context.call("lambda", "update_function_code", **code_request)
        # A missing argument keeps its value in the API, but a missing property has its default value.
        settings = {
            "Description": "",
            "Environment": {"Variables": {}},
            "Layers": [],
            **properties,
            **function,
        }
        settings = {key: value for key, value in settings.items() if key not in code}
        context.call("lambda", "update_function_configuration", **settings)
        return made


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
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Update the rule and its targets."""
        rule = {key: value for key, value in properties.items() if key != "Targets"}
        if rule != {key: value for key, value in before.items() if key != "Targets"}:
            context.call("events", "put_rule", **{**rule, "Name": made.physical_id})
        targets = properties.get("Targets", [])
        removed = _target_ids(before) - _target_ids(properties)
        if removed:
            context.call("events", "remove_targets", Rule=made.physical_id, Ids=sorted(removed))
        if targets:
            answer = context.call("events", "put_targets", Rule=made.physical_id, Targets=targets)
            if answer["FailedEntryCount"]:
                raise ResourceError(f"Targets of rule {made.physical_id} failed: {answer['FailedEntries']}")
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the targets, then delete the rule."""
        targets = sorted(_target_ids(properties))
        if targets:
            context.call("events", "remove_targets", Rule=made.physical_id, Ids=targets)
        super().delete(context, made, properties)


def _target_ids(properties: Properties) -> set[str]:
    return {target["Id"] for target in properties.get("Targets", [])}


class _LogGroup(ResourceType):
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Update the retention period."""
        group, days = {"logGroupName": made.physical_id}, properties.get("RetentionInDays")
        if days is not None:
            context.call("logs", "put_retention_policy", **group, retentionInDays=days)
        elif "RetentionInDays" in before:
            context.call("logs", "delete_retention_policy", **group)
        return made


class _Dashboard(ResourceType):
    def check(self, properties: Properties) -> None:
        """Raise ResourceError for an unsupported property or a body that is not JSON."""
        super().check(properties)
        try:
            json.loads(properties["DashboardBody"])
        except ValueError as error:
            raise ResourceError(f"DashboardBody is not JSON: {error}") from error


def _rule_exists(context: Context, name: str) -> bool:
    rules = context.call("events", "list_rules", NamePrefix=name)["Rules"]
    return any(rule["Name"] == name for rule in rules)


def _alarm_exists(context: Context, name: str) -> bool:
    return bool(context.call("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"])


TYPES: tuple[ResourceType, ...] = (
    _Role(
        name="AWS::IAM::Role",
        service="iam",
        properties=names("AssumeRolePolicyDocument Description ManagedPolicyArns Policies RoleName"),
        required=names("AssumeRolePolicyDocument"),
        replacing=names("RoleName"),
        name_property="RoleName",
        created_with=names("AssumeRolePolicyDocument Description RoleName"),
        create_call="create_role",
        physical_id="{RoleName}",
        attributes={"Arn": "{Role[Arn]}", "RoleId": "{Role[RoleId]}"},
        ids={"RoleName": "{physical_id}"},
        delete_call="delete_role",
    ),
    _Function(
        name="AWS::Lambda::Function",
        service="lambda",
        properties=names("Architectures Code Description Environment FunctionName Handler Layers")
        | names("LoggingConfig MemorySize Role Runtime Timeout"),
        required=names("Code Role"),
        replacing=names("FunctionName"),
        name_property="FunctionName",
        create_call="create_function",
        physical_id="{FunctionName}",
        attributes={"Arn": "{FunctionArn}"},
        ids={"FunctionName": "{physical_id}"},
        delete_call="delete_function",
    ),
    ResourceType(
        name="AWS::Lambda::Permission",
        service="lambda",
        properties=names("Action FunctionName Principal SourceAccount SourceArn"),
        required=names("Action FunctionName Principal"),
        replacing=names("Action FunctionName Principal SourceAccount SourceArn"),
        name_property="StatementId",
        longest_name=100,
        create_call="add_permission",
        physical_id="{StatementId}",
        ids={"FunctionName": "{FunctionName}", "StatementId": "{physical_id}"},
        delete_call="remove_permission",
    ),
    _EventInvokeConfig(
        name="AWS::Lambda::EventInvokeConfig",
        service="lambda",
        properties=names(
            "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier"
        ),
        required=names("FunctionName Qualifier"),
        replacing=names("FunctionName Qualifier"),
        create_call="put_function_event_invoke_config",
        physical_id="{FunctionName}|{Qualifier}",
        ids={"FunctionName": "{FunctionName}"},
        update_call="put_function_event_invoke_config",
        delete_call="delete_function_event_invoke_config",
    ),
    _Rule(
        name="AWS::Events::Rule",
        service="events",
        properties=names("Description EventPattern Name ScheduleExpression State Targets"),
        replacing=names("Name"),
        name_property="Name",
        is_taken=_rule_exists,
        created_with=names("Description EventPattern Name ScheduleExpression State"),
        create_call="put_rule",
        physical_id="{Name}",
        attributes={"Arn": "{RuleArn}"},
        ids={"Name": "{physical_id}"},
        delete_call="delete_rule",
    ),
    _LogGroup(
        name="AWS::Logs::LogGroup",
        service="logs",
        properties=names("LogGroupName RetentionInDays"),
        replacing=names("LogGroupName"),
        name_property="LogGroupName",
        created_with=names("LogGroupName"),
        create_call="create_log_group",
        physical_id="{LogGroupName}",
        attributes={"Arn": "arn:aws:logs:{region}:{account}:log-group:{physical_id}:*"},
        ids={"logGroupName": "{physical_id}"},
        delete_call="delete_log_group",
    ),
    ResourceType(
        name="AWS::CloudWatch::Alarm",
        service="cloudwatch",
        properties=names("ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator")
        | names("DatapointsToAlarm Dimensions EvaluationPeriods ExtendedStatistic MetricName Metrics")
        | names("Namespace OKActions Period Statistic Threshold TreatMissingData"),
        required=names("ComparisonOperator EvaluationPeriods"),
        replacing=names("AlarmName"),
        name_property="AlarmName",
        longest_name=255,
        is_taken=_alarm_exists,
        create_call="put_metric_alarm",
        physical_id="{AlarmName}",
        attributes={"Arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{physical_id}"},
        ids={"AlarmNames": ["{physical_id}"]},
        update_call="put_metric_alarm",
        delete_call="delete_alarms",
    ),
    _Dashboard(
        name="AWS::CloudWatch::Dashboard",
        service="cloudwatch",
        properties=names("DashboardBody DashboardName"),
        required=names("DashboardBody"),
        replacing=names("DashboardName"),
        name_property="DashboardName",
        create_call="put_dashboard",
        physical_id="{DashboardName}",
        ids={"DashboardNames": ["{physical_id}"]},
        update_call="put_dashboard",
        delete_call="delete_dashboards",
    ),
)
