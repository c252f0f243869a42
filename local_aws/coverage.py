"""Prints the tables of docs/local-aws.md: the actions and resource types that local AWS supports."""

from __future__ import annotations

from botocore.session import get_session

from local_aws.cloudformation.engine import TYPES
from local_aws.sagemaker.api import MOTO_ACTIONS, LocalSageMaker

BEGIN = "<!-- generated: python -m local_aws.coverage -->"
END = "<!-- end of the generated part -->"


def tables() -> str:
    """Return the generated part of docs/local-aws.md, with its markers."""
    actions = get_session().get_service_model("sagemaker").operation_names
    own = [name for name in actions if LocalSageMaker.is_own(name)]
    others = len(actions) - len(own) - len(MOTO_ACTIONS)
    lines = [
        BEGIN,
        "",
        "| SageMaker actions | implementation |",
        "|---|---|",
        f"| {_listed(own)} | local AWS: run for real, reject what AWS rejects, emit events |",
        f"| {_listed(sorted(MOTO_ACTIONS))} | moto: requests are validated against the service model |",
        f"| {others} others | not implemented: error 501 names the action |",
        "",
        "| CloudFormation resource types |",
        "|---|",
        f"| {_listed(sorted(TYPES))} |",
        "| any other type: the stack is rejected with an error that names the type |",
        "",
        END,
    ]
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(tables())  # noqa: T201 - a command's output
