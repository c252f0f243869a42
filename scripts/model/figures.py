"""Reads the evaluation that a version was registered with."""

import json
from typing import Any

from scripts.aws.files import read_if_present
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws


def evaluation_of(aws: Aws, package: dict[str, Any]) -> dict[str, Any] | None:
    """Return the evaluation.json of a version; None if it was registered without one, or it was deleted."""
    uri = metadata_of(package).get("EvaluationUri")
    content = uri and read_if_present(aws, uri)
    return json.loads(content) if content else None
