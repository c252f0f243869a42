"""The actions of the CloudFormation API, over the engine of local AWS.

moto's CloudFormation skips unknown resource types, does not roll back, and does not distinguish replacements
from updates. All its actions are therefore replaced; only its HTTP layer is used.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from moto.cloudformation import urls
from moto.cloudformation.exceptions import CloudFormationError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local_aws.base.clients import ACCESS_KEY, SECRET_KEY, Clients, Credentials
from local_aws.cloudformation.checks import check_template
from local_aws.cloudformation.engine import Engine
from local_aws.cloudformation.stack import ChangeSet, Plan, Stack
from local_aws.cloudformation.template import Template, TemplateError
from local_aws.cloudformation.views import (
    change_set_view,
    change_view,
    event_view,
    key_values,
    resource_view,
    stack_view,
)
from local_aws.iam.operations import signature_of
from local_aws.iam.sessions import Sessions

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
BUSY = "_IN_PROGRESS"
# AWS does not document its number. Commands poll for the newest events, which are few.
EVENTS_PER_PAGE = 25
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
COMMON = {"ClientRequestToken", "DeploymentMode"}
CREATE = {"Capabilities", "Parameters", "StackName", "Tags", "TemplateBody", "TemplateURL"} | COMMON
S3_ADDRESS = re.compile(r"https?://([^./]+)\.s3[^/]*/(.+)|https?://[^/]+/([^/]+)/(.+)")


def install(engine: Engine, sessions: Sessions) -> None:
    """Serve CloudFormation's API with `engine`; call this before moto's application is created."""
    LocalCloudFormation.engine = engine
    LocalCloudFormation.sessions = sessions
    urls.url_paths["{0}/$"] = LocalCloudFormation.dispatch
    # moto ignores conditions in bucket policies, so a policy that denies plain HTTP would deny every request.
    # Like IAM policies, bucket policies are stored but not enforced.
    FakeBucket.get_permission = _neutral_permission


def _neutral_permission(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
    return PermissionResult.NEUTRAL


class LocalCloudFormation(BaseResponse):  # type: ignore[misc]
    """The actions of the API; moto rejects other actions by name."""

    engine: ClassVar[Engine]
    sessions: ClassVar[Sessions]

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    def create_stack(self) -> ActionResult:
        """Create a stack in the background."""
        request = self._request(CREATE)
        plan = self._plan(request, None)
        with self.engine.lock:
            self._reject_existing(self.engine.find(request["StackName"]))
            stack = self.engine.add(request["StackName"], "CREATE_IN_PROGRESS")
        self.engine.start(stack, "create", self._caller(), plan)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        """Update a stack in the background."""
        request = self._request({*CREATE, "UsePreviousTemplate"})
        stack = self._stack(request["StackName"])
        self._check_status(stack, UPDATABLE)
        plan = self._plan(request, stack)
        if self._checked(lambda: self.engine.same(stack, plan)):
            raise _invalid("No updates are to be performed.")
        self.engine.start(stack, "update", self._caller(), plan)
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> ActionResult:
        """Delete a stack in the background; an unknown stack is not an error."""
        request = self._request({"StackName"} | COMMON)
        stack = self.engine.find(request["StackName"])
        if stack is not None and stack.status not in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            if stack.status.endswith(BUSY) and stack.status != "REVIEW_IN_PROGRESS":
                raise _invalid(f"Stack [{stack.name}] is in {stack.status} state and can not be deleted.")
            self.engine.start(stack, "delete", self._caller())
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        """Describe one stack, or all stacks that are not deleted."""
        request = self._request({"NextToken", "StackName"})
        if request.get("StackName"):
            stacks = [self._stack(request["StackName"])]
        else:
            stacks = [s for s in self.engine.stacks.values() if s.status != "DELETE_COMPLETE"]
        return ActionResult({"Stacks": [stack_view(stack) for stack in stacks]})

    def list_stacks(self) -> ActionResult:
        """List stacks, including deleted ones."""
        statuses = self._request({"NextToken", "StackStatusFilter"}).get("StackStatusFilter")
        stacks = [s for s in self.engine.stacks.values() if not statuses or s.status in statuses]
        return ActionResult({"StackSummaries": [stack_view(stack) for stack in reversed(stacks)]})

    def describe_stack_events(self) -> ActionResult:
        """Return a page of a stack's events, newest first."""
        request = self._request({"NextToken", "StackName"})
        stack = self._stack(request["StackName"])
        with self.engine.lock:
            # The token names an event, so that later events do not move the next page.
            token = request.get("NextToken")
            end = len(stack.events) if token is None else _position(stack, token) + 1
            start = max(0, end - EVENTS_PER_PAGE)
            page: dict[str, Any] = {
                "StackEvents": [event_view(stack, each) for each in reversed(stack.events[start:end])]
            }
            if start > 0:
                page["NextToken"] = stack.events[start - 1].id
        return ActionResult(page)

    def describe_stack_resources(self) -> ActionResult:
        """Describe one resource of a stack, or all of them."""
        request = self._request({"LogicalResourceId", "StackName"})
        stack = self._stack(request["StackName"])
        only = request.get("LogicalResourceId")
        resources = [each for each in stack.resources.values() if only in {None, each.logical_id}]
        return ActionResult({"StackResources": [resource_view(stack, each) for each in resources]})

    def list_stack_resources(self) -> ActionResult:
        """List the resources of a stack, in one page."""
        stack = self._stack(self._request({"NextToken", "StackName"})["StackName"])
        resources = [resource_view(stack, each) for each in stack.resources.values()]
        return ActionResult({"StackResourceSummaries": resources})

    def get_template(self) -> ActionResult:
        """Return a stack's template as it was submitted."""
        stack = self._stack(self._request({"StackName", "TemplateStage"})["StackName"])
        body = stack.template.body if stack.template else ""
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original"]})

    def create_change_set(self) -> ActionResult:
        """Create a change set; as on AWS, a change set without changes has status FAILED."""
        allowed = CREATE | {
            "ChangeSetName",
            "ChangeSetType",
            "ClientToken",
            "Description",
            "UsePreviousTemplate",
        }
        request = self._request(allowed)
        kind = request.get("ChangeSetType", "UPDATE")
        engine, stack = self.engine, self.engine.find(request["StackName"])
        if kind == "CREATE":
            if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                self._reject_existing(stack)
            plan = self._plan(request, None)
            stack = stack or engine.add(request["StackName"], "REVIEW_IN_PROGRESS")
        elif kind == "UPDATE":
            stack = self._stack(request["StackName"])
            self._check_status(stack, UPDATABLE)
            plan = self._plan(request, stack)
        else:
            raise _invalid(f"ChangeSetType must be CREATE or UPDATE on local AWS, not {kind}")
        name = request["ChangeSetName"]
        token = request.get("ClientToken")
        earlier = stack.change_sets.get(name)
        if earlier is not None and token and earlier.token == token:
            return ActionResult({"Id": earlier.id, "StackId": stack.id})
        if earlier is not None:
            raise CloudFormationError("AlreadyExistsException", f"ChangeSet {name} already exists")
        changes = self._checked(lambda: engine.changes(stack, plan))
        is_empty = kind == "UPDATE" and engine.same(stack, plan)
        change_set = ChangeSet(
            name,
            stack.id.replace(":stack/", ":changeSet/").rsplit("/", 2)[0] + f"/{name}/{uuid.uuid4()}",
            kind,
            plan,
            changes,
            "FAILED" if is_empty else "CREATE_COMPLETE",
            "UNAVAILABLE" if is_empty else "AVAILABLE",
            NO_CHANGES if is_empty else None,
            request.get("Description"),
            token,
        )
        stack.change_sets[name] = change_set
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        """Describe a change set and its changes, in one page."""
        stack, change_set = self._change_set(
            self._request({"ChangeSetName", "IncludePropertyValues", "NextToken", "StackName"})
        )
        return ActionResult(
            {
                **change_set_view(stack, change_set),
                "Parameters": key_values(change_set.plan.parameters, "Parameter"),
                "Capabilities": change_set.plan.capabilities,
                "Tags": key_values(change_set.plan.tags),
                "Changes": [change_view(change) for change in change_set.changes],
            }
        )

    def execute_change_set(self) -> ActionResult:
        """Execute a change set in the background."""
        request = self._request({"ChangeSetName", "ClientRequestToken", "StackName"})
        token = request.get("ClientRequestToken")
        if token and request.get("StackName") and self._stack(request["StackName"]).token == token:
            return EmptyResult()
        stack, change_set = self._change_set(request)
        if change_set.execution_status != "AVAILABLE":
            raise CloudFormationError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                f"[{change_set.status}]",
            )
        stack.change_sets.clear()
        stack.token = token
        self.engine.start(stack, change_set.kind.lower(), self._caller(), change_set.plan)
        return EmptyResult()

    def delete_change_set(self) -> ActionResult:
        """Delete a change set."""
        stack, change_set = self._change_set(self._request({"ChangeSetName", "StackName"}))
        del stack.change_sets[change_set.name]
        return EmptyResult()

    def _caller(self) -> Clients:
        """Return clients with the credentials of the request; local AWS does not check signatures."""
        signature = signature_of({"HTTP_AUTHORIZATION": self.headers.get("Authorization", "")})
        if signature is None or signature.access_key == ACCESS_KEY:
            return self.sessions.of()
        token = self.headers.get("X-Amz-Security-Token")
        return self.sessions.of(Credentials(signature.access_key, SECRET_KEY, token))

    def _request(self, allowed: set[str]) -> dict[str, Any]:
        """Return the request's parameters; reject those that local AWS would ignore."""
        request = {key: value for key, value in self.params.items() if value is not None}
        unknown = sorted(set(request) - allowed)
        if unknown:
            raise _invalid(
                f"Local AWS does not implement {', '.join(unknown)} of {self._get_action()}; "
                f"it supports {', '.join(sorted(allowed))}"
            )
        return request

    def _plan(self, request: dict[str, Any], stack: Stack | None) -> Plan:
        if stack is not None and request.get("UsePreviousTemplate") and stack.template:
            template = stack.template
        else:
            template = self._checked(lambda: Template(self._body(request)))
        values = {}
        for parameter in request.get("Parameters") or []:
            name = parameter["ParameterKey"]
            if parameter.get("UsePreviousValue"):
                if stack is None or name not in stack.parameters:
                    raise _invalid(f"Invalid input for parameter key {name}. There is no previous value")
                values[name] = stack.parameters[name]
            else:
                values[name] = parameter.get("ParameterValue", "")
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
        if stack is not None and "Tags" not in request:
            tags = stack.tags
        capabilities = list(request.get("Capabilities") or [])
        parameters = self._checked(lambda: template.resolve_parameters(values))
        self._checked(lambda: check_template(template, parameters, capabilities))
        return Plan(template, parameters, tags, capabilities)

    def _body(self, request: dict[str, Any]) -> str:
        if "TemplateBody" in request:
            return str(request["TemplateBody"])
        address = S3_ADDRESS.fullmatch(request.get("TemplateURL", ""))
        if address is None:
            raise _invalid("Pass the template as TemplateBody, or the URL of an S3 object as TemplateURL")
        bucket, key = address[1] or address[3], address[2] or address[4]
        try:
            answer = self._caller().get("s3").get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _invalid(f"S3 error for s3://{bucket}/{key}: {error}") from error
        return str(answer["Body"].read().decode())

    def _stack(self, name: str) -> Stack:
        stack = self.engine.find(name)
        if stack is None:
            raise _invalid(f"Stack with id {name} does not exist")
        return stack

    def _change_set(self, request: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        wanted, name = request["ChangeSetName"], request.get("StackName")
        stacks = [self._stack(name)] if name else self.engine.stacks.values()
        for stack in stacks:
            for change_set in stack.change_sets.values():
                if wanted in {change_set.name, change_set.id}:
                    return stack, change_set
        raise CloudFormationError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")

    @staticmethod
    def _reject_existing(stack: Stack | None) -> None:
        if stack is not None:
            raise CloudFormationError("AlreadyExistsException", f"Stack [{stack.name}] already exists")

    @staticmethod
    def _check_status(stack: Stack, statuses: set[str]) -> None:
        if stack.status not in statuses:
            raise _invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    @staticmethod
    def _checked(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except TemplateError as error:
            raise _invalid(str(error)) from error
        except PermissionError as error:
            raise CloudFormationError("InsufficientCapabilitiesException", str(error)) from error


def _position(stack: Stack, event_id: str) -> int:
    for position, event in enumerate(stack.events):
        if event.id == event_id:
            return position
    raise _invalid(f"Invalid NextToken: {event_id}")


def _invalid(message: str) -> CloudFormationError:
    return CloudFormationError("ValidationError", message)
