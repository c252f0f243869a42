"""The whole system into an account: storage, code, service, pipeline; and what a deployed one is called."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scripts.aws.stacks import Confirm, DeploymentError, Event, OnEvent, Outcome, Stack, ignore
from scripts.deploy.packaging import FUNCTIONS, pack, upload

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient

    from pipeline.project import Project

__all__ = ["Deployment", "DeploymentError", "Event", "Outputs", "deploy", "read_outputs", "upsert_pipeline"]

TEMPLATES = Path(__file__).resolve().parents[2] / "infra"
NO_CHAMPION = "champion/none.txt"
# What `destroy` writes into the parameter that says whether the service is paused.
BEING_DESTROYED = "destroying"
LOG_ROLE = "ApiGatewayLogs"
# What an API Gateway account role must allow: AmazonAPIGatewayPushToCloudWatchLogs, written out.
_LOG_ACTIONS = (
    "CreateLogGroup",
    "CreateLogStream",
    "DescribeLogGroups",
    "DescribeLogStreams",
    "FilterLogEvents",
    "GetLogEvents",
    "PutLogEvents",
)
_API_TYPES = re.compile(
    r"Type: AWS::ApiGateway::(GatewayResponse|Method|RequestValidator|Resource|RestApi)\b"
)
_ROLE_ATTEMPTS = 15


@dataclass(frozen=True)
class Outputs:
    """What the service stack made, as everything else names it."""

    bucket_name: str
    model_package_group_name: str
    pipeline_name: str
    endpoint_name: str
    pipeline_role_arn: str
    job_role_arn: str
    endpoint_role_arn: str
    transform_role_arn: str
    api_url: str
    api_key_id: str
    rest_api_id: str
    predict_function_name: str
    deploy_function_name: str
    paused_parameter_name: str
    dead_letter_queue_url: str
    alarm_topic_arn: str
    dashboard_name: str


@dataclass(frozen=True)
class Deployment:
    """What a deployment did, part by part."""

    outputs: Outputs
    storage: Outcome
    service: Outcome
    pipeline: Outcome

    @property
    def changed(self) -> bool:
        """Whether anything was not as wanted before."""
        return {self.storage, self.service, self.pipeline} != {"unchanged"}


def deploy(
    session: boto3.Session,
    project: Project,
    *,
    confirm: Confirm,
    on_event: OnEvent = ignore,
    parameters: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Deployment:
    """Bring an account to what this repository says. It can be interrupted and repeated at any point.

    Parameters
    ----------
    confirm
        Asked before a stack replaces or removes resources; given those changes.
    on_event
        Told what happens, as it happens.
    parameters
        Parameters of ``infra/service.yaml`` to set. Those not given keep what an earlier deployment
        set, or have their defaults.

    Raises
    ------
    DeploymentError
        If a stack failed, a parameter is unknown, or a change was not confirmed.
    """
    cloudformation = session.client("cloudformation")
    tags = {"Project": project.name}
    service_text = (TEMPLATES / "service.yaml").read_text(encoding="utf-8")
    names = template_parameters(service_text)
    given = _checked(parameters or {}, settings_of(service_text))

    storage_text = (TEMPLATES / "storage.yaml").read_text(encoding="utf-8")
    storage = Stack(cloudformation, project.storage_stack, on_event, sleep).apply(
        {"TemplateBody": storage_text},
        {"ProjectName": project.name},
        template_parameters(storage_text),
        tags=tags,
        confirm=confirm,
    )

    code = _upload_functions(session, project, on_event)
    # Libraries come with the code: no earlier deployment's release is kept. Local AWS has them at hand.
    release = "" if is_local(cloudformation) else _defaults(service_text)["PowertoolsVersion"]
    code["PowertoolsVersion"] = release
    _ensure_log_role(session, on_event, sleep)
    stack = Stack(cloudformation, project.service_stack, on_event, sleep)
    values = {"ProjectName": project.name, **code, **given}
    effective = {**_defaults(service_text), **_parameters_of(stack), **values}
    _check_bounds(effective)
    service = stack.apply(
        {"TemplateURL": _upload_template(session, project, name_deployment(service_text, effective))},
        values,
        names,
        tags=tags,
        confirm=confirm,
    )

    outputs = read_outputs(cloudformation, project)
    _undo_destroy(session, stack, outputs, on_event)
    _seed_champion(session, project, on_event)
    pipeline = upsert_pipeline(session, project, outputs)
    on_event(Event("pipeline", project.pipeline, pipeline))
    return Deployment(outputs, storage, service, pipeline)


def read_outputs(cloudformation: CloudFormationClient, project: Project) -> Outputs:
    """Return what the deployed service is called.

    On local AWS the API's address is the one that local AWS serves it at.

    Raises
    ------
    DeploymentError
        If the service is not deployed.
    """
    present = Stack(cloudformation, project.service_stack).outputs()
    wanted = {field.name: _camel(field.name) for field in fields(Outputs)}
    missing = sorted(set(wanted.values()) - set(present))
    if missing:
        from scripts.aws.session import command

        where = f"account {project.account}, {project.region}"
        told = f"lacks {', '.join(missing)}" if present else "does not exist or is not complete"
        raise DeploymentError(
            f"The stack {project.service_stack} ({where}) {told}. Run `{command('deploy')}` first."
        )
    values = {name: present[key] for name, key in wanted.items()}
    if is_local(cloudformation):
        url = cloudformation.meta.endpoint_url.rstrip("/")
        values["api_url"] = f"{url}/restapis/{values['rest_api_id']}/prod/_user_request_"
    return Outputs(**values)


def upsert_pipeline(session: boto3.Session, project: Project, outputs: Outputs) -> Outcome:
    """Upload the steps' code and create or update the pipeline; say which."""
    from pipeline.bundles import build_bundles, upload_bundles
    from pipeline.definition import build_definition
    from pipeline.service import upsert

    uris = upload_bundles(session.client("s3"), outputs.bucket_name, build_bundles())
    definition = build_definition(project, outputs.job_role_arn, uris)
    tags = {"Project": project.name}
    return upsert(session.client("sagemaker"), project, definition, outputs.pipeline_role_arn, tags)


