"""The results of commands as JSON data, where several commands show the same thing; see docs/scripting.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scripts.aws.registry import metadata_of
from scripts.model.figures import METRICS
from scripts.operate.executions import read_evaluation

if TYPE_CHECKING:
    from pipeline.service import Execution
    from scripts.aws.registry import ModelVersion
    from scripts.aws.session import Aws
    from scripts.operate.status import Status


def execution_summary(execution: Execution) -> dict[str, Any]:
    """Return an execution without its steps, as it is listed."""
    return {
        "id": execution.id,
        "arn": execution.arn,
        "status": execution.status,
        "start": execution.start,
        "failure_reason": execution.failure_reason,
    }


def execution_document(aws: Aws, arn: str) -> dict[str, Any]:
    """Return an execution with its parameters, steps, and the figures of its evaluation, if it has one."""
    from pipeline.service import describe

    execution = describe(aws.client("sagemaker"), arn)
    evaluation = read_evaluation(aws, execution)
    return {
        **execution_summary(execution),
        "end": execution.end,
        "parameters": execution.parameters,
        "steps": execution.steps,
        "evaluation": None if evaluation is None else _figures(evaluation),
    }


def _figures(evaluation: dict[str, Any]) -> dict[str, Any]:
    selected = evaluation["selected"]["candidate"]
    return {
        "passed": evaluation["gate"]["passed"],
        "reason": evaluation["gate"]["reason"],
        "selected": selected,
        "companies": evaluation["test"]["companies"],
        "bankruptcies": evaluation["test"]["bankruptcies"],
        "candidates": [
            {
                "candidate": name,
                "estimator": figures["estimator"],
                "out_of_fold_roc_auc": figures["out_of_fold_roc_auc"],
                **{name: figures["intervals"][name] for name, _, _ in METRICS},
            }
            for name, figures in evaluation["candidates"].items()
        ],
        "against_champion": _comparison(evaluation["champion"]),
    }


def _comparison(champion: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the comparison with the champion of that time; None if there was none."""
    if champion is None:
        return None
    found = champion["comparison"] if champion["compared"] else {}
    return {
        "compared": champion["compared"],
        "reason": champion.get("reason"),
        **{name: found.get(name) for name in ("verdict", "roc_auc_difference", "log_loss_increase")},
    }


def version_summary(version: ModelVersion, package: dict[str, Any]) -> dict[str, Any]:
    """Return a version as it is listed; `package` is its description in the registry."""
    metadata = metadata_of(package)
    return {
        "version": version.version,
        "arn": version.arn,
        "approval": version.approval,
        "created": version.created,
        "roc_auc": _number(metadata.get("RocAuc")),
        "candidate": metadata.get("Candidate"),
    }


def version_document(package: dict[str, Any], evaluation: dict[str, Any] | None) -> dict[str, Any]:
    """Return a version with its figures, from its description in the registry and its evaluation."""
    return {
        "version": package["ModelPackageVersion"],
        "arn": package["ModelPackageArn"],
        "approval": package["ModelApprovalStatus"],
        "note": package.get("ApprovalDescription"),
        "created": package["CreationTime"],
        "archive_uri": package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"],
        "metadata": metadata_of(package),
        "evaluation": None if evaluation is None else _figures(evaluation),
    }


def status_document(status: Status) -> dict[str, Any]:
    """Return the state of the service; versions are numbers, as in the other documents."""
    document = asdict(status)
    document["versions"] = document.pop("packages")
    document["champion"] = as_version(document.pop("champion_version"))
    for name in ("version", "pending_version"):
        document["endpoint"][name] = as_version(document["endpoint"][name])
    return document


def as_version(text: str | None) -> int | None:
    """Return a version as a number."""
    return None if text is None else int(text)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
