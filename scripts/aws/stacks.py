"""Bringing a CloudFormation stack to a template, by change set, with its events told as they happen."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Outcome = Literal["created", "updated", "unchanged"]
# Made anew with every change of what they stand for; nobody has anything in them to lose.
_EXPENDABLE = {"AWS::ApiGateway::Deployment", "AWS::Lambda::Permission"}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# What CloudFormation answers to a template or parameters that it does not take.
_REFUSALS = {"InsufficientCapabilitiesException", "LimitExceededException", "ValidationError"}
_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
_LONGEST_PAUSE = 3.0


class DeploymentError(Exception):
    """A deployment could not be done; the text says what failed, why, and what to do."""


@dataclass(frozen=True)
class Event:
    """Something that happened, for whoever watches.

    Parameters
    ----------
    source
        Name of the stack, or ``code``, ``pipeline``, ``account``, ``service``.
    subject
        What it happened to, for stacks a logical id.
    status
        CloudFormation's status, or a word such as ``uploaded``.
    reason
        Why, where that is known.
    """

    source: str
    subject: str
    status: str
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """What a change set would do to a resource.

    Parameters
    ----------
    action
        ``Add``, ``Modify``, ``Replace`` or ``Remove``; Replace where replacement is possible, too.
    """

    stack: str
    action: str
    resource: str
    type: str

    @property
    def is_destructive(self) -> bool:
        """Whether something that is there would be gone afterwards."""
        return self.action in {"Replace", "Remove"} and self.type not in _EXPENDABLE


Confirm = Callable[[Sequence[Change]], bool]
OnEvent = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Watch nothing."""


