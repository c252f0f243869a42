"""CloudFormation's resource types of IAM, Lambda, EventBridge, Logs and CloudWatch."""
# ruff: noqa: ARG002 - every type has the same methods, and not every one needs all it is told

import json
from typing import Any

from local_aws.cloudformation.types.resource import Context, Made, Properties, ResourceError, ResourceType


class Role(ResourceType):
    """AWS::IAM::Role with inline policies."""

    name = "AWS::IAM::Role"
    properties = frozenset(
        {"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "Policies", "RoleName"}
    )
    required = frozenset({"AssumeRolePolicyDocument"})
    replacing = frozenset({"RoleName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the role and its policies."""
        name = properties.get("RoleName", context.generated_name())
        role = context.call(
            "iam",
            "create_role",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Description=properties.get("Description"),
        )["Role"]
        made = context.exists(Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}))
        self._policies(context, name, properties, {})
        return made

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the trust, the description and the policies."""
        name = made.physical_id
        trust = json.dumps(properties["AssumeRolePolicyDocument"])
        context.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=trust)
        context.call("iam", "update_role", RoleName=name, Description=properties.get("Description", ""))
        self._policies(context, name, properties, before)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the policies that it has by now, then the role."""
        role = made.physical_id
        for name in context.call("iam", "list_role_policies", RoleName=role)["PolicyNames"]:
            context.call("iam", "delete_role_policy", RoleName=role, PolicyName=name)
        for policy in context.call("iam", "list_attached_role_policies", RoleName=role)["AttachedPolicies"]:
            context.call("iam", "detach_role_policy", RoleName=role, PolicyArn=policy["PolicyArn"])
        context.call("iam", "delete_role", RoleName=role)

    def _policies(self, context: Context, role: str, properties: Properties, before: Properties) -> None:
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}
        for policy in before.get("Policies", []):
            if policy["PolicyName"] not in inline:
                context.call("iam", "delete_role_policy", RoleName=role, PolicyName=policy["PolicyName"])
        for name, document in inline.items():
            context.call(
                "iam",
                "put_role_policy",
                RoleName=role,
                PolicyName=name,
                PolicyDocument=json.dumps(document),
            )
        managed = set(properties.get("ManagedPolicyArns", []))
        attached = set(before.get("ManagedPolicyArns", []))
        for arn in sorted(attached - managed):
            context.call("iam", "detach_role_policy", RoleName=role, PolicyArn=arn)
        for arn in sorted(managed - attached):
            context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)