def is_local(client: Any) -> bool:
    """Whether a client talks to local AWS."""
    return urlsplit(client.meta.endpoint_url).hostname in {"127.0.0.1", "::1", "localhost"}


def template_parameters(text: str) -> list[str]:
    """Return the names of a template's parameters."""
    return list(_blocks(text, "Parameters"))


def settings_of(text: str) -> dict[str, str]:
    """Return the parameters of the service's template that a person may set, with their defaults."""
    not_theirs = {"DeployModelCodeKey", "PredictApiCodeKey", "ProjectName"}
    return {name: value for name, value in _defaults(text).items() if name not in not_theirs}


def name_deployment(text: str, parameters: Mapping[str, str]) -> str:
    """Give the template's REST deployment a logical id that changes with the API's resources.

    Parameters
    ----------
    text
        The template, with a deployment called ``ApiDeployment``.
    parameters
        The stack's parameters: the values of those that the API's resources mention count, too.
    """
    blocks = {name: block for name, block in _blocks(text, "Resources").items() if _API_TYPES.search(block)}
    mentioned = sorted(
        name for name in parameters if any(re.search(rf"\b{name}\b", b) for b in blocks.values())
    )
    # A condition stands for the parameters in it.
    facts = json.dumps(
        [blocks, {name: parameters[name] for name in mentioned}, parameters.get("ApiKeyRequired")],
        sort_keys=True,
    )
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return re.sub(r"\bApiDeployment\b", f"ApiDeployment{digest}", text)


def _blocks(text: str, section: str) -> dict[str, str]:
    """Split one section of a template of ours into its items, without a YAML parser."""
    match = re.search(rf"^{section}:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^  (\w+):[ ]*\n", match[1] if match else "", flags=re.MULTILINE)
    uncommented = (re.sub(r"^\s*#.*\n", "", part, flags=re.MULTILINE) for part in parts[2::2])
    return dict(zip(parts[1::2], uncommented, strict=True))


def _defaults(text: str) -> dict[str, str]:
    found = {}
    for name, block in _blocks(text, "Parameters").items():
        match = re.search(r"^ +Default: (.*)$", block, re.MULTILINE)
        if match:
            found[name] = match[1].strip('"')
    return found


def _checked(parameters: Mapping[str, str], allowed: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(parameters) - set(allowed))
    if unknown:
        raise DeploymentError(
            f"The service has no parameter {', '.join(unknown)}. It has: {', '.join(allowed)}."
        )
    return dict(parameters)


