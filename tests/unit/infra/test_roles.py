"""The roles of the service: who assumes them, what they can do, and on which resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from support.permissions.service_authorization import obstacles

from local_aws.cloudformation.template import Template
from local_aws.iam.policy import listed, matches
from scripts.deploy.template import TEMPLATES

SERVICE = (TEMPLATES / "service.yaml").read_text(encoding="utf-8")

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
                    # With a key, each role has one more statement.
                    yield name, statement["Fn::If"][1] if "Fn::If" in statement else statement


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


def test_buckets_of_other_accounts_cannot_be_reached_by_name() -> None:
    reading = [s for _, s in statements() if str(listed(s["Action"])[0]).startswith("s3:")]
    assert len(reading) == 24
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
                    "/runs/*/SummarizePredictions/*",
                    "/runs/undelivered/*",
                }, role


def test_no_role_can_write_data() -> None:
    # An object under data/ starts an execution if RetrainOn is new-data.
    data = "data/0a1b/companies.csv"
    for role, statement in statements():
        for resource in listed(statement["Resource"]):
            if any(
                action.startswith("s3:") and "Get" not in action for action in listed(statement["Action"])
            ):
                key = resource["Fn::Sub"].rpartition("${AWS::Region}")[2].lstrip("/")
                assert not matches(key, data), f"{role}/{statement['Sid']} can write {key}"


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


def test_monitoring_reaches_none_of_the_files_between_the_jobs_of_training() -> None:
    reached = {
        resource["Fn::Sub"].rpartition("${AWS::Region}/")[2]
        for role, statement in statements()
        if role == "MonitoringJobRole" and {"s3:GetObject", "s3:PutObject"} & set(listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    assert {each for each in reached if each.startswith(("champion", "data", "models", "runs"))} == {
        "runs/*/SummarizePredictions/*"
    }
