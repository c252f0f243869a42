"""What local AWS covers, read from its own code; `python -m local_aws.coverage` prints the guide's tables."""

from __future__ import annotations

from botocore.session import get_session
from moto.core.utils import camelcase_to_underscores

from local_aws.cloudformation.stack import TYPES
from local_aws.sagemaker.api import PRETENDED, LocalSageMaker

BEGIN = "<!-- generated: python -m local_aws.coverage -->"
END = "<!-- end of the generated part -->"


def sagemaker_actions() -> tuple[list[str], list[str], int]:
    """Return the SageMaker actions that are ours, those that moto keeps, and how many are not there."""
    names = get_session().get_service_model("sagemaker").operation_names
    ours, moto, missing = [], [], 0
    for name in names:
        method = getattr(LocalSageMaker, camelcase_to_underscores(name), None)
        if method is None or name in PRETENDED:
            missing += 1
        elif method.__module__.startswith("local_aws."):
            ours.append(name)
        else:
            moto.append(name)
    return ours, moto, missing


def tables() -> str:
    """Return the generated part of docs/local-aws.md, with its marks."""
    ours, moto, missing = sagemaker_actions()
    lines = [
        BEGIN,
        "",
        "| SageMaker actions | how |",
        "|---|---|",
        f"| {_listed(ours)} | ours: they really run, refuse what AWS refuses, and send events |",
        f"| {_listed(moto)} | moto's: kept and returned, checked against the service model |",
        f"| {missing} others | not there: the answer is an error that names the action |",
        "",
        "| CloudFormation resource types |",
        "|---|",
        f"| {_listed(sorted(TYPES))} |",
        "| any other type: the stack is refused, and the error names it |",
        "",
        END,
    ]
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(tables())  # noqa: T201 - a command's output
