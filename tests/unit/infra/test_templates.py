"""The templates: least privilege, names, parameters and the REST deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from send_notices.texts import Texts
from support.permissions.service_authorization import obstacles

from local_aws.cloudformation.template import Scope, Template, TemplateError
from scripts.deploy.outputs import camel_case
from scripts.deploy.packaging import FUNCTIONS
from scripts.deploy.template import TEMPLATES, name_deployment, template_parameters

SERVICE = (TEMPLATES / "service.yaml").read_text(encoding="utf-8")
STORAGE = (TEMPLATES / "storage.yaml").read_text(encoding="utf-8")

# Statements that allow all resources, with the reason.
ALL_RESOURCES = {
    ("JobRole", "cloudwatch:PutMetricData"): "has no resource; held to SageMaker's namespaces by a condition",
    ("EndpointRole", "cloudwatch:PutMetricData"): "has no resource; held to namespaces by a condition",
    ("JobRole", "ecr:GetAuthorizationToken"): "has no resource",
    ("EndpointRole", "ecr:GetAuthorizationToken"): "has no resource",
    ("TransformRole", "cloudwatch:PutMetricData"): "has no resource; held to a namespace by a condition",
    ("TransformRole", "ecr:GetAuthorizationToken"): "has no resource",
    ("DeployRole", "sagemaker:ListEndpointConfigs"): "lists have no resource",
    ("DeployRole", "sagemaker:ListModelPackages"): "lists have no resource",
    ("DeployRole", "sagemaker:ListModels"): "lists have no resource",
    ("MonitoringJobRole", "cloudwatch:PutMetricData"): "has no resource; held to a namespace by a condition",
    ("MonitoringJobRole", "ecr:GetAuthorizationToken"): "has no resource",
    ("MonitorRole", "sagemaker:ListModelPackages"): "lists have no resource",
}
PROJECT_OF_RESOURCE = re.compile(r"\$\{ProjectName\}")
# Names that AWS chooses.
OTHER_RESOURCES = {
    ":processing-job/pipelines-*": "SageMaker names a pipeline's jobs",
    ":training-job/pipelines-*": "SageMaker names a pipeline's jobs",
    "log-group:/aws/sagemaker/ProcessingJobs*": "all jobs of an account log there",
    "log-group:/aws/sagemaker/TrainingJobs*": "all jobs of an account log there",
    "log-group:/aws/sagemaker/TransformJobs*": "all jobs of an account log there",
    ":scalable-target/*": "an id of AWS's own; held to SageMaker's variants by a condition",
    "/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint": "AWS's own role",
    "::/apikeys/${ApiKey}": "API Gateway chooses the ids of keys",
    ":repository/sagemaker-scikit-learn": "AWS's own images, in an account that differs by region",
}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of every role, with the role's logical id."""
    for name, resource in Template(SERVICE).resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    # With a key, each role has a statement more.
                    yield name, statement["Fn::If"][1] if "Fn::If" in statement else statement


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_role_has_a_wildcard_for_all_actions() -> None:
    wildcards = set()
    for role, statement in statements():
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{role}/{statement['Sid']} allows {action}"
            if "*" in listed(statement["Resource"]):
                wildcards.add((role, action))

    assert wildcards == set(ALL_RESOURCES)


def test_every_action_is_allowed_on_a_resource_that_it_takes() -> None:
    found = [f"{role}: {problem}" for role, statement in statements() for problem in obstacles(statement)]
    assert found == []


def test_every_resource_is_the_projects_own_or_on_the_list() -> None:
    for role, statement in statements():
        for resource in listed(statement["Resource"]):
            if resource == "*" or {"Fn::GetAtt", "Ref"} & set(resource):
                continue
            arn = resource["Fn::Sub"]
            own = PROJECT_OF_RESOURCE.search(arn)
            assert own or any(arn.endswith(end) for end in OTHER_RESOURCES), f"{role}: {arn}"


