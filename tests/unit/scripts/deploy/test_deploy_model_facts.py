"""The facts about deploy_model in scripts equal those in deploy_model itself."""

from __future__ import annotations

from typing import Any, cast

import pytest
from deploy_model import registry, serving
from support.deployment.fakes import PROJECT

from scripts.deploy import endpoint


def test_states_and_notes_are_those_of_deploy_model() -> None:
    assert endpoint.MOVING == serving.MOVING
    assert endpoint.MAX_ATTEMPTS == registry.MAX_ATTEMPTS
    assert (endpoint.FAILED_ATTEMPTS, endpoint.FAILED_REASON) == (
        registry.FAILED_ATTEMPTS,
        registry.FAILED_REASON,
    )


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("bankruptcy-v12-0123abcd", "12"),
        ("bankruptcy-v12-0123abcde", None),
        ("bankruptcy-too-v12-0123abcd", None),
        ("bankruptcy-score-20261123-101500-0a1b", None),
    ],
)
def test_names_are_parsed_as_by_deploy_model(name: str, version: str | None) -> None:
    settings: Any = type("Settings", (), {"project": PROJECT.name})()
    known = serving.Serving(cast("Any", None), settings)
    expected = None if version is None else int(version)
    assert endpoint.version_of(PROJECT, name) == version
    assert known.version_of(name) == expected
