"""Reads the names of the deployed resources from the service stack."""

from dataclasses import dataclass, fields

from scripts.aws.session import Aws
from scripts.aws.stacks import DeploymentError, Stack, outputs_of, parameters_of


@dataclass(frozen=True)
class Outputs:
    """The outputs of the service stack, and whether predictions need an API key."""

    bucket_name: str
    model_package_group_name: str
    pipeline_name: str
    endpoint_name: str
    pipeline_role_arn: str
    job_role_arn: str
    monitoring_job_role_arn: str
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
    commit: str
    needs_api_key: bool


def read_outputs(aws: Aws) -> Outputs:
    """Return the outputs of the service stack; on local AWS, with the API's local address.

    Raises
    ------
    DeploymentError
        If the service is not deployed.
    """
    project = aws.project
    described = Stack(aws, project.service_stack).describe() or {}
    present = outputs_of(described)
    wanted = {
        field.name: camel_case(field.name) for field in fields(Outputs) if field.name != "needs_api_key"
    }
    missing = sorted(set(wanted.values()) - set(present))
    if missing:
        state = f"lacks {', '.join(missing)}" if present else "does not exist or is incomplete"
        raise DeploymentError(
            f"The stack {project.service_stack} (account {project.account}, {project.region}) {state}.",
            "Run `bankruptcy deploy` first.",
        )
    values = {name: present[key] for name, key in wanted.items()}
    if aws.local_url:
        values["api_url"] = f"{aws.local_url}/restapis/{values['rest_api_id']}/prod/_user_request_"
    needs_api_key = parameters_of(described).get("ApiKeyRequired", "true") == "true"
    return Outputs(**values, needs_api_key=needs_api_key)


def camel_case(name: str) -> str:
    """Return a snake_case name as CamelCase."""
    return "".join(part.capitalize() for part in name.split("_"))