def test_scaling_is_only_allowed_for_endpoints() -> None:
    (scaling,) = (s for _, s in statements() if s["Sid"] == "Scaling")
    (role,) = (s for _, s in statements() if s["Action"] == "iam:CreateServiceLinkedRole")

    assert scaling["Condition"]["StringEquals"] == {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    assert role["Condition"]["StringEquals"] == {
        "iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"
    }


def test_metrics_are_only_allowed_in_sagemakers_namespaces() -> None:
    found = [s for _, s in statements() if s["Action"] == "cloudwatch:PutMetricData"]

    assert len(found) == 4
    assert all("cloudwatch:namespace" in s["Condition"]["StringEquals"] for s in found)


def test_single_roles_are_only_passed_to_sagemaker() -> None:
    passed = {}
    for role, statement in statements():
        if "iam:PassRole" in listed(statement["Action"]):
            assert statement["Condition"] == {
                "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
            }
            passed[role] = statement["Resource"]

    assert passed == {
        "PipelineRole": [{"Fn::GetAtt": ["JobRole", "Arn"]}, {"Fn::GetAtt": ["MonitoringJobRole", "Arn"]}],
        "DeployRole": {"Fn::GetAtt": ["EndpointRole", "Arn"]},
    }


def test_each_role_is_assumed_by_one_service_of_this_account() -> None:
    trusted = {}
    for name, resource in Template(SERVICE).resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
            trusted[name] = (statement["Principal"]["Service"], statement.get("Condition"))

    own = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert trusted == {
        "PipelineRole": ("sagemaker.amazonaws.com", own),
        "JobRole": ("sagemaker.amazonaws.com", own),
        "EndpointRole": ("sagemaker.amazonaws.com", own),
        "TransformRole": ("sagemaker.amazonaws.com", own),
        # Lambda sends no account when it assumes a role, but only assumes roles of its own account.
        "PredictRole": ("lambda.amazonaws.com", None),
        "StreamRole": (
            "firehose.amazonaws.com",
            {"StringEquals": {"sts:ExternalId": {"Ref": "AWS::AccountId"}}},
        ),
        "DeployRole": ("lambda.amazonaws.com", None),
        "NoticesRole": ("lambda.amazonaws.com", None),
        "MonitoringJobRole": ("sagemaker.amazonaws.com", own),
        "MonitorRole": ("lambda.amazonaws.com", None),
        "WatchRole": ("lambda.amazonaws.com", None),
    }


def test_deploy_model_cannot_approve_a_version() -> None:
    (update,) = (s for _, s in statements() if "sagemaker:UpdateModelPackage" in listed(s["Action"]))
    # A request that sets the approval status has this key.
    assert update["Condition"] == {"Null": {"sagemaker:ModelApprovalStatus": "true"}}


def test_executions_cannot_register_approved_models_unless_the_deployment_allows_it() -> None:
    (register,) = (s for _, s in statements() if "sagemaker:CreateModelPackage" in listed(s["Action"]))
    waiting = "PendingManualApproval"
    allowed = {"Fn::If": ["ApprovesAutomatically", [waiting, "Approved"], waiting]}
    assert register["Condition"] == {"StringEquals": {"sagemaker:ModelApprovalStatus": allowed}}
    assert Template(SERVICE).parameters["AutomaticApproval"]["Default"] == "false"


def test_the_key_is_only_used_through_s3_and_the_topic_and_only_those_who_write_encrypt() -> None:
    keys = {role: s for role, s in statements() if s["Sid"] == "UseKey"}
    assert all(s["Resource"] == {"Ref": "KmsKeyArn"} for s in keys.values())
    through = {"s3": {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"}}
    through["topic"] = [through["s3"], {"Fn::Sub": "sns.${AWS::Region}.amazonaws.com"}]
    for role, statement in keys.items():
        service = through["topic" if role == "NoticesRole" else "s3"]
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": service}}
    reading, writing = ["kms:Decrypt"], ["kms:Decrypt", "kms:GenerateDataKey"]
    assert {role: listed(s["Action"]) for role, s in keys.items()} == {
        "PipelineRole": reading,
        "JobRole": writing,
        "EndpointRole": reading,
        "TransformRole": writing,
        "PredictRole": reading,
        "StreamRole": writing,
        "DeployRole": writing,
        "NoticesRole": writing,
        "WatchRole": reading,
        "MonitoringJobRole": writing,
        "MonitorRole": writing,
    }


@pytest.mark.parametrize("key", ["", "arn:aws:kms:eu-west-1:123456789012:key/1234-abcd"])
def test_bucket_topic_and_logs_have_the_key(key: str) -> None:
    found = {}
    for text in (SERVICE, STORAGE):
        template = Template(text)
        scope = Scope(template, {"KmsKeyArn": key, "ProjectName": "p"}, lambda name, _: name)
        for name, resource in template.resources.items():
            kind, properties = resource["Type"], resource["Properties"]
            if kind == "AWS::Logs::LogGroup":
                found[name] = scope.resolve({"key": properties["KmsKeyId"]})
            elif kind == "AWS::SNS::Topic":
                found[name] = scope.resolve({"key": properties["KmsMasterKeyId"]})
            elif kind == "AWS::S3::Bucket":
                (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                found[name] = scope.resolve(rule["ServerSideEncryptionByDefault"])
    bucket = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
    assert found.pop("Bucket") == bucket
    others = (
        "AccessLogs",
        "AlarmTopic",
        "DeployLogs",
        "EndpointLogs",
        "MonitorLogs",
        "NoticesLogs",
        "PredictLogs",
        "WatchLogs",
    )
    assert found == dict.fromkeys(others, {"key": key} if key else {})


def test_buckets_of_other_accounts_cannot_be_reached_by_name() -> None:
    reading = [s for _, s in statements() if str(listed(s["Action"])[0]).startswith("s3:")]
    assert len(reading) == 23
    own = {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}
    assert all(s["Condition"]["StringEquals"] == own for s in reading)


def test_no_job_endpoint_or_function_can_write_code() -> None:
    for role, statement in statements():
        if {"s3:PutObject", "s3:DeleteObject"} & set(listed(statement["Action"])):
            for resource in listed(statement["Resource"]):
                assert resource["Fn::Sub"].rpartition("${AWS::Region}")[2] in {
                    "/models/*",
                    "/runs/*",
                    "/runs/score/*",
                    "/champion/*",
                    "/notices/*",
                    "/monitoring/*",
                    "/monitoring/runs/*",
                    "/outcomes/none.txt",
                    "/predictions/*",
                    "/runs/undelivered/*",
                }, role


def test_only_batch_transform_reads_portfolios_and_the_endpoint_only_reads_models() -> None:
    reached = {
        (role, resource["Fn::Sub"].rpartition("${AWS::Region}")[2])
        for role, statement in statements()
        if {"s3:GetObject", "s3:PutObject"} & set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
        if role in {"EndpointRole", "TransformRole"}
    }
    assert reached == {
        ("EndpointRole", "/models/*"),
        ("TransformRole", "/models/*"),
        ("TransformRole", "/runs/score/*"),
    }


def test_roles_are_named_by_cloudformation() -> None:
    roles = [r for r in Template(SERVICE).resources.values() if r["Type"] == "AWS::IAM::Role"]

    assert len(roles) == 11
    assert not any("RoleName" in role["Properties"] for role in roles)


def test_only_runs_predictions_old_versions_and_incomplete_uploads_expire() -> None:
    rules = Template(STORAGE).resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule} == {"runs/", "predictions/"}
    assert [set(rule) - {"Id", "Status", "Prefix"} for rule in rules] == [
        {"ExpirationInDays"},
        {"ExpirationInDays"},
        {"NoncurrentVersionExpiration"},
        {"AbortIncompleteMultipartUpload"},
    ]


def test_policies_only_deny_plain_http() -> None:
    for text, name in (
        (STORAGE, "BucketPolicy"),
        (SERVICE, "DeadLettersPolicy"),
        (SERVICE, "AlarmTopicPolicy"),
    ):
        document = Template(text).resources[name]["Properties"]["PolicyDocument"]
        denied = [s for s in document["Statement"] if s["Effect"] == "Deny"]
        assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}], name


def refusal(**parameters: str) -> str | None:
    """Return why CloudFormation rejects the parameters, or None if it accepts them."""
    template = Template(SERVICE)
    given = {
        **{f"{camel_case(name)}CodeKey": f"code/{'0' * 64}/{name}.zip" for name in FUNCTIONS},
        "ImageAccount": "123456789012",
        **parameters,
    }
    try:
        values = template.resolve_parameters(given)
        Scope(template, values, lambda name, _: name).check_rules()
    except TemplateError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, None),
        ({"EndpointMode": "serverless"}, None),
        ({"EndpointMode": "serverless", "MaxInstances": "2"}, "A serverless endpoint has no instances"),
        ({"MinInstances": "2", "MaxInstances": "2"}, None),
        ({"MaxInstances": "2"}, "SageMaker does not scale ml.t2 instances"),
        ({"MaxInstances": "2", "InstanceType": "ml.m5.large"}, None),
        ({"MaxInstances": "21", "InstanceType": "ml.m5.large"}, "must be a number not greater than 20"),
        ({"InstanceType": "t2.medium"}, "'InstanceType' failed to satisfy constraint"),
        ({"EndpointMode": "both"}, r"must be one of AllowedValues [instance, serverless]"),
        ({"ServerlessMemoryMb": "3000"}, "must be one of AllowedValues [1024, 2048,"),
        ({"ServerlessMaxConcurrency": "201"}, "must be a number not greater than 200"),
        ({"ApiKeyRequired": "false"}, "Without API keys any web page could use the API"),
        ({"ApiKeyRequired": "false", "CorsOrigins": "https://a.org"}, None),
        ({"CorsOrigins": "a.org"}, "Either * or origins such as https://example.com"),
        ({"AlarmEmail": "nobody"}, "'AlarmEmail' failed to satisfy constraint"),
        ({"ProjectName": "Credit"}, "3 to 24 lowercase letters"),
        ({"KmsKeyArn": "alias/mine"}, "The ARN of a KMS key in this region"),
        ({"LogRetentionDays": "2"}, "must be one of AllowedValues [1, 3, 5,"),
        ({"PowertoolsVersion": "latest"}, "'PowertoolsVersion' failed to satisfy constraint"),
    ],
)
def test_invalid_parameters_of_the_template_are_rejected(
    parameters: dict[str, str], reason: str | None
) -> None:
    found = refusal(**parameters)

    assert found is None if reason is None else reason in str(found), found


