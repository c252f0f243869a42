"""Deploys the whole system to an account: storage, code, service and pipeline."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.aws.session import Aws
from scripts.aws.stacks import Confirm, DeploymentError, Event, OnEvent, Outcome, Stack, ignore
from scripts.deploy.commit import current_commit
from scripts.deploy.endpoint import BEING_DESTROYED, read_paused, set_paused
from scripts.deploy.outputs import Outputs, camel_case, read_outputs
from scripts.deploy.packaging import FUNCTIONS, pack, upload
from scripts.deploy.regions import check_instance_type, check_region, default_instance_type
from scripts.deploy.template import (
    name_deployment,
    parameter_defaults,
    read_template,
    settings_of,
    template_parameters,
)
from scripts.errors import UsageError

NO_CHAMPION = "champion/none.txt"
LOG_ROLE = "ApiGatewayLogs"
# The permissions of the managed policy AmazonAPIGatewayPushToCloudWatchLogs.
_LOG_ACTIONS = (
    "CreateLogGroup",
    "CreateLogStream",
    "DescribeLogGroups",
    "DescribeLogStreams",
    "FilterLogEvents",
    "GetLogEvents",
    "PutLogEvents",
)
_ROLE_ATTEMPTS = 15
# Defaults on local AWS, where people wait for each update and want to see their predictions at once.
_LOCAL = {"BakeSeconds": "0", "PredictionLogSeconds": "5"}


@dataclass(frozen=True)
class Deployment:
    """The outputs of a deployment, and whether it created, updated or kept each part.

    Attributes
    ----------
    needs_key
        Whether predictions need an API key.
    """

    outputs: Outputs
    storage: Outcome
    service: Outcome
    pipeline: Outcome
    needs_key: bool

    @property
    def changed(self) -> bool:
        """Whether the deployment changed anything."""
        return {self.storage, self.service, self.pipeline} != {"unchanged"}


def deploy(
    aws: Aws,
    *,
    confirm: Confirm,
    on_event: OnEvent = ignore,
    parameters: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Deployment:
    """Deploy everything to the account, or update what is deployed.

    It can be interrupted and repeated at any point.

    Parameters
    ----------
    confirm
        Called with the changes before a stack replaces or removes resources; returns whether to go on.
    on_event
        Called with each event.
    parameters
        Parameters of the templates in ``infra/`` to set. The others keep the values of an earlier deployment,
        or get their defaults.

    Raises
    ------
    DeploymentError
        If the region lacks something, a stack failed, or a change was not confirmed.
    UsageError
        If a parameter is unknown, or MinInstances is larger than MaxInstances.
    """
    from pipeline.jobs import image_account

    project = aws.project
    check_region(project.region)
    service_template = read_template("service.yaml")
    storage_template = read_template("storage.yaml")
    names, storage_names = template_parameters(service_template), template_parameters(storage_template)
    defaults = parameter_defaults(service_template)
    allowed = {**settings_of(service_template), **settings_of(storage_template)}
    if unknown := sorted(set(parameters or {}) - set(allowed)):
        known = ", ".join(allowed)
        raise UsageError(f"The service has no parameter {', '.join(unknown)}. It has: {known}.")

    stack = Stack(aws, project.service_stack, on_event, sleep)
    deployed = stack.parameters()
    chosen = {
        "InstanceType": default_instance_type(project.region),
        **deployed,
        **(parameters or {}),
    }["InstanceType"]
    check_instance_type(project.region, chosen)
    shared = {name: value for name, value in (parameters or {}).items() if name in storage_names}
    storage = Stack(aws, project.storage_stack, on_event, sleep).apply(
        {"TemplateBody": storage_template}, {**shared, "ProjectName": project.name}, storage_names, confirm
    )

    values = {
        "ProjectName": project.name,
        "Commit": current_commit(),
        "ImageAccount": image_account(project.region),
        **_upload_functions(aws, on_event),
        # This release belongs to the code, so that an earlier deployment's value is never kept. Local AWS
        # has the library installed and needs no layer.
        "PowertoolsVersion": "" if aws.is_local else defaults["PowertoolsVersion"],
        "InstanceType": chosen,
        **({name: value for name, value in _LOCAL.items() if name not in deployed} if aws.is_local else {}),
        **{name: value for name, value in (parameters or {}).items() if name in names},
    }
    _ensure_log_role(aws, on_event, sleep)
    storage_values = Stack(aws, project.storage_stack).parameters()
    effective = {**defaults, **storage_values, **deployed, **values}
    _check_bounds(effective)
    service = stack.apply(
        {"TemplateURL": _upload_template(aws, name_deployment(service_template, effective))},
        values,
        names,
        confirm,
    )

    outputs = read_outputs(aws)
    _undo_destroy(aws, stack, outputs, on_event)
    _seed_champion(aws, on_event)
    on_event(Event("pipeline", project.pipeline, "building"))
    pipeline = upsert_pipeline(aws, outputs)
    on_event(Event("pipeline", project.pipeline, pipeline))
    on_event(Event("pipeline", project.monitoring_pipeline, upsert_monitoring(aws, outputs)))
    return Deployment(outputs, storage, service, pipeline, effective["ApiKeyRequired"] == "true")


def upsert_pipeline(aws: Aws, outputs: Outputs) -> Outcome:
    """Upload the steps' code, and create or update the pipeline; return which."""
    from pipeline.bundles import build_bundles, upload_bundles
    from pipeline.definition import build_definition
    from pipeline.service import upsert

    uris = upload_bundles(aws.client("s3"), outputs.bucket_name, build_bundles())
    # The role of the pipeline has the permission if the stack has the parameter.
    deployed = Stack(aws, aws.project.service_stack).parameters()
    definition = build_definition(
        aws.project,
        outputs.job_role_arn,
        uris,
        current_commit(),
        automatic_approval=deployed.get("AutomaticApproval") == "true",
    )
    return upsert(
        aws.client("sagemaker"),
        aws.project.pipeline,
        definition,
        outputs.pipeline_role_arn,
        {"Project": aws.project.name},
        description="Bankruptcy risk of companies: features, two candidates, evaluation, gate, registration",
    )


