"""The templates: parameters, encryption, what expires, and the REST deployment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_aws.cloudformation.template import Scope, Template, TemplateError
from scripts.deploy.outputs import camel_case
from scripts.deploy.packaging import FUNCTIONS
from scripts.deploy.template import TEMPLATES, name_deployment, template_parameters

SERVICE = (TEMPLATES / "service.yaml").read_text(encoding="utf-8")
STORAGE = (TEMPLATES / "storage.yaml").read_text(encoding="utf-8")


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
        denied = [s for s in document["Statement"] if s.get("Effect") == "Deny"]
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