def test_the_rest_deployment_waits_for_every_method_and_gateway_response() -> None:
    template = Template(SERVICE)
    wanted = {
        name
        for name, resource in template.resources.items()
        if resource["Type"] in {"AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse"}
    }

    assert set(template.resources["ApiDeployment"]["DependsOn"]) == wanted
    assert len(wanted) == 20


def deployment_id(text: str, **parameters: str) -> str:
    named = Template(name_deployment(text, parameters))
    (name,) = (n for n, r in named.resources.items() if r["Type"] == "AWS::ApiGateway::Deployment")
    assert named.resources["ApiStage"]["Properties"]["DeploymentId"] == {"Ref": name}
    return name


def test_the_rest_deployments_name_only_depends_on_the_api() -> None:
    name = deployment_id(SERVICE, CorsOrigins="*", LogRetentionDays="30", ApiKeyRequired="true")

    assert re.fullmatch(r"ApiDeployment[0-9a-f]{8}", name)
    # Unrelated settings, comments and other resources do not change the name.
    assert name == deployment_id(SERVICE, CorsOrigins="*", LogRetentionDays="7", ApiKeyRequired="true")
    assert name == deployment_id(
        SERVICE.replace("# Only checks the header", "# Checks only the header").replace(
            "Timeout: 28", "Timeout: 20"
        ),
        CorsOrigins="*",
        ApiKeyRequired="true",
    )
    # The API's resources and their parameters do.
    others = {
        deployment_id(
            SERVICE.replace("PathPart: docs", "PathPart: help"), CorsOrigins="*", ApiKeyRequired="true"
        ),
        deployment_id(SERVICE, CorsOrigins="https://a.org", ApiKeyRequired="true"),
        deployment_id(SERVICE, CorsOrigins="*", ApiKeyRequired="false"),
    }
    assert len(others | {name}) == 4


