"""`bankruptcy up` makes the service once, and finds it there the next time."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from support.models.small import register
from typer.testing import CliRunner

from scripts.aws.registry import list_versions
from scripts.aws.session import Aws, connect
from scripts.cli import app
from scripts.commands.local_aws import up
from scripts.predict.client import client_of

NAMES = [f"ratio {number}" for number in range(20)]


def test_the_second_up_finds_version_address_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "set by the test")  # recorded, so that the patch undoes use_local_aws
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    trainings: list[str] = []
    seen: list[tuple[Any, ...]] = []

    def train(aws: Aws, _data: Path | None) -> None:
        trainings.append(register(aws, tmp_path, NAMES, seed=0)[0])

    def look() -> None:
        aws = connect("bankruptcy")
        client = client_of(aws)
        answer = client.predict({"data": [0.5] * len(NAMES)})
        versions = [(each.version, each.approval) for each in list_versions(aws)]
        seen.append((versions, client.url, client.key, answer["probability"]))

    opened: list[str] = []
    addresses: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(up, "_train", train)
    monkeypatch.setattr(up, "wait_for_interruption", look)
    for options in ([], ["--no-open"]):
        command = ["up", "--state", str(tmp_path / "state"), "--port", port, *options]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert "Champion   version 1" in result.output
        # Both print the console's address, and only the first one opens it.
        (address,) = re.findall(r"Console    (http://127\.0\.0\.1:\d+/enter\?token=\S+)", result.output)
        addresses.append(address)
    assert opened == addresses[:1]
    assert trainings == ["1"]
    assert seen[0] == seen[1]
    assert seen[0][0] == [(1, "Approved")]
