"""`bankruptcy model approve` shows the columns that change, and asks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from scripts.cli import app
from scripts.model.contracts import ContractChange, contract_change

CHAMPION = ["assets", "debt", "equity"]


class Aws:
    """A registry with one package, and a bucket."""

    is_local = True

    def __init__(self, champion: list[str] | None, other: list[str]) -> None:
        self.project: Any = self
        self.bucket = "bucket"
        self.model_package_group = "group"
        self.updates: list[dict[str, Any]] = []
        self._objects = {"models/1/contract.json": _contract(other)}
        if champion is not None:
            self._objects["champion/contract.json"] = {**_contract(champion), "version": "3"}
        self.package = {
            "ModelPackageArn": "arn:package/4",
            "ModelPackageVersion": 4,
            "CustomerMetadataProperties": {
                "ContractHash": "+".join(other),
                "ContractUri": "s3://bucket/models/1/contract.json",
            },
        }

    def client(self, _service: str) -> Any:
        return self

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "bucket"
        if Key not in self._objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        return {"Body": io.BytesIO(json.dumps(self._objects[Key]).encode())}

    def update_model_package(self, **changes: Any) -> None:
        self.updates.append(changes)


def _contract(names: list[str]) -> dict[str, Any]:
    return {"contract": "+".join(names), "features": [{"name": name} for name in names]}


@pytest.mark.parametrize(
    ("other", "change"),
    [
        (CHAMPION, None),
        (["debt", "assets", "equity"], ContractChange("3", (), (), (1, "debt"))),
        (["assets", "debt", "sales"], ContractChange("3", ("equity",), ("sales",), None)),
        (["assets", "sales", "equity", "debt"], ContractChange("3", (), ("sales",), (4, "debt"))),
        (["equity"], ContractChange("3", ("assets", "debt"), (), (1, "equity"))),
    ],
)
def test_contracts_are_compared(other: list[str], change: ContractChange | None) -> None:
    aws: Any = Aws(CHAMPION, other)
    assert contract_change(aws, aws.package) == change


def test_without_a_champion_nothing_changes() -> None:
    aws: Any = Aws(None, CHAMPION)
    assert contract_change(aws, aws.package) is None


@pytest.mark.parametrize(
    ("other", "arguments", "answer", "approved"),
    [
        (CHAMPION, [], "", True),
        (["debt", "assets", "sales"], [], "n\n", False),
        (["debt", "assets", "sales"], [], "", False),
        (["debt", "assets", "sales"], [], "y\n", True),
        (["debt", "assets", "sales"], ["--yes"], "", True),
    ],
)
def test_a_changed_contract_is_shown_and_must_be_confirmed(
    other: list[str], arguments: list[str], answer: str, approved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = Aws(CHAMPION, other)
    monkeypatch.setattr("scripts.terminal.options.Settings.connect", lambda _: aws)
    monkeypatch.setattr("scripts.model.approval.find_version", lambda *_: aws.package)
    result = CliRunner().invoke(app, ["model", "approve", "4", *arguments], input=answer)
    assert [update["ModelApprovalStatus"] for update in aws.updates] == (["Approved"] if approved else [])
    assert result.exit_code == (0 if approved else 1 if answer else 2)  # without an answer, --yes is named
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    if other == CHAMPION:
        assert lines == ["Version 4 is approved; its deployment has been requested."]
    else:
        assert lines[1:4] == [
            "removed equity",
            "added sales",
            "moved positions change from 1 on: it is now 'debt'",
        ]
        assert "409" in lines[4]
