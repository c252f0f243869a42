"""Stacks: what a template makes, changes and removes, in which order, and the way back when it fails."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.base.clients import Clients
from local_aws.cloudformation.template import Scope, Template, TemplateError
from local_aws.cloudformation.types.apigateway import TYPES as API_GATEWAY
from local_aws.cloudformation.types.compute import TYPES as COMPUTE
from local_aws.cloudformation.types.resource import Context, Made, ResourceError, ResourceType
from local_aws.cloudformation.types.storage import TYPES as STORAGE

TYPES: Mapping[str, ResourceType] = {kind.name: kind for kind in (*STORAGE, *COMPUTE, *API_GATEWAY)}
# Stands for a value that is known only once a new resource exists.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
# What a property of another form than documented makes of the code that reads it.
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
FAILURES = (ResourceError, TemplateError, ClientError, BotoCoreError, *MALFORMED)


@dataclass
class Entry:
    """A resource of a stack, as it is now."""

    logical_id: str
    kind: str
    made: Made
    properties: dict[str, Any]
    status: str
    changed: datetime
    keep: bool = False


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    time: datetime
    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str | None


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str
    logical_id: str
    kind: str
    physical_id: str | None = None
    properties: tuple[str, ...] = ()
    replacement: bool = False


@dataclass
class Stack:
    """A stack and its history."""

    name: str
    id: str
    created: datetime
    status: str
    template: Template | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    resources: dict[str, Entry] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    status_reason: str | None = None
    updated: datetime | None = None
    change_sets: dict[str, Any] = field(default_factory=dict)
    # Of the last change set executed: the same request may come again.
    token: str | None = None


@dataclass(frozen=True)
class Plan:
    """A template with its parameters, about to be applied to a stack."""

    template: Template
    parameters: dict[str, str]
    tags: dict[str, str]
    capabilities: list[str]


def check_template(template: Template, parameters: Mapping[str, str], capabilities: list[str]) -> None:
    """Raise TemplateError or PermissionError for what CloudFormation refuses before it starts."""
    unknown = sorted(template.types() - set(TYPES))
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    needed = template.needs_iam_capability()
    enough = {"CAPABILITY_NAMED_IAM", needed}
    if needed and not enough & set(capabilities):
        raise PermissionError(f"Requires capabilities : [{needed}]")
    Scope(template, parameters, _nothing).check_rules()


class Engine:
    """The stacks of one account and region."""

    def __init__(
        self, clients: Clients, account: str, region: str, now: Callable[[], datetime] | None = None
    ) -> None:
        self.clients = clients
        self._account = account
        self._region = region
        self._now = now or (lambda: datetime.now(UTC))
        self.stacks: dict[str, Stack] = {}
        self.lock = threading.RLock()

    def find(self, name_or_id: str) -> Stack | None:
        """Return a stack by name (unless it was deleted) or by id."""
        with self.lock:
            if name_or_id in self.stacks:
                return self.stacks[name_or_id]
            alive = (stack for stack in self.stacks.values() if stack.status != "DELETE_COMPLETE")
            return next((stack for stack in alive if stack.name == name_or_id), None)

    def add(self, name: str, status: str) -> Stack:
        """Add a stack that holds nothing yet."""
        with self.lock:
            arn = f"arn:aws:cloudformation:{self._region}:{self._account}:stack/{name}/{uuid.uuid4()}"
            stack = Stack(name, arn, self._now(), status)
            self.stacks[arn] = stack
            self._event(stack, None, status, "User Initiated")
            return stack

    def start(self, stack: Stack, operation: str, plan: Plan | None = None) -> None:
        """Begin to create, update or delete a stack; its status tells how far that is."""
        verb = operation.upper()
        with self.lock:
            self._status(stack, f"{verb}_IN_PROGRESS", "User Initiated")
        work: dict[str, Callable[[], None]] = {
            "delete": lambda: self._delete(stack),
        }
        if plan is not None:
            work["create"] = lambda: self._create(stack, plan)
            work["update"] = lambda: self._update(stack, plan)
        threading.Thread(target=work[operation], name=f"{operation} {stack.name}", daemon=True).start()

    def changes(self, stack: Stack, plan: Plan) -> list[Change]:
        """Return what applying the plan would do, resource by resource."""
        fresh: set[str] = set()

        def lookup(name: str, attribute: str | None) -> Any:
            return UNKNOWN if name in fresh else self._value(stack, name, attribute)

        scope = self._scope(stack, plan, lookup)
        found = []
        wanted = set()
        for name in plan.template.order:
            resource = plan.template.resources[name]
            if not scope.active(resource):
                continue
            wanted.add(name)
            kind = TYPES[resource["Type"]]
            entry = stack.resources.get(name)
            if entry is None:
                fresh.add(name)
                found.append(Change("Add", name, kind.name))
                continue
            properties = scope.resolve(resource.get("Properties", {}))
            differing = _differing(entry.properties, properties)
            if differing:
                replaced = bool(kind.replacing.intersection(differing))
                if replaced:
                    fresh.add(name)
                found.append(
                    Change("Modify", name, kind.name, entry.made.physical_id, tuple(differing), replaced)
                )
        found += [
            Change("Remove", name, entry.kind, entry.made.physical_id)
            for name, entry in stack.resources.items()
            if name not in wanted
        ]
        return found

    def same(self, stack: Stack, plan: Plan) -> bool:
        """Whether applying the plan would change nothing at all."""
        if self.changes(stack, plan) or plan.tags != stack.tags:
            return False
        return self._outputs(stack, plan) == stack.outputs

    def _create(self, stack: Stack, plan: Plan) -> None:
        try:
            self._apply(stack, plan, [])
            outputs = self._outputs(stack, plan)
        except FAILURES as error:
            self._status(stack, "ROLLBACK_IN_PROGRESS", f"{_reason(error)} Rollback requested by user.")
            self._accept(stack, plan, {})
            failed = self._remove(stack, list(reversed(stack.resources.values())))
            self._status(stack, "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", failed)
            return
        self._accept(stack, plan, outputs)
        self._status(stack, "CREATE_COMPLETE")

    def _update(self, stack: Stack, plan: Plan) -> None:
        undo: list[Callable[[], None]] = []
        replaced: list[Entry] = []
        try:
            replaced = self._apply(stack, plan, undo)
            outputs = self._outputs(stack, plan)
        except FAILURES as error:
            self._status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", _reason(error))
            failed = None
            for step in reversed(undo):
                try:
                    step()
                except FAILURES as problem:
                    failed = _reason(problem)
            self._status(stack, "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE", failed)
            return
        self._status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        scope = self._scope(stack, plan)
        gone = [
            entry
            for name, entry in stack.resources.items()
            if name not in plan.template.resources or not scope.active(plan.template.resources[name])
        ]
        # What can't be removed is left behind, as on AWS; the event says so.
        self._remove(stack, list(reversed([*gone, *replaced])))
        for entry in gone:
            stack.resources.pop(entry.logical_id, None)
        self._accept(stack, plan, outputs)
        self._status(stack, "UPDATE_COMPLETE")

    def _delete(self, stack: Stack) -> None:
        failed = self._remove(stack, list(reversed(stack.resources.values())))
        self._status(stack, "DELETE_FAILED" if failed else "DELETE_COMPLETE", failed)

    def _apply(self, stack: Stack, plan: Plan, undo: list[Callable[[], None]]) -> list[Entry]:
        """Create and change resources in order; return those that others took the place of."""
        scope = self._scope(stack, plan)
        replaced = []
        for name in plan.template.order:
            resource = plan.template.resources[name]
            if not scope.active(resource):
                continue
            entry = stack.resources.get(name)
            properties = scope.resolve(resource.get("Properties", {}))
            if entry is None:
                self._make(stack, name, resource, properties)
                undo.append(lambda name=name: self._unmake(stack, name))  # type: ignore[misc]
                continue
            differing = _differing(entry.properties, properties)
            if not differing and entry.kind == resource["Type"]:
                continue
            if entry.kind != resource["Type"]:
                raise ResourceError(f"Update of resource type is not permitted: {name}")
            if TYPES[entry.kind].replacing.intersection(differing):
                self._make(stack, name, resource, properties)
                replaced.append(entry)
                undo.append(lambda name=name, old=entry: self._put_back(stack, name, old))  # type: ignore[misc]
            else:
                before = dict(entry.properties)
                undo.append(lambda name=name, before=before: self._change(stack, name, before))  # type: ignore[misc]
                self._change(stack, name, properties)
        return replaced

    def _make(self, stack: Stack, name: str, resource: Mapping[str, Any], properties: dict[str, Any]) -> None:
        kind = TYPES[resource["Type"]]
        self._event(stack, name, "CREATE_IN_PROGRESS", None, kind.name)
        context = self._context(stack, name)
        try:
            kind.check(properties)
            made = kind.create(context, properties)
        except FAILURES as error:
            self._event(stack, name, "CREATE_FAILED", _reason(error), kind.name)
            for begun in context.half_made:
                kind.delete(context, begun, properties)
            raise ResourceError(f"The following resource(s) failed to create: [{name}].") from error
        keep = resource.get("DeletionPolicy") == "Retain"
        stack.resources[name] = Entry(name, kind.name, made, properties, "CREATE_COMPLETE", self._now(), keep)
        self._event(stack, name, "CREATE_COMPLETE", None, kind.name)

    def _change(self, stack: Stack, name: str, properties: dict[str, Any]) -> None:
        entry = stack.resources[name]
        kind = TYPES[entry.kind]
        self._event(stack, name, "UPDATE_IN_PROGRESS", None, kind.name)
        try:
            kind.check(properties)
            entry.made = kind.update(self._context(stack, name), entry.made, properties, entry.properties)
        except FAILURES as error:
            self._event(stack, name, "UPDATE_FAILED", _reason(error), kind.name)
            raise ResourceError(f"The following resource(s) failed to update: [{name}].") from error
        entry.properties, entry.status, entry.changed = properties, "UPDATE_COMPLETE", self._now()
        self._event(stack, name, "UPDATE_COMPLETE", None, kind.name)

    def _unmake(self, stack: Stack, name: str) -> None:
        failed = self._remove(stack, [stack.resources[name]])
        if failed:
            raise ResourceError(failed)

    def _put_back(self, stack: Stack, name: str, old: Entry) -> None:
        self._unmake(stack, name)
        stack.resources[name] = old

    def _remove(self, stack: Stack, entries: list[Entry]) -> str | None:
        """Remove resources in the order given; return the reason if some could not be."""
        failed = []
        for entry in entries:
            name = entry.logical_id
            current = stack.resources.get(name) is entry
            if entry.keep:
                self._event(stack, name, "DELETE_SKIPPED", None, entry.kind)
            else:
                self._event(stack, name, "DELETE_IN_PROGRESS", None, entry.kind)
                try:
                    TYPES[entry.kind].delete(self._context(stack, name), entry.made, entry.properties)
                except FAILURES as error:
                    if not _is_gone(error):
                        self._event(stack, name, "DELETE_FAILED", _reason(error), entry.kind)
                        failed.append(name)
                        continue
                self._event(stack, name, "DELETE_COMPLETE", None, entry.kind)
            if current:
                del stack.resources[name]
        return f"The following resource(s) failed to delete: [{', '.join(failed)}]." if failed else None

    def _accept(self, stack: Stack, plan: Plan, outputs: dict[str, str]) -> None:
        with self.lock:
            stack.template, stack.parameters = plan.template, plan.parameters
            stack.tags, stack.capabilities, stack.outputs = plan.tags, plan.capabilities, outputs
            in_order = [name for name in plan.template.order if name in stack.resources]
            rest = [name for name in stack.resources if name not in in_order]
            stack.resources = {name: stack.resources[name] for name in rest + in_order}

    def _outputs(self, stack: Stack, plan: Plan) -> dict[str, str]:
        scope = self._scope(stack, plan)
        return {
            name: str(scope.resolve(output["Value"]))
            for name, output in plan.template.outputs.items()
            if scope.active(output)
        }

    def _scope(
        self, stack: Stack, plan: Plan, lookup: Callable[[str, str | None], Any] | None = None
    ) -> Scope:
        values = {
            **plan.parameters,
            "AWS::AccountId": self._account,
            "AWS::Partition": "aws",
            "AWS::Region": self._region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        return Scope(plan.template, values, lookup or (lambda name, key: self._value(stack, name, key)))

    def _value(self, stack: Stack, name: str, attribute: str | None) -> Any:
        entry = stack.resources.get(name)
        if entry is None:
            raise TemplateError(f"Unresolved resource dependencies [{name}] in the template")
        if attribute is None:
            return entry.made.physical_id
        if attribute not in entry.made.attributes:
            raise TemplateError(
                f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt; "
                f"local AWS knows {sorted(entry.made.attributes)}"
            )
        return entry.made.attributes[attribute]

    def _context(self, stack: Stack, name: str) -> Context:
        return Context(self.clients, self._account, self._region, stack.name, name)

    def _status(self, stack: Stack, status: str, reason: str | None = None) -> None:
        # The event first: who sees the stack finished has its whole history.
        self._event(stack, None, status, reason)
        with self.lock:
            stack.status, stack.status_reason = status, reason
            if status == "UPDATE_IN_PROGRESS":
                stack.updated = self._now()

    def _event(
        self, stack: Stack, name: str | None, status: str, reason: str | None, kind: str | None = None
    ) -> None:
        entry = stack.resources.get(name) if name else None
        physical = stack.id if name is None else (entry.made.physical_id if entry else "")
        shown = kind or "AWS::CloudFormation::Stack"
        with self.lock:
            stack.events.append(
                Event(str(uuid.uuid4()), self._now(), name or stack.name, physical, shown, status, reason)
            )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _reason(error: Exception) -> str:
    malformed = isinstance(error, MALFORMED)
    return f"Local AWS could not make sense of a property: {error!r}" if malformed else str(error)


def _is_gone(error: Exception) -> bool:
    """Whether a removal failed because the resource is no longer there."""
    if not isinstance(error, ClientError):
        return False
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return (
        status == 404
        or code.startswith(("NoSuch", "ResourceNotFound", "ParameterNotFound", "NotFound"))
        or "NonExistentQueue" in code
        or "does not exist" in str(error)
    )


def _nothing(name: str, _attribute: str | None) -> Any:
    raise TemplateError(f"Template error: rules and conditions may not refer to the resource {name}")