class Stack:
    """One stack, by name.

    Parameters
    ----------
    sleep
        Waits that many seconds; tests may wait less.
    """

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        name: str,
        on_event: OnEvent = ignore,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cloudformation = cloudformation
        self.name = name
        self._on_event = on_event
        self._sleep = sleep

    def describe(self) -> dict[str, Any] | None:
        """Return the stack's description, or None where there is none."""
        try:
            return dict(self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0])
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs; empty where there is no stack."""
        outputs = (self.describe() or {}).get("Outputs", [])
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    def resources(self, kind: str) -> list[str]:
        """Return the physical ids of the stack's resources of one type; none where there is no stack."""
        present = self.describe()
        if present is None:
            return []
        # By its id, for it may be deleted meanwhile.
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=present["StackId"]
        )
        return [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == kind and "PhysicalResourceId" in resource
        ]

    def apply(
        self,
        template: Mapping[str, str],
        parameters: Mapping[str, str],
        names: Sequence[str],
        *,
        tags: Mapping[str, str],
        confirm: Confirm,
    ) -> Outcome:
        """Create or update the stack, and wait until that is done.

        Parameters
        ----------
        template
            ``TemplateBody`` or ``TemplateURL``.
        parameters
            Values to set; every other parameter keeps the value it has, or its default.
        names
            The parameters that the template has.
        confirm
            Asked once before something is replaced or removed.

        Raises
        ------
        DeploymentError
            If it was not confirmed or failed.
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
        change_set = self._change_set(present, template, wanted, tags)
        if change_set is None:
            return "unchanged"
        self._ask(change_set, confirm)
        last = self._newest_event()
        self._cloudformation.execute_change_set(
            ChangeSetName=change_set, StackName=self.name, ClientRequestToken=change_set
        )
        status = self._watch(last)
        if status not in _GOOD:
            raise DeploymentError(self._why(last, status))
        return "updated" if present else "created"

    def delete(self) -> bool:
        """Delete the stack and wait until it is gone; return whether there was one.

        Raises
        ------
        DeploymentError
            If something in it could not be deleted.
        """
        present = self.describe()
        if present is None:
            return False
        if self._wait_for_quiet(present)["StackStatus"] == "DELETE_COMPLETE":
            return True
        watched = self._by_id(present)
        last = watched._newest_event()
        self._cloudformation.delete_stack(StackName=present["StackId"])
        status = watched._watch(last, self.name)
        if status != "DELETE_COMPLETE":
            raise DeploymentError(watched._why(last, status, self.name))
        return True

    def _settled(self) -> dict[str, Any] | None:
        """Return the stack once nothing goes on in it; what a failed creation left is removed."""
        present = self.describe()
        if present is None:
            return None
        present = self._wait_for_quiet(present)
        status = present["StackStatus"]
        if status in {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
            self._on_event(
                Event(self.name, self.name, status, "What an earlier failure left is removed first.")
            )
            self.delete()
            return None
        if status == "UPDATE_ROLLBACK_FAILED":
            raise DeploymentError(
                f"The stack {self.name} is stuck in UPDATE_ROLLBACK_FAILED. Run `aws cloudformation "
                f"continue-update-rollback --stack-name {self.name}`, then deploy again."
            )
        return None if status in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else present

    def _wait_for_quiet(self, present: dict[str, Any]) -> dict[str, Any]:
        """Wait for an operation that an interrupted run left behind."""
        if present["StackStatus"].endswith("_IN_PROGRESS") and present["StackStatus"] != "REVIEW_IN_PROGRESS":
            watched = self._by_id(present)
            watched._watch(watched._newest_event(), self.name)
            return watched.describe() or present
        return present

    def _by_id(self, present: dict[str, Any]) -> Stack:
        """Return the same stack, named so that it can still be looked at when it is deleted."""
        return Stack(self._cloudformation, present["StackId"], self._on_event, self._sleep)

    def _change_set(
        self,
        present: dict[str, Any] | None,
        template: Mapping[str, str],
        parameters: list[Any],
        tags: Mapping[str, str],
    ) -> str | None:
        """Make a change set and wait for it; return its name, or None if it would change nothing."""
        name = f"deploy-{uuid.uuid4().hex}"
        source: Any = dict(template)
        try:
            self._cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType="UPDATE" if present else "CREATE",
                Parameters=parameters,
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                # A request whose answer was lost is sent again: the token says that it is the same one.
                ClientToken=name,
                **source,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _REFUSALS:
                raise
            message = error.response["Error"]["Message"]
            raise DeploymentError(f"CloudFormation refused {self.name}: {message}") from error
        for pause in _pauses():
            change_set = self._cloudformation.describe_change_set(StackName=self.name, ChangeSetName=name)
            if change_set["Status"] == "CREATE_COMPLETE":
                return name
            if change_set["Status"] == "FAILED":
                break
            self._sleep(pause)
        self._cloudformation.delete_change_set(StackName=self.name, ChangeSetName=name)
        reason = change_set.get("StatusReason", "no reason given")
        if any(text in reason for text in _NOTHING_TO_DO):
            return None
        raise DeploymentError(f"CloudFormation refused {self.name}: {reason}")

    def _ask(self, change_set: str, confirm: Confirm) -> None:
        changes = list(self._changes(change_set))
        for change in changes:
            self._on_event(Event(self.name, change.resource, change.action, change.type))
        destructive = [change for change in changes if change.is_destructive]
        if destructive and not confirm(destructive):
            self._cloudformation.delete_change_set(StackName=self.name, ChangeSetName=change_set)
            names = ", ".join(f"{change.resource} ({change.action.lower()})" for change in destructive)
            raise DeploymentError(f"Not confirmed, nothing in {self.name} was changed: {names}.")

    def _changes(self, change_set: str) -> Iterator[Change]:
        pages = self._cloudformation.get_paginator("describe_change_set").paginate(
            StackName=self.name, ChangeSetName=change_set
        )
        for page in pages:
            for item in page["Changes"]:
                change = item["ResourceChange"]
                replaced = change.get("Replacement") in {"True", "Conditional"}
                action = "Replace" if replaced else str(change["Action"])
                yield Change(self.name, action, change["LogicalResourceId"], change["ResourceType"])

    def _newest_event(self) -> str | None:
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _events_since(self, last: str | None) -> list[dict[str, Any]]:
        """Return what happened after the event of that id, oldest first."""
        events: list[dict[str, Any]] = []
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        for page in pages:
            for event in page["StackEvents"]:
                if event["EventId"] == last:
                    return events[::-1]
                events.append(dict(event))
        return events[::-1]

    def _watch(self, last: str | None, shown: str | None = None) -> str:
        """Tell what happens after the event of that id until the stack is quiet; return its status."""
        for pause in _pauses():
            stack = self.describe()
            if stack is None:
                return "DELETE_COMPLETE"
            for event in self._events_since(last):
                last = event["EventId"]
                subject, reason = event["LogicalResourceId"], event.get("ResourceStatusReason")
                self._on_event(Event(shown or self.name, subject, event["ResourceStatus"], reason))
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return str(stack["StackStatus"])
            self._sleep(pause)
        raise AssertionError("the pauses never end")

    def _why(self, last: str | None, status: str, shown: str | None = None) -> str:
        """Name the resource that failed first, which is the one that caused the rest."""
        name = shown or self.name
        for event in self._events_since(last):
            reason = event.get("ResourceStatusReason", "")
            is_cause = event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason
            if is_cause and event["ResourceType"] != "AWS::CloudFormation::Stack":
                resource, kind = event["LogicalResourceId"], event["ResourceType"]
                return f"{name} ended in {status}: {resource} ({kind}) failed: {reason}"
        return f"{name} ended in {status}; CloudFormation's console shows the stack's events."


def _pauses() -> Iterator[float]:
    """Yield how long to wait before looking again: quick at first, for local AWS, then patient."""
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)
