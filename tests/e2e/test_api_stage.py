"""The REST API's stage on local AWS: the documented client works, and the gateway refuses as documented."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from api_errors import CASES, Case
from small_models import register

from scripts.api_client import ApiClient, client_of
from scripts.commands.model import find, set_approval, wait_until_served
from scripts.session import Aws

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
NAMES = ("ROA(C) before interest", "Debt ratio %", "Net worth/Assets", "Cash/Total Assets")
ENFORCED = {"INVALID_API_KEY", "MISSING_AUTHENTICATION_TOKEN"}


@pytest.fixture(scope="module")
def client(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> ApiClient:
    version, _ = register(aws, tmp_path_factory.mktemp("model"), NAMES, seed=1)
    set_approval(aws, find(aws, int(version)), "Approved", "")
    wait_until_served(aws, int(version), timeout=60)
    return client_of(aws)


def test_the_documented_client(
    client: ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "client.py").write_text(code)
    monkeypatch.setenv("API_URL", client.url)
    monkeypatch.setenv("API_KEY", str(client.key))
    runpy.run_path(str(tmp_path / "client.py"))
    risk, *effects = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"(low|high): \d+\.\d%", risk)
    # A linear model moves its score by half of each weight, and the company is at every maximum.
    assert len(effects) == len(NAMES)
    for line in effects:
        name, direction, effect = re.fullmatch(r"  (.+) (raises|lowers) it \(([+-]\d\.\d\d)\)", line).groups()  # type: ignore[union-attr]
        assert name in NAMES
        assert (direction == "raises") == (float(effect) > 0)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.gateway in ENFORCED or case.status in (405, 413, 415)],
    ids=lambda case: case.code,
)
def test_errors_of_the_stage(client: ApiClient, case: Case) -> None:
    expected = case.answer()
    headers = {"Origin": "https://a.example"}
    if case.code != "forbidden":
        headers["x-api-key"] = str(client.key)
    if case.content_type is not None:
        headers["Content-Type"] = case.content_type
    reply: Any = client.pool.request(case.method, client.url + case.path, body=case.body, headers=headers)
    assert reply.status == case.status
    error = reply.json()["error"]
    assert error["request_id"] == reply.headers["X-Request-Id"]
    assert {**error, "request_id": ""} == {**expected.json["error"], "request_id": ""}
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    for name in case.headers:
        assert reply.headers[name] == expected.headers[name.lower()]


def test_a_missing_content_type_and_a_body_beyond_the_gateways_limit(client: ApiClient) -> None:
    for body, headers, expected in (
        (b"{}", {}, (415, "unsupported_media_type")),
        (b" " * 10_485_761, {"Content-Type": "application/json"}, (413, "payload_too_large")),
    ):
        reply: Any = client.pool.request(
            "POST", f"{client.url}/predict", body=body, headers={"x-api-key": str(client.key), **headers}
        )
        assert (reply.status, reply.json()["error"]["code"]) == expected
