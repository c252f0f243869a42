"""A pipeline definition with fixed inputs, for comparison with the golden copy."""

from __future__ import annotations

from support.repository import ROOT

from pipeline.bundles import STEP_MODULES
from pipeline.definition import build_definition
from pipeline.project import Project

GOLDEN = ROOT / "tests" / "contract" / "golden_definition.json"
PROJECT = Project("bankruptcy", "123456789012", "eu-west-1")
JOB_ROLE = "arn:aws:iam::123456789012:role/bankruptcy-job"
COMMIT = "0" * 40
CODE = {step: f"s3://{PROJECT.bucket}/code/{number:064x}/" for number, step in enumerate(STEP_MODULES)}


def build() -> str:
    """Return the definition as JSON text."""
    return build_definition(PROJECT, JOB_ROLE, CODE, COMMIT)
