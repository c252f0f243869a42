"""Creates, updates and deletes CloudFormation stacks by change set, and reports their events."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

from botocore.exceptions import ClientError

from scripts.aws.session import Aws
from scripts.errors import ScriptError

Outcome = Literal["created", "updated", "unchanged"]
# Recreated on every change; they hold no data.
_DISPOSABLE = {"AWS::ApiGateway::Deployment", "AWS::Lambda::Permission"}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# Error codes for a template or parameters that CloudFormation rejects.
_REJECTIONS = {"InsufficientCapabilitiesException", "LimitExceededException", "ValidationError"}
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_LONGEST_DELAY = 3.0


class DeploymentError(ScriptError):
    """A deployment failed, was rejected, or is missing."""

    code = "deployment_failed"


@dataclass(frozen=True)
class Event:
    """Something that happened during a deployment.

    Parameters
    ----------
    source
        Name of the stack, or ``code``, ``pipeline``, ``account``, ``service`` or ``destroy``.
    subject
        The resource that it happened to; a logical id for stacks.
    status
        CloudFormation's status, or a word such as ``uploaded``.
    reason
        Why it happened, if known.
    """

    source: str
    subject: str
    status: str
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """A change that a change set would make to a resource.

    Parameters
    ----------
    action
        ``Add``, ``Modify``, ``Replace`` or ``Remove``; ``Replace`` even if CloudFormation only might replace
        it.
    """

    action: str
    resource: str
    type: str

    @property
    def is_destructive(self) -> bool:
        """Whether the change would delete an existing resource."""
        return self.action in {"Replace", "Remove"} and self.type not in _DISPOSABLE


Confirm = Callable[[Sequence[Change]], bool]
OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Ignore an event."""


def outputs_of(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs in the description of a stack."""
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def parameters_of(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters in the description of a stack."""
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in described.get("Parameters", [])}


