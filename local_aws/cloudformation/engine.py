"""Applies templates to stacks: creates, updates and deletes resources in order, and rolls back failures."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local_aws.base.changes import Changes
from local_aws.base.clients import ACCOUNT, Clients
from local_aws.base.clock import now
from local_aws.cloudformation.failures import FAILURES, is_gone, reason_of
from local_aws.cloudformation.stack import Change, Plan, Stack, StackEvent, StackResource, Undo
from local_aws.cloudformation.template import Scope, Template, TemplateError
from local_aws.cloudformation.types import apigateway, compute, iam, storage
from local_aws.cloudformation.types.resource import Context, ResourceError, ResourceType

# The name of this part of the saved state.
PART = "cloudformation"
TYPES: Mapping[str, ResourceType] = {
    kind.name: kind for room in (storage, iam, compute, apigateway) for kind in room.TYPES
}
STOPPED = "local AWS stopped"
# Placeholder for a value that is only known after a new resource is created.
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


class Engine:
    """All stacks of one local AWS.

    Parameters
    ----------
    clients : Clients
        Clients of the root user.
    lock : Changes
        A resource is changed and recorded under one hold of it, so that after a crash, no resource
        exists that its stack does not know.
    """

    def __init__(self, clients: Clients, lock: Changes) -> None:
        self.clients = clients
        self.lock = lock
        self.stacks: dict[str, Stack] = {}

    def clear(self) -> None:
        """Forget all stacks; their resources stay."""
        with self._changing():
            self.stacks = {}

    def restore(self, stacks: Iterable[Stack]) -> None:
        """Replace the stacks by saved ones; `resume` continues with their operations."""
        for stack in stacks:
            stack.clients = self.clients
            self.stacks[stack.id] = stack

    def resume(self) -> None:
        """Roll back creations and updates that local AWS's stop has interrupted; continue with deletions."""
        interrupted: Mapping[str, Callable[[Stack], None]] = {
            "CREATE_IN_PROGRESS": lambda stack: self._roll_back_creation(stack, STOPPED),
            "ROLLBACK_IN_PROGRESS": lambda stack: self._roll_back_creation(stack, STOPPED),
            "UPDATE_IN_PROGRESS": lambda stack: self._roll_back_update(stack, STOPPED),
            "UPDATE_ROLLBACK_IN_PROGRESS": lambda stack: self._roll_back_update(stack, STOPPED),
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": self._clean_up,
            "DELETE_IN_PROGRESS": self._delete,
        }
        for stack in list(self.stacks.values()):
            if stack.status in interrupted:
                interrupted[stack.status](stack)

    def find(self, name_or_id: str) -> Stack | None:
        """Return a stack by id, or by name if it has not been deleted."""
        with self.lock:
            if name_or_id in self.stacks:
                return self.stacks[name_or_id]
            alive = (stack for stack in self.stacks.values() if stack.status != "DELETE_COMPLETE")
            return next((stack for stack in alive if stack.name == name_or_id), None)

    def add(self, name: str, status: str) -> Stack:
        """Add an empty stack."""
        with self._changing():
            arn = f"arn:aws:cloudformation:{self.clients.region}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
            stack = Stack(name, arn, status, self.clients)
            self.stacks[arn] = stack
            self._event(stack, None, status, "User Initiated")
            return stack

    def start(self, stack: Stack, operation: str, clients: Clients, plan: Plan | None = None) -> None:
        """Create, update or delete a stack in the background; its status shows the progress.

        Parameters
        ----------
        clients
            Clients of the caller, with whose permissions the resources are changed.
        """
        verb = operation.upper()
        with self._changing():
            stack.clients = clients
            stack.plan, stack.former_tags, stack.undo = plan, stack.tags, []
            self._status(stack, f"{verb}_IN_PROGRESS", "User Initiated")
        work: dict[str, Callable[[], None]] = {"delete": lambda: self._delete(stack)}
        if plan is not None:
            work["create"] = lambda: self._create(stack, plan)
            work["update"] = lambda: self._update(stack, plan)
        threading.Thread(target=work[operation], name=f"{operation} {stack.name}", daemon=True).start()

    def changes(self, stack: Stack, plan: Plan) -> list[Change]:
        """Return the changes that the plan would make to each resource."""
        created: set[str] = set()

        def lookup(name: str, attribute: str | None) -> Any:
            return UNKNOWN if name in created else self._value(stack, name, attribute)

        scope = self._scope(stack, plan.template, plan.parameters, lookup)
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
                created.add(name)
                found.append(Change("Add", name, kind.name))
                continue
            properties = scope.resolve(resource.get("Properties", {}))
            differing = _differing(entry.properties, properties)
            if differing:
                replaced = bool(kind.replacing.intersection(differing))
                if replaced:
                    created.add(name)
                found.append(
                    Change("Modify", name, kind.name, entry.physical.physical_id, tuple(differing), replaced)
                )
        found += [
            Change("Remove", name, entry.kind, entry.physical.physical_id)
            for name, entry in stack.resources.items()
            if name not in wanted
        ]
        return found

    def same(self, stack: Stack, plan: Plan) -> bool:
        """Return whether the plan would change nothing."""
        if self.changes(stack, plan) or plan.tags != stack.tags:
            return False
        return self._outputs(stack, plan) == stack.outputs

    def _create(self, stack: Stack, plan: Plan) -> None:
        try:
            self._apply(stack, plan)
            outputs = self._outputs(stack, plan)
        except FAILURES as error:
            self._roll_back_creation(stack, f"{reason_of(error)} Rollback requested by user.")
            return
        with self._changing():
            self._accept(stack, plan, outputs)
            self._status(stack, "CREATE_COMPLETE")

    def _roll_back_creation(self, stack: Stack, reason: str) -> None:
        with self._changing():
            self._status(stack, "ROLLBACK_IN_PROGRESS", reason)
            if stack.plan is not None:
                self._accept(stack, stack.plan, {})
        failed = self._remove(stack, list(reversed(stack.resources.values())))
        self._status(stack, "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", failed)

    def _update(self, stack: Stack, plan: Plan) -> None:
        try:
            self._apply(stack, plan)
            outputs = self._outputs(stack, plan)
        except FAILURES as error:
            self._roll_back_update(stack, reason_of(error))
            return
        with self._changing():
            self._accept(stack, plan, outputs)
            self._status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(stack)

    def _roll_back_update(self, stack: Stack, reason: str) -> None:
        with self._changing():
            self._status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
            stack.tags = stack.former_tags
        failed = None
        while stack.undo:
            with self._changing():
                try:
                    self._undo(stack, stack.undo[-1])
                except FAILURES as problem:
                    failed = reason_of(problem)
                stack.undo.pop()
        self._status(stack, "UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE", failed)

    def _undo(self, stack: Stack, change: Undo) -> None:
        name = change.logical_id
        if change.action == "change":
            self._change(stack, name, change.properties)
            return
        failed = self._remove(stack, [stack.resources[name]])
        if failed:
            raise ResourceError(failed)
        if change.entry is not None:
            stack.resources[name] = change.entry

    def _clean_up(self, stack: Stack) -> None:
        """Delete the resources that an update has removed from the template or replaced."""
        replaced = [change.entry for change in stack.undo if change.entry is not None]
        gone = []
        if stack.template is not None:
            scope = self._scope(stack, stack.template, stack.parameters)
            wanted = stack.template.resources
            gone = [
                entry
                for name, entry in stack.resources.items()
                if name not in wanted or not scope.active(wanted[name])
            ]
        # As on AWS, resources that cannot be deleted stay; an event reports each.
        self._remove(stack, list(reversed([*gone, *replaced])))
        with self._changing():
            for entry in gone:
                stack.resources.pop(entry.logical_id, None)
            stack.undo = []
            self._status(stack, "UPDATE_COMPLETE")

    def _delete(self, stack: Stack) -> None:
        failed = self._remove(stack, list(reversed(stack.resources.values())))
        self._status(stack, "DELETE_FAILED" if failed else "DELETE_COMPLETE", failed)

    def _apply(self, stack: Stack, plan: Plan) -> None:
        """Create and update resources in order."""
        stack.tags = plan.tags
        scope = self._scope(stack, plan.template, plan.parameters)
        for name in plan.template.order:
            resource = plan.template.resources[name]
            if not scope.active(resource):
                continue
            properties = scope.resolve(resource.get("Properties", {}))
            with self._changing():
                self._apply_to(stack, name, resource, properties)

    def _apply_to(
        self, stack: Stack, name: str, resource: Mapping[str, Any], properties: dict[str, Any]
    ) -> None:
        """Create or update one resource, and record how to undo it."""
        entry = stack.resources.get(name)
        if entry is None:
            self._make(stack, name, resource, properties)
            stack.undo.append(Undo(name, "delete"))
            return
        differing = _differing(entry.properties, properties)
        if not differing and entry.kind == resource["Type"]:
            return
        if entry.kind != resource["Type"]:
            raise ResourceError(f"Update of resource type is not permitted: {name}")
        if TYPES[entry.kind].replacing.intersection(differing):
            self._make(stack, name, resource, properties)
            stack.undo.append(Undo(name, "put back", entry))
        else:
            # If this fails, some of the properties may have changed.
            stack.undo.append(Undo(name, "change", properties=dict(entry.properties)))
            self._change(stack, name, properties)

    def _make(self, stack: Stack, name: str, resource: Mapping[str, Any], properties: dict[str, Any]) -> None:
        kind = TYPES[resource["Type"]]
        self._event(stack, name, "CREATE_IN_PROGRESS", None, kind.name)
        context = self._context(stack, name)
        try:
            kind.check(properties)
            physical = kind.create(context, properties)
        except FAILURES as error:
            self._event(stack, name, "CREATE_FAILED", reason_of(error), kind.name)
            for partial in context.incomplete:
                kind.delete(context, partial, properties)
            raise ResourceError(f"The following resource(s) failed to create: [{name}].") from error
        keep = resource.get("DeletionPolicy") == "Retain"
        stack.resources[name] = StackResource(name, kind.name, physical, properties, "CREATE_COMPLETE", keep)
        self._event(stack, name, "CREATE_COMPLETE", None, kind.name)

    def _change(self, stack: Stack, name: str, properties: dict[str, Any]) -> None:
        entry = stack.resources[name]
        kind = TYPES[entry.kind]
        self._event(stack, name, "UPDATE_IN_PROGRESS", None, kind.name)
        try:
            kind.check(properties)
            entry.physical = kind.update(
                self._context(stack, name), entry.physical, properties, entry.properties
            )
        except FAILURES as error:
            self._event(stack, name, "UPDATE_FAILED", reason_of(error), kind.name)
            raise ResourceError(f"The following resource(s) failed to update: [{name}].") from error
        entry.properties, entry.status, entry.changed = properties, "UPDATE_COMPLETE", now()
        self._event(stack, name, "UPDATE_COMPLETE", None, kind.name)

    def _remove(self, stack: Stack, entries: list[StackResource]) -> str | None:
        """Delete resources in the given order; return an error message if any could not be deleted."""
        failed = []
        for entry in entries:
            with self._changing():
                if not self._is_removed(stack, entry):
                    failed.append(entry.logical_id)
        return f"The following resource(s) failed to delete: [{', '.join(failed)}]." if failed else None

    def _is_removed(self, stack: Stack, entry: StackResource) -> bool:
        """Delete one resource, unless it is to be kept; return False if it could not be deleted."""
        name = entry.logical_id
        current = stack.resources.get(name) is entry
        if entry.keep:
            self._event(stack, name, "DELETE_SKIPPED", None, entry.kind)
        else:
            self._event(stack, name, "DELETE_IN_PROGRESS", None, entry.kind)
            try:
                TYPES[entry.kind].delete(self._context(stack, name), entry.physical, entry.properties)
            except FAILURES as error:
                if not is_gone(error):
                    self._event(stack, name, "DELETE_FAILED", reason_of(error), entry.kind)
                    return False
            self._event(stack, name, "DELETE_COMPLETE", None, entry.kind)
        if current:
            del stack.resources[name]
        return True

    def _accept(self, stack: Stack, plan: Plan, outputs: dict[str, str]) -> None:
        with self._changing():
            stack.template, stack.parameters = plan.template, plan.parameters
            stack.tags, stack.capabilities, stack.outputs = plan.tags, plan.capabilities, outputs
            in_order = [name for name in plan.template.order if name in stack.resources]
            rest = [name for name in stack.resources if name not in in_order]
            stack.resources = {name: stack.resources[name] for name in rest + in_order}

    def _outputs(self, stack: Stack, plan: Plan) -> dict[str, str]:
        scope = self._scope(stack, plan.template, plan.parameters)
        return {
            name: str(scope.resolve(output["Value"]))
            for name, output in plan.template.outputs.items()
            if scope.active(output)
        }

    def _scope(
        self,
        stack: Stack,
        template: Template,
        parameters: Mapping[str, str],
        lookup: Callable[[str, str | None], Any] | None = None,
    ) -> Scope:
        values = {
            **parameters,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": self.clients.region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        return Scope(template, values, lookup or (lambda name, key: self._value(stack, name, key)))

    def _value(self, stack: Stack, name: str, attribute: str | None) -> Any:
        entry = stack.resources.get(name)
        if entry is None:
            raise TemplateError(f"Unresolved resource dependencies [{name}] in the template")
        if attribute is None:
            return entry.physical.physical_id
        if attribute not in entry.physical.attributes:
            raise TemplateError(
                f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt; "
                f"local AWS supports {sorted(entry.physical.attributes)}"
            )
        return entry.physical.attributes[attribute]

    def _context(self, stack: Stack, name: str) -> Context:
        return Context(
            stack.clients, self.clients, ACCOUNT, self.clients.region, stack.name, name, stack.tags
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock while stacks change."""
        with self.lock:
            self.lock.mark(PART)
            yield

    def _status(self, stack: Stack, status: str, reason: str | None = None) -> None:
        # The event comes first, so that a client that sees the final status also sees all events.
        self._event(stack, None, status, reason)
        with self._changing():
            stack.status, stack.status_reason = status, reason
            if status == "UPDATE_IN_PROGRESS":
                stack.updated = now()

    def _event(
        self, stack: Stack, name: str | None, status: str, reason: str | None, kind: str | None = None
    ) -> None:
        entry = stack.resources.get(name) if name else None
        physical = stack.id if name is None else (entry.physical.physical_id if entry else "")
        shown = kind or "AWS::CloudFormation::Stack"
        with self._changing():
            stack.events.append(
                StackEvent(str(uuid.uuid4()), name or stack.name, physical, shown, status, reason)
            )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
