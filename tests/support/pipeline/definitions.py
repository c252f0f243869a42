"""A pipeline definition with fixed inputs, its steps and the values of its variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from support.repository import ROOT

from pipeline.bundles import STEP_MODULES
from pipeline.definition import build_definition
from pipeline.project import Project

GOLDEN = ROOT / "tests" / "contract" / "golden_definition.json"
PROJECT = Project("bankruptcy", "123456789012", "eu-west-1")
JOB_ROLE = "arn:aws:iam::123456789012:role/bankruptcy-job"
COMMIT = "0" * 40
JOB_STEPS = list(STEP_MODULES)
CODE = {step: f"s3://{PROJECT.bucket}/code/{number:064x}/" for number, step in enumerate(STEP_MODULES)}


def build() -> str:
    """Return the definition as JSON text."""
    return build_definition(PROJECT, JOB_ROLE, CODE, COMMIT)


def walk(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all steps, also those in the branches of conditions."""
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from walk(step["Arguments"]["IfSteps"])
            yield from walk(step["Arguments"]["ElseSteps"])


def resolve(value: Any) -> Any:
    """Replace variables as SageMaker does in an execution: by defaults, by URIs, or by the path itself."""
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Std:Join" in value:
        return value["Std:Join"]["On"].join(str(resolve(item)) for item in value["Std:Join"]["Values"])
    if "Std:JsonGet" in value:
        return value["Std:JsonGet"]["Path"]
    if "Get" in value:
        return _resolve_get(value["Get"])
    return {key: resolve(item) for key, item in value.items()}


def _resolve_get(path: str) -> Any:
    kind, _, rest = path.partition(".")
    if kind == "Parameters":
        golden = json.loads(GOLDEN.read_text())["Parameters"]
        return next(item for item in golden if item["Name"] == rest).get(
            "DefaultValue", "s3://bucket/data.csv"
        )
    if kind == "Execution":
        return rest
    output = re.fullmatch(r"(\w+)\.ProcessingOutputConfig\.Outputs\['(\w+)'\]\.S3Output\.S3Uri", rest)
    if output:
        return f"s3://bucket/Steps.{output[1]}.{output[2]}"
    artifact = re.fullmatch(r"(\w+)\.ModelArtifacts\.S3ModelArtifacts", rest)
    assert artifact, path
    return f"s3://bucket/{artifact[1]}/output/model.tar.gz"