def _check_bounds(parameters: Mapping[str, str]) -> None:
    """Check what the template's own rules can't: they compare no numbers."""
    least, most = parameters["MinInstances"], parameters["MaxInstances"]
    # What is no number at all CloudFormation refuses.
    if least.isdecimal() and most.isdecimal() and int(least) > int(most):
        raise DeploymentError(
            f"MinInstances is {least} and MaxInstances {most}; MaxInstances must be as many or more."
        )


def _parameters_of(stack: Stack) -> dict[str, str]:
    present = (stack.describe() or {}).get("Parameters", [])
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in present}


def _upload_functions(session: boto3.Session, project: Project, on_event: OnEvent) -> dict[str, str]:
    s3 = session.client("s3")
    keys = {}
    for function in FUNCTIONS:
        archive = pack(function)
        uploaded = upload(s3, project.bucket, archive)
        on_event(Event("code", f"{function}.zip", "uploaded" if uploaded else "unchanged"))
        keys[f"{_camel(function)}CodeKey"] = archive.key
    return keys


def _upload_template(session: boto3.Session, project: Project, text: str) -> str:
    """Put the template under its hash and return the address CloudFormation reads it from.

    In the call itself a template may have 51,200 bytes only.
    """
    content = text.encode()
    key = f"code/{hashlib.sha256(content).hexdigest()}/service.yaml"
    session.client("s3").put_object(Bucket=project.bucket, Key=key, Body=content)
    suffix = "amazonaws.com.cn" if project.region.startswith("cn-") else "amazonaws.com"
    return f"https://{project.bucket}.s3.{project.region}.{suffix}/{key}"


def _ensure_log_role(session: boto3.Session, on_event: OnEvent, sleep: Callable[[float], None]) -> None:
    """Let API Gateway write access logs, where nothing lets it yet. One role serves account and region."""
    gateway = session.client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    iam = session.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    logs = {"Effect": "Allow", "Action": [f"logs:{action}" for action in _LOG_ACTIONS], "Resource": "*"}
    try:
        role = iam.create_role(RoleName=LOG_ROLE, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=LOG_ROLE)["Role"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [logs]})
    iam.put_role_policy(RoleName=LOG_ROLE, PolicyName="logs", PolicyDocument=document)
    operation: Any = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role["Arn"]}
    for attempt in range(1, _ROLE_ATTEMPTS + 1):
        try:
            gateway.update_account(patchOperations=[operation])
            break
        except gateway.exceptions.BadRequestException as error:
            # A new role takes some seconds until API Gateway sees it.
            if attempt == _ROLE_ATTEMPTS:
                raise DeploymentError(f"API Gateway did not take the role {role['Arn']}: {error}") from error
            sleep(2)
    on_event(Event("account", "API Gateway's log role", "set", role["Arn"]))


def _undo_destroy(session: boto3.Session, stack: Stack, outputs: Outputs, on_event: OnEvent) -> None:
    """Take back what a `destroy` that was interrupted did before it came to the stack."""
    events, ssm = session.client("events"), session.client("ssm")
    for rule in stack.resources("AWS::Events::Rule"):
        if events.describe_rule(Name=rule)["State"] == "DISABLED":
            events.enable_rule(Name=rule)
            on_event(Event("service", f"rule {rule}", "enabled again"))
    name = outputs.paused_parameter_name
    if ssm.get_parameter(Name=name)["Parameter"]["Value"] == BEING_DESTROYED:
        ssm.put_parameter(Name=name, Value="false", Overwrite=True)
        on_event(Event("service", "endpoint", "allowed again", "An interrupted destroy had forbidden it."))


def _seed_champion(session: boto3.Session, project: Project, on_event: OnEvent) -> None:
    """Put a marker where the champion will lie: an empty folder fails the job that reads it."""
    s3 = session.client("s3")
    if s3.list_objects_v2(Bucket=project.bucket, Prefix="champion/", MaxKeys=1).get("KeyCount"):
        return
    s3.put_object(Bucket=project.bucket, Key=NO_CHAMPION, Body=b"No model has been deployed yet.\n")
    on_event(Event("service", NO_CHAMPION, "seeded"))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
