"""`bankruptcy model approve`: what it says of columns that change, and when it asks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from scripts.cli import app
from scripts.commands import model
from scripts.model.contracts import ContractChange, contract_change

DEPLOYED = ["assets", "debt", "equity"]


class Aws:
    """A registry with one package, and a bucket."""

    is_local = True

    def __init__(self, deployed: list[str] | None, coming: list[str]) -> None:
        self.project: Any = self
        self.bucket = "bucket"
        self.model_package_group = "group"
        self.updates: list[dict[str, Any]] = []
        self._objects = {"models/1/contract.json": _contract(coming)}
        if deployed is not None:
            self._objects["champion/contract.json"] = {**_contract(deployed), "version": "3"}
        self.package = {
            "ModelPackageArn": "arn:package/4",
            "ModelPackageVersion": 4,
            "CustomerMetadataProperties": {
                "ContractHash": "+".join(coming),
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
    ("coming", "change"),
    [
        (DEPLOYED, None),
        (["debt", "assets", "equity"], ContractChange("3", (), (), (1, "debt"))),
        (["assets", "debt", "sales"], ContractChange("3", ("equity",), ("sales",), None)),
        (["assets", "sales", "equity", "debt"], ContractChange("3", (), ("sales",), (4, "debt"))),
        (["equity"], ContractChange("3", ("assets", "debt"), (), (1, "equity"))),
    ],
)
def test_what_changes_for_clients(coming: list[str], change: ContractChange | None) -> None:
    aws: Any = Aws(DEPLOYED, coming)
    assert contract_change(aws, aws.package) == change


def test_nothing_changes_where_nothing_is_deployed() -> None:
    aws: Any = Aws(None, DEPLOYED)
    assert contract_change(aws, aws.package) is None


@pytest.mark.parametrize(
    ("coming", "arguments", "answer", "approved"),
    [
        (DEPLOYED, [], "", True),
        (["debt", "assets", "sales"], [], "n\n", False),
        (["debt", "assets", "sales"], [], "", False),
        (["debt", "assets", "sales"], [], "y\n", True),
        (["debt", "assets", "sales"], ["--yes"], "", True),
    ],
)
def test_a_change_is_shown_and_asked_about(
    coming: list[str], arguments: list[str], answer: str, approved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = Aws(DEPLOYED, coming)
    monkeypatch.setattr(model, "connect", lambda *_, **__: aws)
    monkeypatch.setattr(model, "find", lambda *_: aws.package)
    result = CliRunner().invoke(app, ["model", "approve", "4", *arguments], input=answer)
    assert [update["ModelApprovalStatus"] for update in aws.updates] == (["Approved"] if approved else [])
    assert result.exit_code == (0 if approved else 1)
    told = [" ".join(line.split()) for line in result.output.splitlines()]
    if coming == DEPLOYED:
        assert told == ["Version 4 is approved; its deployment has been asked for."]
    else:
        assert told[1:4] == [
            "goes equity",
            "comes sales",
            "moves from number 1 on, where 'debt' comes to stand",
        ]
        assert "409" in told[4]
