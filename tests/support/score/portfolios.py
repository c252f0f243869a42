"""Runs `bankruptcy score` for tests, and lists what a run leaves behind."""

from __future__ import annotations

from typing import Any

from support.local_aws.cloud import ROLE

from scripts.aws.session import Aws
from scripts.score.model import choose_model
from scripts.score.scoring import Order, Summary, score


def run(aws: Aws, source: str, target: str, seen: list[tuple[Any, ...]] | None = None) -> Summary:
    order = Order(source, target, None, "scoring-score-test", ROLE)
    log = [] if seen is None else seen
    return score(aws, order, choose_model(aws, None), lambda *step: log.append(step))


def left_over(aws: Aws) -> tuple[list[Any], list[Any]]:
    """Return the existing models, and the versions of objects under runs/."""
    found = aws.client("s3").list_object_versions(Bucket=aws.project.bucket, Prefix="runs/")
    versions = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
    return aws.client("sagemaker").list_models()["Models"], versions
