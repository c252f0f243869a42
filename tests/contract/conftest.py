"""A built pipeline definition."""

import json
from typing import Any

import pytest
from support.pipeline.definitions import build, walk


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(build())
    return parsed


@pytest.fixture(scope="module")
def steps(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["Name"]: step for step in walk(definition["Steps"])}