def upsert_monitoring(aws: Aws, outputs: Outputs) -> Outcome:
    """Upload the code of monitoring, and create or update its pipeline; return which."""
    from pipeline.bundles import MONITORING_MODULES, build_bundles, upload_bundles
    from pipeline.monitoring import build_monitoring_definition
    from pipeline.service import upsert

    bundles = build_bundles(modules=MONITORING_MODULES)
    uris = upload_bundles(aws.client("s3"), outputs.bucket_name, bundles)
    role = outputs.monitoring_job_role_arn
    return upsert(
        aws.client("sagemaker"),
        aws.project.monitoring_pipeline,
        build_monitoring_definition(aws.project, role, uris, current_commit()),
        outputs.pipeline_role_arn,
        {"Project": aws.project.name},
        description="Monitoring of predicted bankruptcy risk: drift, expected and realised quality",
    )


def _check_bounds(parameters: Mapping[str, str]) -> None:
    """Check the order of values, which CloudFormation's rules can't compare."""
    kept, horizon = parameters["PredictionDays"], parameters["OutcomeDays"]
    if kept.isdecimal() and horizon.isdecimal() and int(kept) <= int(horizon):
        raise UsageError(
            f"PredictionDays is {kept}, and OutcomeDays is {horizon}.",
            "Predictions must be kept longer than it takes to know their outcome.",
        )
    least, most = parameters["MinInstances"], parameters["MaxInstances"]
    # CloudFormation rejects values that are not numbers.
    if least.isdecimal() and most.isdecimal() and int(least) > int(most):
        raise UsageError(
            f"MinInstances is {least}, but MaxInstances is only {most}.", "MaxInstances must not be smaller."
        )


def _upload_functions(aws: Aws, on_event: OnEvent) -> dict[str, str]:
    """Upload the functions' code; return the template's parameters that say where it is."""
    keys = {}
    for function in FUNCTIONS:
        archive = pack(function)
        uploaded = upload(aws, archive)
        on_event(Event("code", f"{function}.zip", "uploaded" if uploaded else "unchanged"))
        keys[f"{camel_case(function)}CodeKey"] = archive.key
    return keys


def _upload_template(aws: Aws, text: str) -> str:
    """Upload the template and return its URL; in a request, CloudFormation accepts only 51,200 bytes."""
    project, content = aws.project, text.encode()
    key = f"code/{hashlib.sha256(content).hexdigest()}/service.yaml"
    aws.client("s3").put_object(Bucket=project.bucket, Key=key, Body=content)
    return f"https://{project.bucket}.s3.{project.region}.amazonaws.com/{key}"


def _ensure_log_role(aws: Aws, on_event: OnEvent, sleep: Callable[[float], None]) -> None:
    """Allow API Gateway to write logs, unless a role already does; the account and region share one role."""
    gateway = aws.client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    iam = aws.client("iam")
    principal = {"Service": "apigateway.amazonaws.com"}
    trust = _policy(Action="sts:AssumeRole", Principal=principal)
    logs = _policy(Sid="Logs", Action=[f"logs:{action}" for action in _LOG_ACTIONS], Resource="*")
    try:
        role = iam.create_role(RoleName=LOG_ROLE, AssumeRolePolicyDocument=trust)["Role"]
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=LOG_ROLE)["Role"]
    iam.put_role_policy(RoleName=LOG_ROLE, PolicyName="logs", PolicyDocument=logs)
    operation = {"op": "replace", "path": "/cloudwatchRoleArn", "value": role["Arn"]}
    for attempt in range(1, _ROLE_ATTEMPTS + 1):
        try:
            gateway.update_account(patchOperations=[operation])
            break
        except gateway.exceptions.BadRequestException as error:
            # API Gateway rejects a new role for some seconds.
            if attempt == _ROLE_ATTEMPTS:
                raise DeploymentError(f"API Gateway rejected the role {role['Arn']}: {error}") from error
            sleep(2)
    on_event(Event("account", "API Gateway's log role", "set", role["Arn"]))


def _policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _undo_destroy(aws: Aws, stack: Stack, outputs: Outputs, on_event: OnEvent) -> None:
    """Undo what an interrupted `destroy` did before it deleted the stack."""
    events = aws.client("events")
    for rule in stack.resources("AWS::Events::Rule"):
        if events.describe_rule(Name=rule)["State"] == "DISABLED":
            events.enable_rule(Name=rule)
            on_event(Event("service", f"rule {rule}", "enabled again"))
    if read_paused(aws, outputs) == BEING_DESTROYED:
        set_paused(aws, outputs, "false")
        on_event(Event("service", "endpoint", "allowed again", "An interrupted `destroy` had blocked it."))


def _seed_champion(aws: Aws, on_event: OnEvent) -> None:
    """Put a marker under champion/, as the job that reads the champion fails on an empty prefix."""
    s3, bucket = aws.client("s3"), aws.project.bucket
    if s3.list_objects_v2(Bucket=bucket, Prefix="champion/", MaxKeys=1).get("KeyCount"):
        return
    s3.put_object(Bucket=bucket, Key=NO_CHAMPION, Body=b"No model has been deployed yet.\n")
    on_event(Event("service", NO_CHAMPION, "created"))
