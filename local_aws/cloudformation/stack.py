"""Stacks as records: their resources, events, change sets, and the template to apply."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aws.base.clients import Clients
from local_aws.base.clock import now
from local_aws.cloudformation.template import Template
from local_aws.cloudformation.types.resource import PhysicalResource


@dataclass
class StackResource:
    """A resource of a stack in its current state."""

    logical_id: str
    kind: str
    physical: PhysicalResource
    properties: dict[str, Any]
    status: str
    keep: bool = False
    changed: datetime = field(default_factory=now)


@dataclass(frozen=True)
class StackEvent:
    """One event in a stack's history."""

    id: str
    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str | None
    time: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Change:
    """The change that a change set would make to one resource."""

    action: str
    logical_id: str
    kind: str
    physical_id: str | None = None
    properties: tuple[str, ...] = ()
    replacement: bool = False


@dataclass(frozen=True)
class Plan:
    """A template with parameter values, to be applied to a stack."""

    template: Template
    parameters: dict[str, str]
    tags: dict[str, str]
    capabilities: list[str]


@dataclass(frozen=True)
class ChangeSet:
    """The changes that a plan would make to a stack; it can be executed later."""

    name: str
    id: str
    kind: str
    plan: Plan
    changes: list[Change]
    status: str
    execution_status: str
    reason: str | None
    description: str | None
    token: str | None
    created: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Undo:
    """How a rollback undoes one change of an update.

    Attributes
    ----------
    logical_id
        The resource.
    action
        ``"delete"`` a new resource, ``"put back"`` the resource that it replaced, or ``"change"`` the
        properties.
    entry
        The replaced resource.
    properties
        The properties before the change.
    """

    logical_id: str
    action: str
    entry: StackResource | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Stack:
    """A stack with its resources and history."""

    name: str
    id: str
    status: str
    # Clients of the caller of the current operation: resources are changed with the caller's permissions.
    clients: Clients
    template: Template | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    resources: dict[str, StackResource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    status_reason: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    # Token of the last executed change set; a client can send the same request again.
    token: str | None = None
    # The plan of the operation in progress, the tags before it, and the changes that it has made.
    plan: Plan | None = None
    former_tags: dict[str, str] = field(default_factory=dict)
    undo: list[Undo] = field(default_factory=list)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is saved: all but the clients."""
        return {key: value for key, value in vars(self).items() if key != "clients"}
