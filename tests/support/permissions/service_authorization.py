"""AWS's Service Authorization Reference: the resources and condition keys of the actions that we use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from support.repository import ROOT

from local_aws.iam.policy import listed

REFERENCE: Mapping[str, Mapping[str, list[str]]] = json.loads(
    (ROOT / "tests" / "local_aws" / "iam" / "service_authorization.json").read_text(encoding="utf-8")
)["actions"]


def obstacle(action: str, statement: Mapping[str, Any]) -> str | None:
    """Return why a statement that names an action never allows it; None if it does.

    Either the action takes no resource and the statement names some, or the action takes other resources, or
    it lacks one of the statement's condition keys.

    Raises
    ------
    KeyError
        If the action is not in the stored part of the reference.
    """
    entry = REFERENCE[action]
    resources = [_pattern(each) for each in listed(statement["Resource"])]
    forms = [re.sub(r"\$\{\w+\}", "*", form) for form in entry["resources"]]
    if "*" not in resources and not forms:
        return f"{action} takes no resource, so it is only allowed on *"
    if "*" not in resources and not any(_overlap(form, each) for form in forms for each in resources):
        return f"{action} takes {', '.join(forms)}, and the statement names none of them"
    keys = {key for conditions in statement.get("Condition", {}).values() for key in conditions}
    known = [re.sub(r"\$\{\w+\}", "*", key) for key in [*entry["keys"], "aws:*"]]
    missing = sorted(key for key in keys if not any(_overlap(key, each) for each in known))
    return f"{action} has no condition key {missing[0]}" if missing else None


def obstacles(statement: Mapping[str, Any]) -> list[str]:
    """Return why a statement never allows some of its actions; wildcards can cover too much."""
    actions = [each for each in listed(statement["Action"]) if "*" not in each]
    return [found for each in actions if (found := obstacle(each, statement)) is not None]


def _pattern(resource: Any) -> str:
    """Return a statement's resource as a pattern; `*` for references, which only a stack resolves."""
    text = resource if isinstance(resource, str) else resource.get("Fn::Sub", "*")
    return re.sub(r"\$\{[\w:]+\}", "*", text)


@cache
def _overlap(one: str, other: str) -> bool:
    """Return whether some text matches both of two patterns with the wildcard *."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