class Stack:
    """One stack.

    Parameters
    ----------
    on_event
        Called with each event.
    sleep
        Waits for a number of seconds; tests may wait less.
    stack_id
        The stack's id, under which it can still be queried after its deletion.
    """

    def __init__(
        self,
        aws: Aws,
        name: str,
        on_event: OnEvent = ignore,
        sleep: Callable[[float], None] = time.sleep,
        stack_id: str | None = None,
    ) -> None:
        self._aws = aws
        self._cloudformation = aws.client("cloudformation")
        self.name = name
        self._id = stack_id or name
        self._on_event = on_event
        self._sleep = sleep

    def describe(self) -> dict[str, Any] | None:
        """Return the stack's description, or None if it does not exist."""
        try:
            return dict(self._cloudformation.describe_stacks(StackName=self._id)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs; empty if it does not exist."""
        return outputs_of(self.describe() or {})

    def parameters(self) -> dict[str, str]:
        """Return the stack's parameters; empty if it does not exist."""
        return parameters_of(self.describe() or {})

    def resources(self, kind: str) -> list[str]:
        """Return the physical ids of the stack's resources of one type; empty if it does not exist."""
        present = self.describe()
        if present is None:
            return []
        # By id, as the stack may be deleted at any moment.
        resources = self._by_id(present)._pages("list_stack_resources", "StackResourceSummaries")
        return [
            resource["PhysicalResourceId"]
            for resource in resources
            if resource["ResourceType"] == kind and "PhysicalResourceId" in resource
        ]

    def apply(
        self,
        template: Mapping[str, str],
        parameters: Mapping[str, str],
        names: Sequence[str],
        confirm: Confirm,
    ) -> Outcome:
        """Create or update the stack, and wait until it has finished.

        Parameters
        ----------
        template
            ``TemplateBody`` or ``TemplateURL``.
        parameters
            Values to set. Every other parameter keeps its current value, or gets its default.
        names
            The names of the template's parameters.
        confirm
            Called once before resources are replaced or removed; returns whether to go on.

        Raises
        ------
        DeploymentError
            If the change was not confirmed, was rejected, or failed.
        """
        present = self._settled()
        kept = {item["ParameterKey"] for item in (present or {}).get("Parameters", [])}
        wanted: list[Any] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ]
        wanted += [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in names
            if name in kept and name not in parameters
        ]
        change_set = self._change_set(present, template, wanted)
        if change_set is None:
            return "unchanged"
        self._ask(change_set, confirm)
        execute = self._cloudformation.execute_change_set
        self._run(_GOOD, execute, ChangeSetName=change_set, ClientRequestToken=change_set)
        return "updated" if present else "created"

    def delete(self) -> bool:
        """Delete the stack and wait until it is gone; return whether it existed.

        Raises
        ------
        DeploymentError
            If a resource could not be deleted.
        """
        present = self.describe()
        if present is None:
            return False
        if self._wait_until_idle(present)["StackStatus"] != "DELETE_COMPLETE":
            self._by_id(present)._run({"DELETE_COMPLETE"}, self._cloudformation.delete_stack)
        return True

    def _run(self, good: set[str], operation: Callable[..., Any], **request: str) -> None:
        """Start an operation, wait for its end, and raise an error unless the stack's status is good."""
        last = self._newest_event()
        operation(StackName=self._id, **request)
        status = self._watch(last)
        if status not in good:
            raise DeploymentError(self._why(last, status))

    def _settled(self) -> dict[str, Any] | None:
        """Wait until the stack is idle and return it; first delete the remains of a failed creation."""
        present = self.describe()
        if present is None:
            return None
        present = self._wait_until_idle(present)
        status = present["StackStatus"]
        if status in {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
            self._on_event(Event(self.name, self.name, status, "Deleting the remains of an earlier failure."))
            self.delete()
            return None
        if status == "UPDATE_ROLLBACK_FAILED":
            raise DeploymentError(
                f"The stack {self.name} is stuck in UPDATE_ROLLBACK_FAILED.",
                f"Run `aws cloudformation continue-update-rollback --stack-name {self.name}`, then deploy "
                "again.",
            )
        return None if status in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else present

    def _wait_until_idle(self, present: dict[str, Any]) -> dict[str, Any]:
        """Wait for an operation that an interrupted command left running."""
        if present["StackStatus"].endswith("_IN_PROGRESS") and present["StackStatus"] != "REVIEW_IN_PROGRESS":
            watched = self._by_id(present)
            watched._watch(watched._newest_event())
            return watched.describe() or present
        return present

    def _by_id(self, present: dict[str, Any]) -> Stack:
        """Return the same stack by id, under which it can still be queried after its deletion."""
        return Stack(self._aws, self.name, self._on_event, self._sleep, present["StackId"])

    def _change_set(
        self, present: dict[str, Any] | None, template: Mapping[str, str], parameters: list[Any]
    ) -> str | None:
        """Create a change set and wait for it; return its name, or None if it contains no changes."""
        name = f"deploy-{uuid.uuid4().hex}"
        source: Any = dict(template)
        try:
            self._cloudformation.create_change_set(
                StackName=self._id,
                ChangeSetName=name,
                ChangeSetType="UPDATE" if present else "CREATE",
                Parameters=parameters,
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": "Project", "Value": self._aws.project.name}],
                # Lets CloudFormation recognise a retry after a lost answer.
                ClientToken=name,
                **source,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REJECTIONS:
                raise
            message = error.response["Error"]["Message"]
            raise DeploymentError(f"CloudFormation rejected {self.name}: {message}") from error
        for delay in _delays():
            change_set = self._cloudformation.describe_change_set(StackName=self._id, ChangeSetName=name)
            if change_set["Status"] == "CREATE_COMPLETE":
                return name
            if change_set["Status"] == "FAILED":
                break
            self._sleep(delay)
        self._cloudformation.delete_change_set(StackName=self._id, ChangeSetName=name)
        reason = change_set.get("StatusReason", "no reason given")
        if any(text in reason for text in _NOTHING_TO_DO):
            return None
        raise DeploymentError(f"CloudFormation rejected {self.name}: {reason}")

    def _ask(self, change_set: str, confirm: Confirm) -> None:
        changes = list(self._changes(change_set))
        for change in changes:
            self._on_event(Event(self.name, change.resource, change.action, change.type))
        destructive = [change for change in changes if change.is_destructive]
        if destructive and not confirm(destructive):
            self._cloudformation.delete_change_set(StackName=self._id, ChangeSetName=change_set)
            names = ", ".join(f"{change.resource} ({change.action.lower()})" for change in destructive)
            raise DeploymentError(f"Not confirmed, so nothing in {self.name} was changed: {names}.")

    def _changes(self, change_set: str) -> Iterator[Change]:
        for item in self._pages("describe_change_set", "Changes", ChangeSetName=change_set):
            change = item["ResourceChange"]
            replaced = change.get("Replacement") in {"True", "Conditional"}
            action = "Replace" if replaced else str(change["Action"])
            yield Change(action, change["LogicalResourceId"], change["ResourceType"])

    def _newest_event(self) -> str | None:
        events = self._cloudformation.describe_stack_events(StackName=self._id)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _events_since(self, last: str | None) -> list[dict[str, Any]]:
        """Return the events after the one with the id `last`, oldest first."""
        events = self._pages("describe_stack_events", "StackEvents")
        return [*takewhile(lambda event: event["EventId"] != last, events)][::-1]

    def _pages(self, operation: str, key: str, **request: str) -> Iterator[Any]:
        return self._aws.list_all("cloudformation", operation, key, StackName=self._id, **request)

    def _watch(self, last: str | None) -> str:
        """Report the events after the one with the id `last` until the stack is idle; return its status."""
        for delay in _delays():
            stack = self.describe()
            if stack is None:
                return "DELETE_COMPLETE"
            for event in self._events_since(last):
                last = event["EventId"]
                subject, reason = event["LogicalResourceId"], event.get("ResourceStatusReason")
                self._on_event(Event(self.name, subject, event["ResourceStatus"], reason))
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return str(stack["StackStatus"])
            self._sleep(delay)
        raise AssertionError("the delays never end")

    def _why(self, last: str | None, status: str) -> str:
        """Return a message naming the resource that failed first, which caused the other failures."""
        for event in self._events_since(last):
            reason = event.get("ResourceStatusReason", "")
            is_cause = event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason
            if is_cause and event["ResourceType"] != "AWS::CloudFormation::Stack":
                resource, kind = event["LogicalResourceId"], event["ResourceType"]
                return f"{self.name} ended in {status}: {resource} ({kind}) failed: {reason}"
        return f"{self.name} ended in {status}. CloudFormation's console shows the stack's events."


def _delays() -> Iterator[float]:
    """Yield the seconds to wait between requests: short at first, for local AWS, then longer."""
    delay = 0.1
    while True:
        yield delay
        delay = min(delay * 1.5, _LONGEST_DELAY)
