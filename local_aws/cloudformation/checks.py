"""Checks a template before an operation starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aws.cloudformation.engine import TYPES
from local_aws.cloudformation.template import Scope, Template, TemplateError


def check_template(template: Template, parameters: Mapping[str, str], capabilities: list[str]) -> None:
    """Check types, capabilities and rules before an operation starts.

    Raises
    ------
    TemplateError
        If a resource type is unknown or a rule fails.
    PermissionError
        If the request does not acknowledge a required capability.
    """
    unknown = sorted(template.types() - set(TYPES))
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    needed = template.needs_iam_capability()
    enough = {"CAPABILITY_NAMED_IAM", needed}
    if needed and not enough & set(capabilities):
        raise PermissionError(f"Requires capabilities : [{needed}]")
    Scope(template, parameters, _nothing).check_rules()


def _nothing(name: str, _attribute: str | None) -> Any:
    raise TemplateError(f"Template error: rules and conditions cannot refer to the resource {name}")
