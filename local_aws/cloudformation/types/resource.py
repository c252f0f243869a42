"""The declarative resource type: the API calls that create, update and delete a resource, and its ids."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local_aws.base.clients import Clients

Properties = Mapping[str, Any]


class ResourceError(Exception):
    """A resource that could not be created, updated or deleted; the message is the reason in its event."""


@dataclass(frozen=True)
class PhysicalResource:
    """An existing resource: its physical id, which Ref returns, and the attributes that GetAtt returns."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """The account, stack and logical id of a resource, with the clients to create it.

    Parameters
    ----------
    clients
        Clients of the caller who changes the stack.
    own_clients
        Clients for what CloudFormation does for itself, such as looking whether a name is taken.
    stack
        Name of the stack.
    logical_id
        Name of the resource in the template.
    tags
        Tags of the stack, which its resources get when they are created.
    """

    clients: Clients
    own_clients: Clients
    account: str
    region: str
    stack: str
    logical_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    incomplete: list[PhysicalResource] = field(default_factory=list)

    def call(self, service: str, operation: str, /, **arguments: Any) -> Any:
        """Call the API with arguments converted to the types and names that the operation expects.

        Numbers from template parameters are text, properties like `RestApiId` are called `restApiId` in the
        API, and documents like policies are sent as JSON text. Arguments that are None are omitted.
        """
        present = {name: value for name, value in arguments.items() if value is not None}
        shaped = _shaped(present, self._input(service, operation))
        return getattr(self.clients.get(service), operation)(**shaped)

    def look(self, service: str, operation: str, /, **arguments: Any) -> Any:
        """Call the API for CloudFormation itself, not with the permissions of the caller."""
        return getattr(self.own_clients.get(service), operation)(**arguments)

    def tag_argument(self, service: str, operation: str) -> dict[str, Any]:
        """Return the argument of an operation that sets the stack's tags; empty if it has none."""
        members = self._input(service, operation).members
        name = next((name for name in ("Tags", "tags") if name in members), None)
        if name is None or not self.tags:
            return {}
        if isinstance(members[name], MapShape):
            return {name: dict(self.tags)}
        return {name: [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def _input(self, service: str, operation: str) -> StructureShape:
        client = self.clients.get(service)
        action = client.meta.method_to_api_mapping[operation]
        shape: StructureShape = client.meta.service_model.operation_model(action).input_shape
        return shape

    def generated_name(self, longest: int = 64) -> str:
        """Return a unique name for a resource that the template does not name."""
        suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        return f"{f'{self.stack}-{self.logical_id}'[: longest - 13]}-{suffix}"


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One type of resource, declared by its API calls; types that need more override a method.

    `physical_id`, `attributes` and `ids` are format strings. Their fields are the resource's properties,
    members of the answer to the first call, `region`, `account` and `physical_id`.

    Attributes
    ----------
    name
        Name in templates, such as AWS::SQS::Queue; its second part is boto3's name of the service.
    schema
        Supported properties; * marks required ones, ! those whose change replaces the resource.
    calls
        Client operations: create, update, delete; only create and delete if `update` is overridden or unused.
    physical_id, attributes
        Physical id, and attributes by name.
    ids
        Arguments that identify the resource in the update and delete calls.
    arguments
        Argument names of properties, where they differ.
    created_with
        Properties that the create call accepts, if not all; `update` then sets the others.
    create_with, update_with
        Further arguments of the create and update calls.
    patched
        For API Gateway, the properties that the update call can patch; a dot leads to nested members.
    name_property, longest_name
        Property or argument that gets a generated name if it is not set, and the maximum length of the name.
    is_taken
        Returns whether a name is already in use, for services that would overwrite the resource.
    """

    name: str
    schema: str
    calls: str
    physical_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str | list[str]] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    created_with: str = ""
    create_with: Mapping[str, Any] = field(default_factory=dict)
    update_with: Mapping[str, Any] = field(default_factory=dict)
    patched: str = ""
    name_property: str = ""
    longest_name: int = 64
    is_taken: Callable[[Context, str], bool] | None = None

    @property
    def properties(self) -> set[str]:
        """Names of all supported properties."""
        return {each.rstrip("*!") for each in self.schema.split()}

    @property
    def required(self) -> set[str]:
        """Names of the properties that must be set."""
        return {each.rstrip("*!") for each in self.schema.split() if "*" in each}

    @property
    def replacing(self) -> set[str]:
        """Names of the properties whose change replaces the resource."""
        return {each.rstrip("*!") for each in self.schema.split() if "!" in each}

    @property
    def service(self) -> str:
        """boto3's name of the service."""
        return self.name.split("::")[1].lower()

    def check(self, properties: Properties) -> None:
        """Raise ResourceError if a property is unsupported or a required one is missing."""
        unknown = sorted(set(properties) - self.properties)
        if unknown:
            raise ResourceError(
                f"Encountered unsupported property {unknown[0]} of {self.name}; "
                f"local AWS supports {', '.join(sorted(self.properties))}"
            )
        missing = sorted(self.required - set(properties))
        if missing:
            raise ResourceError(f"Property {missing[0]} of {self.name} cannot be empty.")

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        """Create the resource."""
        values = dict(properties)
        if self.name_property and self.name_property not in values:
            values[self.name_property] = context.generated_name(self.longest_name)
        if self.is_taken is not None and self.is_taken(context, values[self.name_property]):
            kind = self.name.rpartition("::")[2]
            raise ResourceError(f"{kind} {values[self.name_property]} already exists")
        first = self.created_with.split() or values
        sent = {key: value for key, value in values.items() if key in first}
        operation = self.calls.split()[0]
        tags = context.tag_argument(self.service, operation)
        answer = context.call(
            self.service, operation, **self.request(context, sent), **self.create_with, **tags
        )
        resource = self.describe(context, {**values, **answer})
        if not self.created_with:
            return resource
        # If `update` fails, the engine deletes the incomplete resource.
        context.incomplete.append(resource)
        return self.update(context, resource, properties, sent)

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Change the properties of the resource in place from `before` to `properties`."""
        if self.patched:
            patches = self.patches(properties, before)
            if patches:
                ids = self._ids(resource, properties)
                context.call(self.service, self.calls.split()[1], **ids, patchOperations=patches)
        else:
            own_name = {self.name_property: resource.physical_id} if self.name_property else {}
            request = self.request(context, {**properties, **own_name})
            context.call(self.service, self.calls.split()[1], **request, **self.update_with)
        return resource

    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Delete the resource."""
        context.call(self.service, self.calls.split()[-1], **self._ids(resource, properties))

    def request(self, context: Context, properties: Properties) -> dict[str, Any]:  # noqa: ARG002
        """Return the arguments that set these properties."""
        return {self.arguments.get(key, key): value for key, value in properties.items()}

    def patches(self, properties: Properties, before: Properties) -> list[dict[str, Any]]:
        """Return the patch operations for the properties that changed."""
        changes = ((key, _member(properties, key), _member(before, key)) for key in self.patched.split())
        return [
            {"op": "replace", "path": self._patch_path(key), "value": "" if new is None else new}
            for key, new, old in changes
            if new != old
        ]

    def _patch_path(self, key: str) -> str:
        names = self.arguments.get(key, key).split(".")
        return "".join(f"/{name[0].lower()}{name[1:]}" for name in names)

    def describe(self, context: Context, values: Properties) -> PhysicalResource:
        """Return the resource's id and attributes from its properties and the answer to the create call."""
        known = {**values, "region": context.region, "account": context.account}
        physical_id = self.physical_id.format_map(known)
        known["physical_id"] = physical_id
        return PhysicalResource(
            physical_id, {key: text.format_map(known) for key, text in self.attributes.items()}
        )

    def _ids(self, resource: PhysicalResource, properties: Properties) -> dict[str, Any]:
        known = {**properties, "physical_id": resource.physical_id}
        return {
            key: text.format_map(known)
            if isinstance(text, str)
            else [each.format_map(known) for each in text]
            for key, text in self.ids.items()
        }


def _member(properties: Properties, path: str) -> Any:
    outer, _, inner = path.partition(".")
    value = properties.get(outer)
    return (value or {}).get(inner) if inner else value


def _shaped(value: Any, shape: Shape | None) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        result = {}
        for key, item in value.items():
            name = key if key in members else key[:1].lower() + key[1:]
            result[name] = _shaped(item, members.get(name))
        return result
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_shaped(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: _shaped(item, shape.value) for key, item in value.items()}
    return _scalar(value, shape.type_name) if shape is not None else value


def _scalar(value: Any, kind: str) -> Any:
    if kind in {"integer", "long"} and isinstance(value, str):
        return int(value)
    if kind in {"float", "double"} and isinstance(value, str):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind == "string" and not isinstance(value, str):
        # Also writes True as true.
        return json.dumps(value)
    return value