def test_the_functions_layer_has_the_locked_release() -> None:
    lock = (TEMPLATES.parent / "requirements.lock").read_text(encoding="utf-8")
    template = Template(SERVICE)

    pinned = re.search(r"^aws-lambda-powertools==(\S+)", lock, re.MULTILINE)
    assert pinned is not None
    assert template.parameters["PowertoolsVersion"]["Default"] == pinned[1]
    layer = "{{resolve:ssm:/aws/service/powertools/python/arm64/python3.13/${PowertoolsVersion}}}"
    for function in ("PredictFunction", "DeployFunction", "NoticesFunction", "WatchFunction"):
        properties = template.resources[function]["Properties"]
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
        assert properties["Layers"]["Fn::If"][:2] == ["HasLayer", [{"Fn::Sub": layer}]]


def test_functions_log_into_the_groups_whose_retention_is_set() -> None:
    resources = Template(SERVICE).resources

    for name in ("Predict", "Deploy", "Notices", "Watch"):
        function, group = f"{name}Function", f"{name}Logs"
        assert resources[function]["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": group}}
        assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("text", [SERVICE, STORAGE])
def test_parameters_are_found_without_a_yaml_parser(text: str) -> None:
    assert template_parameters(text) == list(Template(text).parameters)


def test_the_templates_lie_in_infra() -> None:
    assert sorted(path.name for path in Path(TEMPLATES).glob("*.yaml")) == [
        "ci-role.yaml",
        "service.yaml",
        "storage.yaml",
    ]


