"""`bankruptcy model`: what a person is asked before a served version goes, and what is listed."""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest
from deploy_model.registry import FAILED_ATTEMPTS, MAX_ATTEMPTS
from support.service_fakes import PROJECT, Client, Session, endpoint
from typer.testing import CliRunner

from scripts.aws.session import Aws
from scripts.cli import app
from scripts.commands import model


class Registry(Client):
    """Versions with their metadata, and what was set."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, dict[str, str]] = {}
        self.rejected: list[str] = []

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelPackageVersion": int(ModelPackageName.rpartition(":")[2]),
            "CustomerMetadataProperties": self.metadata.get(ModelPackageName, {}),
        }

    def update_model_package(self, *, ModelPackageArn: str, **_: Any) -> None:
        self.rejected.append(ModelPackageArn)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    aws = Aws(cast("boto3.Session", Session(made)), PROJECT)
    monkeypatch.setattr(model, "connect", lambda *_, **__: aws)
    return made


def run(*arguments: str, answer: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["model", *arguments], input=answer)
    return result.exit_code, " ".join(result.output.split())


def test_the_served_version_is_not_rejected_unasked(registry: Registry) -> None:
    # GIVEN the newest version served, then one that deploy_model gave up, and one that it would try again
    registry.approved = [3, 2, 1]
    registry.endpoint = endpoint("InService", 3)
    registry.metadata["arn:of:2"] = {FAILED_ATTEMPTS: str(MAX_ATTEMPTS)}
    registry.metadata["arn:of:1"] = {FAILED_ATTEMPTS: str(MAX_ATTEMPTS - 1)}
    # WHEN nobody is there to answer, or the answer is no, THEN it stays
    for answer in (None, "n\n"):
        code, output = run("reject", answer=answer)
        assert (code, registry.rejected) == (1, [])
        assert "Version 3 is the one that is served; version 1 takes over." in output
    # WHEN it is confirmed, either way, THEN it goes
    assert run("reject", answer="y\n")[0] == 0
    assert run("reject", "--yes")[0] == 0
    assert registry.rejected == ["arn:of:3", "arn:of:3"]


def test_the_list_tells_the_versions_apart_by_their_figures(registry: Registry) -> None:
    registry.approved = [2, 1]
    registry.metadata["arn:of:2"] = {"RocAuc": "0.9412345678", "Candidate": "forest"}
    code, output = run("list")
    assert code == 0
    assert "2 Approved 2026-01-01 00:00:00 0.9412 forest 1 Approved 2026-01-01 00:00:00" in output


def test_that_the_last_served_version_goes_is_said(registry: Registry) -> None:
    registry.approved = [3]
    registry.endpoint = endpoint("InService", 3)
    code, output = run("reject", "3", "--yes")
    assert code == 0
    assert "no approved version is left: the endpoint is removed and the API answers 503" in output


@pytest.mark.parametrize("served", [1, None])
def test_a_version_that_is_not_served_is_rejected_without_a_question(
    registry: Registry, served: int | None
) -> None:
    registry.approved = [2, 1]
    registry.endpoint = endpoint("InService", served) if served else None
    assert run("reject", "2") == (0, "Version 2 is rejected.")
