"""Evaluates policies: whether the statements of a principal and of a resource allow an action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from local_aws.base.clients import ACCOUNT

Document = Mapping[str, Any]
Kind = Literal["root", "role", "user", "service"]


class UnsupportedPolicyError(ValueError):
    """A policy with an element that local AWS cannot evaluate."""


@dataclass(frozen=True)
class Principal:
    """The caller of an action.

    Parameters
    ----------
    kind
        The account's root user, a role, a user or a service of AWS.
    name
        Name of the role or user; for services, the principal, such as ``events.amazonaws.com``.
    arn
        ARN that error messages show; services have none.
    source_arn
        For services, the resource on whose behalf they call.
    """

    kind: Kind
    name: str
    arn: str = ""
    source_arn: str = ""

    def __str__(self) -> str:
        return self.arn or self.name


@dataclass(frozen=True)
class Need:
    """One permission that a call needs: an action on a resource, with the values of condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """Whether a permission is granted; if not, the reason in the words of AWS."""

    allowed: bool
    reason: str = ""


def decide(
    principal: Principal, need: Need, identity: Sequence[Document], resource: Document | None
) -> Decision:
    """Decide as AWS does within one account: a denial wins, and one allowing policy is enough.

    Parameters
    ----------
    identity
        Policies of the principal.
    resource
        Policy of the resource, if it has one.

    Raises
    ------
    UnsupportedPolicyError
        If a policy has an element that local AWS cannot evaluate.
    """
    context = {
        # Loopback stands for TLS: otherwise the policies that deny plain HTTP would deny every request.
        "aws:securetransport": "true",
        **({"aws:sourceaccount": ACCOUNT} if principal.kind == "service" else {}),
        **({"aws:sourcearn": principal.source_arn} if principal.source_arn else {}),
        **{key.lower(): value for key, value in need.context.items()},
    }
    own = [each for each in _statements(identity) if _covers(each, need, context)]
    named = [
        each
        for each in _statements([resource] if resource else [])
        if _names(each, principal) and _covers(each, need, context)
    ]
    for statements, kind in ((own, "an identity-based"), (named, "a resource-based")):
        if any(each["Effect"] == "Deny" for each in statements):
            return Decision(False, f"with an explicit deny in {kind} policy")
    if any(each["Effect"] == "Allow" for each in own + named):
        return Decision(True)
    kind = "resource" if principal.kind == "service" else "identity"
    return Decision(False, f"because no {kind}-based policy allows the {need.action} action")


def message(principal: Principal, need: Need, decision: Decision) -> str:
    """Return the error message of AWS for a permission that is not granted."""
    return (
        f"User: {principal} is not authorized to perform: {need.action} on resource: {need.resource} "
        f"{decision.reason}"
    )


def listed(value: Any) -> list[Any]:
    """Return an element of a policy, which can be one value or a list, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def matches(pattern: str, value: str) -> bool:
    """Return whether a pattern with the wildcards * and ? matches the whole value."""
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise UnsupportedPolicyError(f"Local AWS does not evaluate policy variables: {pattern}")
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each, re.escape(each)) for each in pattern), re.DOTALL)


def _statements(documents: Iterable[Document]) -> Iterator[Document]:
    for document in documents:
        yield from listed(document.get("Statement", []))


def _covers(statement: Document, need: Need, context: Mapping[str, str]) -> bool:
    """Return whether a statement applies to an action on a resource; trust policies name no resource."""
    unsupported = {"NotResource", "NotPrincipal"} & set(statement)
    if unsupported:
        raise UnsupportedPolicyError(f"Local AWS does not evaluate {', '.join(unsupported)} of policies.")
    patterns = listed(statement.get("Action", statement.get("NotAction")))
    named = any(matches(each.lower(), need.action.lower()) for each in patterns)
    if named is not ("Action" in statement):
        return False
    if not any(matches(each, need.resource) for each in listed(statement.get("Resource", "*"))):
        return False
    return all(
        _holds(operator, context.get(key.lower()), [str(each) for each in listed(wanted)])
        for operator, conditions in statement.get("Condition", {}).items()
        for key, wanted in conditions.items()
    )


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": matches,
}


def _holds(operator: str, value: str | None, wanted: Sequence[str]) -> bool:
    if operator == "Null":
        return wanted == [str(value is None).lower()]
    if operator not in _OPERATORS:
        raise UnsupportedPolicyError(
            f"Local AWS does not evaluate the condition operator {operator}; it evaluates Null, "
            f"{', '.join(_OPERATORS)}."
        )
    return value is not None and any(_OPERATORS[operator](each, value) for each in wanted)


def _names(statement: Document, principal: Principal) -> bool:
    """Return whether the Principal element of a statement names a principal."""
    named = statement.get("Principal", {})
    if named == "*":
        return True
    if principal.kind == "service":
        return any(matches(each, principal.name) for each in listed(named.get("Service", [])))
    # The account itself only delegates to identity-based policies, so it does not grant anything here.
    return any(
        each in {"*", principal.arn, f"arn:aws:iam::{ACCOUNT}:{principal.kind}/{principal.name}"}
        for each in listed(named.get("AWS", []))
    )
