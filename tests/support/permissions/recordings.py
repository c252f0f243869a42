"""Recordings of calls: who needed which permission, and which statements of a role nobody needs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_aws.iam.authorizer import Call
from local_aws.iam.policy import Need, decide, listed, matches, message

Statement = Mapping[str, Any]


@dataclass
class Recording:
    """The permissions that callers needed, each once.

    Attributes
    ----------
    calls
        The last call by the name of the caller and the permission.
    """

    calls: dict[tuple[str, str, str, tuple[tuple[str, str], ...]], Call] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call) -> None:
        """Add a call. A denied call stays, even if a later one with the same permission is allowed."""
        need = call.need
        key = (caller_of(call), need.action, need.resource, tuple(sorted(need.context.items())))
        with self._lock:
            if key not in self.calls or self.calls[key].decision.allowed:
                self.calls[key] = call

    def of(self, caller: str) -> list[Call]:
        """Return the calls of one caller."""
        return [call for name, call in self._all() if name == caller]

    def _all(self) -> list[tuple[str, Call]]:
        """Return the calls with the names of their callers; local AWS may still add others."""
        with self._lock:
            return [(name, call) for (name, *_), call in self.calls.items()]

    def denied(self) -> list[str]:
        """Return AWS's error message for each call that is not allowed."""
        return sorted(
            f"{name}: {message(call.principal, call.need, call.decision)}"
            for name, call in self._all()
            if not call.decision.allowed
        )

    def policies(self) -> dict[str, list[Statement]]:
        """Return the statements that allow something, by the caller whose policies have them."""
        found: dict[str, list[Statement]] = {}
        for name, call in self._all():
            if call.identity:
                found[name] = [each for policy in call.identity for each in listed(policy["Statement"])]
        return found


def caller_of(call: Call) -> str:
    """Return the logical id of a role, or the name of another caller.

    CloudFormation names a role `<stack>-<logical id>-<random characters>`.
    """
    named = re.fullmatch(r".*-(\w+Role)-[A-Z0-9]{12}", call.principal.name)
    return named[1] if call.principal.kind == "role" and named else call.principal.name


def denied_without(calls: Sequence[Call], statement: Statement) -> Iterator[str]:
    """Evaluate calls again without a statement of their caller; yield a message for each that is denied.

    Calls that were denied with the statement are skipped.
    """
    for call in (each for each in calls if each.decision.allowed):
        rest = [
            {**policy, "Statement": [each for each in listed(policy["Statement"]) if each != statement]}
            for policy in call.identity
        ]
        decision = decide(call.principal, call.need, rest, call.resource)
        if not decision.allowed:
            yield message(call.principal, call.need, decision)


def unused_actions(calls: Sequence[Call], statement: Statement) -> Iterator[str]:
    """Yield the actions of a statement that no call needed on one of its resources."""
    for pattern in listed(statement["Action"]):
        if not any(_uses(call.need, pattern, statement) for call in calls):
            yield pattern


def used_actions(calls: Sequence[Call], statement: Statement) -> list[str]:
    """Return the actions that calls needed and that a statement grants."""
    return sorted(
        {
            call.need.action
            for call in calls
            for pattern in listed(statement["Action"])
            if _uses(call.need, pattern, statement)
        }
    )


def _uses(need: Need, pattern: str, statement: Statement) -> bool:
    return matches(pattern.lower(), need.action.lower()) and any(
        matches(each, need.resource) for each in listed(statement["Resource"])
    )
