"""CloudFormation on local AWS: the actions of the API over the engine of `cloudformation_stack`.

moto's own CloudFormation skips types it does not know and calls the stack complete, neither rolls back
nor tells replacement from change. So it is replaced whole; of moto, only the HTTP side remains.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation import urls
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from local_aws.base.clients import Clients
from local_aws.cloudformation.stack import Engine, Plan, Stack, check_template
from local_aws.cloudformation.template import Template, TemplateError
from local_aws.cloudformation.views import (
    ChangeSet,
    change_of,
    event_of,
    pairs_of,
    resource_of,
    stack_of,
    summary_of,
)

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
BUSY = "_IN_PROGRESS"
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
COMMON = {"ClientRequestToken", "DeploymentMode"}
CREATE = {"Capabilities", "Parameters", "StackName", "Tags", "TemplateBody", "TemplateURL"} | COMMON
S3_ADDRESS = re.compile(r"https?://([^./]+)\.s3[^/]*/(.+)|https?://[^/]+/([^/]+)/(.+)")


def install() -> None:
    """Answer CloudFormation's API by this module; call it before moto's application is made."""
    urls.url_paths["{0}/$"] = LocalCloudFormation.dispatch
    # moto reads a bucket policy without its conditions, and so would refuse every request to a bucket that
    # refuses plain HTTP. Policies are stored here, like IAM's, and not enforced.
    FakeBucket.get_permission = _no_opinion


def _no_opinion(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
    return PermissionResult.NEUTRAL


class LocalCloudFormation(BaseResponse):  # type: ignore[misc]
    """The API's actions; one that is not a method here is refused by name."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def _engine(self) -> Engine:
        # Kept on moto's backend, so that moto's reset drops the stacks along with what they made.
        backend = cloudformation_backends[self.current_account][self.region]
        held: dict[str, Any] = vars(backend)
        if "local_engine" not in held:
            url = self.uri.split("?")[0]
            held["local_engine"] = Engine(Clients(url, self.region), self.current_account, self.region)
        engine: Engine = held["local_engine"]
        return engine

    def create_stack(self) -> ActionResult:
        """Start to create a stack."""
        given = self._given(CREATE)
        engine = self._engine
        plan = self._plan(given, None)
        with engine.lock:
            self._refuse_present(engine.find(given["StackName"]), given["StackName"])
            stack = engine.add(given["StackName"], "CREATE_IN_PROGRESS")
        engine.start(stack, "create", plan)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        """Start to update a stack."""
        given = self._given({*CREATE, "UsePreviousTemplate"})
        stack = self._stack(given["StackName"])
        self._must_be(stack, UPDATABLE)
        plan = self._plan(given, stack)
        if self._checked(lambda: self._engine.same(stack, plan)):
            raise _invalid("No updates are to be performed.")
        self._engine.start(stack, "update", plan)
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> ActionResult:
        """Start to delete a stack; one that is not there is no error."""
        given = self._given({"StackName"} | COMMON)
        stack = self._engine.find(given["StackName"])
        if stack is not None and stack.status not in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            if stack.status.endswith(BUSY) and stack.status != "REVIEW_IN_PROGRESS":
                raise _invalid(f"Stack [{stack.name}] is in {stack.status} state and can not be deleted.")
            self._engine.start(stack, "delete")
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        """Describe one stack, or all that are not deleted."""
        given = self._given({"NextToken", "StackName"})
        if given.get("StackName"):
            stacks = [self._stack(given["StackName"])]
        else:
            stacks = [s for s in self._engine.stacks.values() if s.status != "DELETE_COMPLETE"]
        return ActionResult({"Stacks": [stack_of(stack) for stack in stacks]})

    def list_stacks(self) -> ActionResult:
        """List stacks, deleted ones too."""
        given = self._given({"NextToken", "StackStatusFilter"})
        wanted = given.get("StackStatusFilter")
        stacks = [s for s in self._engine.stacks.values() if not wanted or s.status in wanted]
        return ActionResult({"StackSummaries": [stack_of(stack) for stack in reversed(stacks)]})

    def describe_stack_events(self) -> ActionResult:
        """Return a stack's history, newest first, in one page."""
        stack = self._stack(self._given({"NextToken", "StackName"})["StackName"])
        with self._engine.lock:
            events = [event_of(stack, event) for event in reversed(stack.events)]
        return ActionResult({"StackEvents": events})

    def describe_stack_resources(self) -> ActionResult:
        """Describe the resources of a stack."""
        given = self._given({"LogicalResourceId", "StackName"})
        stack = self._stack(given["StackName"])
        only = given.get("LogicalResourceId")
        entries = [e for e in stack.resources.values() if only in {None, e.logical_id}]
        return ActionResult({"StackResources": [resource_of(stack, entry) for entry in entries]})

    def describe_stack_resource(self) -> ActionResult:
        """Describe one resource of a stack."""
        given = self._given({"LogicalResourceId", "StackName"})
        stack, name = self._stack(given["StackName"]), given["LogicalResourceId"]
        if name not in stack.resources:
            raise _invalid(f"Resource {name} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": resource_of(stack, stack.resources[name])})

    def list_stack_resources(self) -> ActionResult:
        """List the resources of a stack, in one page."""
        stack = self._stack(self._given({"NextToken", "StackName"})["StackName"])
        entries = list(stack.resources.values())
        return ActionResult({"StackResourceSummaries": [resource_of(stack, entry) for entry in entries]})

    def get_template(self) -> ActionResult:
        """Return a stack's template as it was given."""
        stack = self._stack(self._given({"StackName", "TemplateStage"})["StackName"])
        body = stack.template.body if stack.template else ""
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original"]})

    def validate_template(self) -> ActionResult:
        """Check a template's form, and name its parameters."""
        given = self._given({"TemplateBody", "TemplateURL"})
        template = self._checked(lambda: Template(self._body(given)))
        capability = template.needs_iam_capability()
        parameters = [
            {
                "ParameterKey": name,
                "DefaultValue": None if "Default" not in declared else str(declared["Default"]),
                "NoEcho": False,
                "Description": declared.get("Description"),
            }
            for name, declared in template.parameters.items()
        ]
        return ActionResult(
            {
                "Parameters": parameters,
                "Description": template.description,
                "Capabilities": [capability] if capability else [],
            }
        )

    def create_change_set(self) -> ActionResult:
        """Work out what a template would do to a stack; one without changes has failed, as on AWS."""
        allowed = CREATE | {
            "ChangeSetName",
            "ChangeSetType",
            "ClientToken",
            "Description",
            "UsePreviousTemplate",
        }
        given = self._given(allowed)
        kind = given.get("ChangeSetType", "UPDATE")
        engine, stack = self._engine, self._engine.find(given["StackName"])
        if kind == "CREATE":
            if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                self._refuse_present(stack, given["StackName"])
            plan = self._plan(given, None)
            stack = stack or engine.add(given["StackName"], "REVIEW_IN_PROGRESS")
        elif kind == "UPDATE":
            stack = self._stack(given["StackName"])
            self._must_be(stack, UPDATABLE)
            plan = self._plan(given, stack)
        else:
            raise _invalid(f"ChangeSetType must be CREATE or UPDATE on local AWS, not {kind}")
        name = given["ChangeSetName"]
        token = given.get("ClientToken")
        earlier = stack.change_sets.get(name)
        if earlier is not None and token and earlier.token == token:
            return ActionResult({"Id": earlier.id, "StackId": stack.id})
        if earlier is not None:
            raise CloudFormationError("AlreadyExistsException", f"ChangeSet {name} already exists")
        changes = self._checked(lambda: engine.changes(stack, plan))
        nothing = kind == "UPDATE" and engine.same(stack, plan)
        change_set = ChangeSet(
            name,
            stack.id.replace(":stack/", ":changeSet/").rsplit("/", 2)[0] + f"/{name}/{uuid.uuid4()}",
            kind,
            plan,
            changes,
            "FAILED" if nothing else "CREATE_COMPLETE",
            "UNAVAILABLE" if nothing else "AVAILABLE",
            NO_CHANGES if nothing else None,
            given.get("Description"),
            token,
        )
        stack.change_sets[name] = change_set
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        """Describe a change set and its changes, in one page."""
        stack, change_set = self._change_set(
            self._given({"ChangeSetName", "IncludePropertyValues", "NextToken", "StackName"})
        )
        return ActionResult(
            {
                **summary_of(stack, change_set),
                "Parameters": pairs_of(change_set.plan.parameters, "Parameter"),
                "Capabilities": change_set.plan.capabilities,
                "Tags": pairs_of(change_set.plan.tags, ""),
                "Changes": [change_of(change) for change in change_set.changes],
            }
        )

    def list_change_sets(self) -> ActionResult:
        """List the change sets of a stack."""
        stack = self._stack(self._given({"NextToken", "StackName"})["StackName"])
        return ActionResult({"Summaries": [summary_of(stack, c) for c in stack.change_sets.values()]})

    def execute_change_set(self) -> ActionResult:
        """Start to do what a change set says."""
        given = self._given({"ChangeSetName", "ClientRequestToken", "StackName"})
        token = given.get("ClientRequestToken")
        if token and given.get("StackName") and self._stack(given["StackName"]).token == token:
            return EmptyResult()
        stack, change_set = self._change_set(given)
        if change_set.execution_status != "AVAILABLE":
            raise CloudFormationError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                f"[{change_set.status}]",
            )
        stack.change_sets.clear()
        stack.token = token
        self._engine.start(stack, change_set.kind.lower(), change_set.plan)
        return EmptyResult()

    def delete_change_set(self) -> ActionResult:
        """Forget a change set."""
        given = self._given({"ChangeSetName", "StackName"})
        stack, change_set = self._change_set(given)
        del stack.change_sets[change_set.name]
        return EmptyResult()

    def _given(self, allowed: set[str]) -> dict[str, Any]:
        """Return the request's parameters, none of which is passed over in silence."""
        given = {key: value for key, value in self.params.items() if value is not None}
        unknown = sorted(set(given) - allowed)
        if unknown:
            raise _invalid(
                f"Local AWS does not implement {', '.join(unknown)} of {self._get_action()}; "
                f"it takes {', '.join(sorted(allowed))}"
            )
        return given

    def _plan(self, given: dict[str, Any], stack: Stack | None) -> Plan:
        if stack is not None and given.get("UsePreviousTemplate") and stack.template:
            template = stack.template
        else:
            template = self._checked(lambda: Template(self._body(given)))
        values = {}
        for parameter in given.get("Parameters") or []:
            name = parameter["ParameterKey"]
            if parameter.get("UsePreviousValue"):
                if stack is None or name not in stack.parameters:
                    raise _invalid(f"Invalid input for parameter key {name}. There is no previous value")
                values[name] = stack.parameters[name]
            else:
                values[name] = parameter.get("ParameterValue", "")
        tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags") or []}
        if stack is not None and "Tags" not in given:
            tags = stack.tags
        capabilities = list(given.get("Capabilities") or [])
        parameters = self._checked(lambda: template.resolve_parameters(values))
        self._checked(lambda: check_template(template, parameters, capabilities))
        return Plan(template, parameters, tags, capabilities)

    def _body(self, given: dict[str, Any]) -> str:
        if "TemplateBody" in given:
            return str(given["TemplateBody"])
        address = S3_ADDRESS.fullmatch(given.get("TemplateURL", ""))
        if address is None:
            raise _invalid("Give a template as TemplateBody, or as TemplateURL of an object in S3")
        bucket, key = address[1] or address[3], address[2] or address[4]
        try:
            answer = self._engine.clients.get("s3").get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise _invalid(f"S3 error for s3://{bucket}/{key}: {error}") from error
        return str(answer["Body"].read().decode())

    def _stack(self, name: str) -> Stack:
        stack = self._engine.find(name)
        if stack is None:
            raise _invalid(f"Stack with id {name} does not exist")
        return stack

    def _change_set(self, given: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        wanted = given["ChangeSetName"]
        stacks = [self._stack(given["StackName"])] if given.get("StackName") else self._engine.stacks.values()
        for stack in stacks:
            for change_set in stack.change_sets.values():
                if wanted in {change_set.name, change_set.id}:
                    return stack, change_set
        raise CloudFormationError("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")

    @staticmethod
    def _refuse_present(stack: Stack | None, name: str) -> None:
        if stack is not None:
            raise CloudFormationError("AlreadyExistsException", f"Stack [{name}] already exists")

    @staticmethod
    def _must_be(stack: Stack, statuses: set[str]) -> None:
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


def _invalid(message: str) -> CloudFormationError:
    return CloudFormationError("ValidationError", message)