RUNBOOK = (TEMPLATES.parent / "docs" / "runbook.md").read_text(encoding="utf-8")


def test_every_alarm_has_a_section_in_the_runbook_and_names_it() -> None:
    alarms = re.findall(r"AlarmName: !Sub \$\{ProjectName\}-(\S+)", SERVICE)
    assert re.findall(r"^## Alarm `(.+)`$", RUNBOOK, re.MULTILINE) == alarms != []
    for name in alarms:
        assert f'See "Alarm {name}" in docs/runbook.md.' in " ".join(SERVICE.split())


def test_every_notice_names_a_section_of_the_runbook() -> None:
    sections = [heading.replace("`", "") for heading in re.findall(r"(?m)^## (.+)$", RUNBOOK)]
    texts = Texts("bankruptcy")
    for title, text in (
        texts.waits("1", {}, None),
        texts.deployed("1"),
        texts.rolled_back("1", "why"),
        texts.given_up("1", "why"),
        texts.blocked("why"),
        texts.execution_failed("e", []),
        texts.alarm_ended("bankruptcy-endpoint-errors"),
    ):
        named = re.search(r'Runbook: "(.+)" in docs/runbook.md$', text)
        assert named is not None
        assert named[1] in sections
        # SNS takes a subject of at most 100 characters, and the longest project name has 24.
        assert len(title) - len("bankruptcy") + 24 <= 100


def test_alarms_tell_people_when_they_start_and_end_unless_a_notice_does() -> None:
    alarms = {
        name: resource["Properties"]
        for name, resource in Template(SERVICE).resources.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    told = {name for name, alarm in alarms.items() if "AlarmActions" in alarm}
    assert set(alarms) - told == {"GivenUpAlarm", "FailedExecutionAlarm"}
    assert all(alarms[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}] for name in told)
    rule = Template(SERVICE).resources["EndedAlarmRule"]["Properties"]["EventPattern"]["detail"]
    named = {name["Fn::Sub"] for name in rule["alarmName"]}
    assert named == {alarms[name]["AlarmName"]["Fn::Sub"] for name in told}