class Function(ResourceType):
    """AWS::Lambda::Function whose code is a zip in a bucket."""

    name = "AWS::Lambda::Function"
    properties = frozenset(
        {"Architectures", "Code", "Description", "Environment", "FunctionName", "Handler", "Layers"}
        | {"LoggingConfig", "MemorySize", "Role", "Runtime", "Timeout"}
    )
    required = frozenset({"Code", "Role"})
    replacing = frozenset({"FunctionName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the function."""
        wanted = {"FunctionName": context.generated_name(), **properties}
        function = context.call("lambda", "create_function", **wanted)
        return Made(function["FunctionName"], {"Arn": function["FunctionArn"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change code and configuration."""
        code = ("Code", "Architectures")
        if any(properties.get(key) != before.get(key) for key in code):
            context.call(
                "lambda",
                "update_function_code",
                FunctionName=made.physical_id,
                Architectures=properties.get("Architectures"),
                **properties["Code"],
            )
        settings = {key: value for key, value in properties.items() if key not in {*code, "FunctionName"}}
        # Left out, an API parameter keeps its value; left out of a template, the property has its default.
        settings = {"Description": "", "Environment": {"Variables": {}}, "Layers": [], **settings}
        context.call("lambda", "update_function_configuration", FunctionName=made.physical_id, **settings)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the function."""
        context.call("lambda", "delete_function", FunctionName=made.physical_id)


class Permission(ResourceType):
    """AWS::Lambda::Permission: who may invoke a function."""

    name = "AWS::Lambda::Permission"
    properties = frozenset({"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"})
    required = frozenset({"Action", "FunctionName", "Principal"})
    replacing = properties

    def create(self, context: Context, properties: Properties) -> Made:
        """Add the statement to the function's policy."""
        statement = context.generated_name(100)
        context.call("lambda", "add_permission", StatementId=statement, **properties)
        return Made(statement)

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Take the statement off the function's policy."""
        function = properties["FunctionName"]
        context.call("lambda", "remove_permission", FunctionName=function, StatementId=made.physical_id)


class EventInvokeConfig(ResourceType):
    """AWS::Lambda::EventInvokeConfig: retries and where failures go."""

    name = "AWS::Lambda::EventInvokeConfig"
    properties = frozenset(
        {"DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"}
    )
    required = frozenset({"FunctionName", "Qualifier"})
    replacing = frozenset({"FunctionName", "Qualifier"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the configuration."""
        if properties["Qualifier"] != "$LATEST":
            raise ResourceError(f"Local AWS knows the qualifier $LATEST alone, not {properties['Qualifier']}")
        wanted = {key: value for key, value in properties.items() if key != "Qualifier"}
        context.call("lambda", "put_function_event_invoke_config", **wanted)
        return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the configuration over the old one."""
        return self.create(context, properties)

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the configuration."""
        function = properties["FunctionName"]
        context.call("lambda", "delete_function_event_invoke_config", FunctionName=function)


class Rule(ResourceType):
    """AWS::Events::Rule with its targets."""

    name = "AWS::Events::Rule"
    properties = frozenset({"Description", "EventPattern", "Name", "ScheduleExpression", "State", "Targets"})
    replacing = frozenset({"Name"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the rule, then its targets."""
        name = properties.get("Name", context.generated_name())
        present = context.call("events", "list_rules", NamePrefix=name)["Rules"]
        if any(rule["Name"] == name for rule in present):
            raise ResourceError(f"Rule {name} already exists")
        arn = self._put(context, name, properties, {})
        return Made(name, {"Arn": arn})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the rule over the old one, and bring its targets to what is wanted."""
        self._put(context, made.physical_id, properties, before)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the targets, then the rule."""
        targets = [target["Id"] for target in properties.get("Targets", [])]
        if targets:
            context.call("events", "remove_targets", Rule=made.physical_id, Ids=targets)
        context.call("events", "delete_rule", Name=made.physical_id)

    def _put(self, context: Context, name: str, properties: Properties, before: Properties) -> str:
        pattern = properties.get("EventPattern")
        rule = context.call(
            "events",
            "put_rule",
            Name=name,
            EventPattern=json.dumps(pattern) if pattern else None,
            ScheduleExpression=properties.get("ScheduleExpression"),
            State=properties.get("State", "ENABLED"),
            Description=properties.get("Description"),
        )
        context.exists(Made(name))
        targets = properties.get("Targets", [])
        gone = {target["Id"] for target in before.get("Targets", [])} - {target["Id"] for target in targets}
        if gone:
            context.call("events", "remove_targets", Rule=name, Ids=sorted(gone))
        if targets:
            answer = context.call("events", "put_targets", Rule=name, Targets=targets)
            if answer["FailedEntryCount"]:
                raise ResourceError(f"Targets of rule {name} were refused: {answer['FailedEntries']}")
        return str(rule["RuleArn"])


class LogGroup(ResourceType):
    """AWS::Logs::LogGroup."""

    name = "AWS::Logs::LogGroup"
    properties = frozenset({"LogGroupName", "RetentionInDays"})
    replacing = frozenset({"LogGroupName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the group."""
        name = properties.get("LogGroupName", context.generated_name())
        context.call("logs", "create_log_group", logGroupName=name)
        made = context.exists(Made(name, {"Arn": context.arn("logs", f"log-group:{name}:*")}))
        return self.update(context, made, properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change how long logs are kept."""
        days = properties.get("RetentionInDays")
        if days is None:
            context.call("logs", "delete_retention_policy", logGroupName=made.physical_id)
        else:
            context.call("logs", "put_retention_policy", logGroupName=made.physical_id, retentionInDays=days)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the group and its logs."""
        context.call("logs", "delete_log_group", logGroupName=made.physical_id)


class Alarm(ResourceType):
    """AWS::CloudWatch::Alarm."""

    name = "AWS::CloudWatch::Alarm"
    properties = frozenset(
        {"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator"}
        | {"DatapointsToAlarm", "Dimensions", "EvaluationPeriods", "ExtendedStatistic", "MetricName"}
        | {"Metrics", "Namespace", "OKActions", "Period", "Statistic", "Threshold", "TreatMissingData"}
    )
    required = frozenset({"ComparisonOperator", "EvaluationPeriods"})
    replacing = frozenset({"AlarmName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the alarm."""
        name = properties.get("AlarmName", context.generated_name(255))
        if context.call("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"]:
            raise ResourceError(f"Alarm {name} already exists")
        made = Made(name, {"Arn": context.arn("cloudwatch", f"alarm:{name}")})
        return self.update(context, made, properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the alarm."""
        wanted: dict[str, Any] = {**properties, "AlarmName": made.physical_id}
        context.call("cloudwatch", "put_metric_alarm", **wanted)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the alarm."""
        context.call("cloudwatch", "delete_alarms", AlarmNames=[made.physical_id])


class Dashboard(ResourceType):
    """AWS::CloudWatch::Dashboard."""

    name = "AWS::CloudWatch::Dashboard"
    properties = frozenset({"DashboardBody", "DashboardName"})
    required = frozenset({"DashboardBody"})
    replacing = frozenset({"DashboardName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the dashboard."""
        return self.update(
            context, Made(properties.get("DashboardName", context.generated_name())), properties, {}
        )

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the dashboard."""
        body = properties["DashboardBody"]
        try:
            json.loads(body)
        except ValueError as error:
            raise ResourceError(f"The dashboard body is not JSON: {error}") from error
        context.call("cloudwatch", "put_dashboard", DashboardName=made.physical_id, DashboardBody=body)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the dashboard."""
        context.call("cloudwatch", "delete_dashboards", DashboardNames=[made.physical_id])


TYPES: tuple[ResourceType, ...] = (
    Role(),
    Function(),
    Permission(),
    EventInvokeConfig(),
    Rule(),
    LogGroup(),
    Alarm(),
    Dashboard(),
)
