"""`bankruptcy model`: rejecting the version in service, approving a rejected one, and the list."""

from __future__ import annotations

from typing import Any

import pytest
from deploy_model.registry import FAILED_ATTEMPTS, MAX_ATTEMPTS
from support.deployment.fakes import Client, connected, endpoint
from typer.testing import CliRunner

from scripts.cli import app


class Registry(Client):
    """Versions with their metadata, and those whose approval was changed."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, dict[str, str]] = {}
        self.updated: list[str] = []
        self.status = "Approved"

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelPackageVersion": int(ModelPackageName.rpartition(":")[2]),
            "ModelApprovalStatus": self.status,
            "CustomerMetadataProperties": self.metadata.get(ModelPackageName, {}),
        }

    def update_model_package(self, *, ModelPackageArn: str, **_: Any) -> None:
        self.updated.append(ModelPackageArn)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    aws = connected(registry)
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: aws)
    return registry


def run(*arguments: str, answer: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["model", *arguments], input=answer)
    return result.exit_code, " ".join(result.output.split())


def test_rejecting_the_version_in_service_must_be_confirmed(registry: Registry) -> None:
    # GIVEN the newest version in service, then one that deploy_model gave up, and one that it would retry
    registry.approved = [3, 2, 1]
    registry.endpoint = endpoint("InService", 3)
    registry.metadata["arn:of:2"] = {FAILED_ATTEMPTS: str(MAX_ATTEMPTS)}
    registry.metadata["arn:of:1"] = {FAILED_ATTEMPTS: str(MAX_ATTEMPTS - 1)}
    # WHEN nobody answers, or the answer is no, THEN it is not rejected
    for answer, status in ((None, 2), ("n\n", 1)):
        code, output = run("reject", answer=answer)
        assert (code, registry.updated) == (status, [])
        assert "Version 3 is in service; version 1 will replace it." in output
    # WHEN it is confirmed, either way, THEN it is rejected
    assert run("reject", answer="y\n")[0] == 0
    assert run("reject", "--yes")[0] == 0
    assert registry.updated == ["arn:of:3", "arn:of:3"]


def test_list_shows_each_versions_figures(registry: Registry) -> None:
    registry.approved = [2, 1]
    registry.metadata["arn:of:2"] = {"RocAuc": "0.9412345678", "Candidate": "forest"}
    code, output = run("list")
    assert code == 0
    assert "2 Approved 2026-01-01 00:00:00 0.9412 forest 1 Approved 2026-01-01 00:00:00" in output


def test_rejecting_the_last_approved_version_warns(registry: Registry) -> None:
    registry.approved = [3]
    registry.endpoint = endpoint("InService", 3)
    code, output = run("reject", "3", "--yes")
    assert code == 0
    assert (
        "no other version is approved, so the endpoint will be deleted and the API will answer 503" in output
    )


@pytest.mark.parametrize("in_service", [1, None])
def test_rejecting_a_version_that_is_not_in_service_needs_no_confirmation(
    registry: Registry, in_service: int | None
) -> None:
    registry.approved = [2, 1]
    registry.endpoint = endpoint("InService", in_service) if in_service else None
    assert run("reject", "2") == (0, "Version 2 is rejected.")


def test_a_rejected_version_is_only_approved_by_its_number(registry: Registry) -> None:
    # GIVEN a newest version that is rejected, for example after a drill
    registry.approved = [3, 2]
    registry.status = "Rejected"
    code, output = run("approve", "--yes")
    assert code == 2
    assert "The newest version, 3, is rejected. To approve it all the same, name it:" in output
    assert "bankruptcy model approve 3" in output
    assert registry.updated == []
