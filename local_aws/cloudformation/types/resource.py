"""What local CloudFormation asks of a resource type, and the calls by which types make their resources."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local_aws.base.clients import Clients

Properties = Mapping[str, Any]


class ResourceError(Exception):
    """A resource could not be made, changed or removed; the text becomes the event's reason."""


@dataclass(frozen=True)
class Made:
    """A resource that exists: what Ref gives, and what GetAtt gives by attribute."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Where a resource is made.

    Parameters
    ----------
    stack
        Name of the stack.
    logical_id
        The resource's name in the template.
    """

    clients: Clients
    account: str
    region: str
    stack: str
    logical_id: str
    half_made: list[Made] = field(default_factory=list)

    def exists(self, made: Made) -> Made:
        """Note a resource that is there but not complete, so that it goes should the rest fail."""
        self.half_made.append(made)
        return made

    def call(self, service: str, operation: str, /, **arguments: Any) -> Any:
        """Call the API, with text, numbers and names shaped as the operation wants them.

        Templates hold numbers as text where a parameter gave them, and write `RestApiId`
        where API Gateway wants `restApiId`. Arguments that are None are left out.
        """
        client = self.clients.get(service)
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape
        given = {name: value for name, value in arguments.items() if value is not None}
        return getattr(client, operation)(**_shaped(given, shape))

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def generated_name(self, longest: int = 64) -> str:
        """Return a new name for a resource whose template gives none."""
        suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        return f"{f'{self.stack}-{self.logical_id}'[: longest - 13]}-{suffix}"


class ResourceType:
    """One type of resource; subclasses say how it is made, changed and removed through boto3."""

    name: ClassVar[str]
    properties: ClassVar[frozenset[str]]
    required: ClassVar[frozenset[str]] = frozenset()
    # A change of one of these makes a new resource; of any other, `update` is called.
    replacing: ClassVar[frozenset[str]] = frozenset()

    def check(self, properties: Properties) -> None:
        """Raise ResourceError for a property that the type does not have, or lacks."""
        unknown = sorted(set(properties) - self.properties)
        if unknown:
            raise ResourceError(
                f"Encountered unsupported property {unknown[0]} of {self.name}; "
                f"local AWS knows {', '.join(sorted(self.properties))}"
            )
        missing = sorted(self.required - set(properties))
        if missing:
            raise ResourceError(f"Property {missing[0]} of {self.name} cannot be empty.")

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the resource."""
        raise NotImplementedError

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the resource in place from the properties `before` to `properties`."""
        raise NotImplementedError

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the resource."""
        raise NotImplementedError


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
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value
