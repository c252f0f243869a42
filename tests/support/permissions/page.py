"""Writes docs/permissions.md from a recording."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from support.permissions.recordings import Recording, Statement, unused_actions, used_actions
from support.permissions.unrecorded import reason_for
from support.repository import ROOT

from local_aws.base.clients import ACCOUNT
from local_aws.iam.policy import listed

PAGE = ROOT / "docs" / "permissions.md"
HEAD = """# Permissions

This page lists the permissions of each role, of the deployer, the trainer and the approver, and which of
them the end-to-end test needed. The test deploys, trains, approves, predicts, scores, rejects, stops, pauses,
scales, resumes and destroys on a local AWS with enforced permissions (see
[Local AWS](local-aws.md#permissions)).

Removing a statement makes the test fail, unless all its actions have a reason in the last column. `make
permissions` writes this page.
"""
CALLERS = {
    "ApiGatewayLogs": "ApiGatewayLogs: the account's role with which API Gateway writes access logs",
    "approver": "The approver: whoever only approves and rejects versions",
    "deployer": "The deployer: whoever runs `bankruptcy`",
    "trainer": "The trainer: whoever only uploads data and runs the pipeline",
}


def write_page(recording: Recording, names: Mapping[str, str]) -> None:
    """Write the page.

    Parameters
    ----------
    names
        Placeholders by the parts of resources that they replace, such as the project's name.
    """
    PAGE.write_text(
        "\n".join([HEAD, *_sections(recording, {ACCOUNT: "<account>", **names})]), encoding="utf-8"
    )


def _sections(recording: Recording, names: Mapping[str, str]) -> Iterator[str]:
    for caller, statements in sorted(recording.policies().items(), key=lambda item: item[0].lower()):
        yield f"## {CALLERS.get(caller, caller)}\n"
        yield "| statement | resources | recorded | not recorded |"
        yield "|---|---|---|---|"
        for statement in statements:
            yield _row(recording, caller, statement, names)
        yield ""


def _row(recording: Recording, caller: str, statement: Statement, names: Mapping[str, str]) -> str:
    calls = recording.of(caller)
    reasons: dict[str, list[str]] = {}
    for action in unused_actions(calls, statement):
        reasons.setdefault(str(reason_for(caller, action)), []).append(f"`{action}`")
    rest = "; ".join(f"{', '.join(actions)}: {reason}" for reason, actions in reasons.items())
    used = ", ".join(f"`{action}`" for action in used_actions(calls, statement))
    resources = "<br>".join(f"`{_named(each, names)}`" for each in listed(statement["Resource"]))
    return f"| {statement['Sid']} | {resources} | {used} | {rest} |"


def _named(resource: str, names: Mapping[str, str]) -> str:
    for part, placeholder in names.items():
        resource = resource.replace(part, placeholder)
    resource = re.sub(r"/apikeys/\w+$", "/apikeys/<id>", resource)
    # CloudFormation ends the names of roles with random characters.
    return re.sub(r"-[A-Z0-9]{12}\b", "-*", resource)
