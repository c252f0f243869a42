"""Checks of the deployed REST API: the documented client works, and the errors are the documented ones."""

from __future__ import annotations

import io
import json
import re
import runpy
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from support.api.errors import CASES
from support.repository import ROOT

from scripts.predict.client import ApiClient

PAGE = ROOT / "docs" / "api.md"
# Local AWS enforces these errors of the gateway, but no throttling and quotas.
ENFORCED = {"INVALID_API_KEY", "MISSING_AUTHENTICATION_TOKEN"}
EFFECT = re.compile(r"  (.+) (raises|lowers) it \(([+-]\d+\.\d\d)\)")


def check_documented_client(client: ApiClient, folder: Path) -> None:
    """Check that the program in docs/api.md prints a risk and the effects behind it."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    program = folder / "client.py"
    program.write_text(code, encoding="utf-8")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setenv("API_URL", client.url)
        patch.setenv("API_KEY", str(client.key))
        runpy.run_path(str(program))
    risk, *effects = printed.getvalue().splitlines()
    assert re.fullmatch(r"(low|medium|high): \d+\.\d%", risk)
    found = [EFFECT.fullmatch(line) for line in effects]
    assert len(found) == 5
    names = {feature["name"] for feature in client.get("/model")["features"]}
    for effect in found:
        assert effect is not None
        assert effect[1] in names
        assert (effect[2] == "raises") == (float(effect[3]) >= 0)
    sizes = [abs(float(effect[3])) for effect in found if effect]
    assert sizes == sorted(sizes, reverse=True)


def check_documented_errors(client: ApiClient) -> None:
    """Check that errors of the gateway and the function are word for word those of docs/api.md."""
    cases = [case for case in CASES if case.gateway in ENFORCED or case.status in (405, 413, 415)]
    assert {case.status for case in cases} == {403, 404, 405, 413, 415}
    for case in cases:
        expected = case.answer()
        headers = {"Origin": "https://a.example"}
        if case.code != "forbidden":
            headers["x-api-key"] = str(client.key)
        if case.content_type is not None:
            headers["Content-Type"] = case.content_type
        reply = _send(client, case.method, case.path, case.body, headers)
        assert reply.status == case.status
        error = reply.json()["error"]
        assert error["request_id"] == reply.headers["X-Request-Id"]
        assert {**error, "request_id": ""} == {**expected.json["error"], "request_id": ""}
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        for name in case.headers:
            assert reply.headers[name] == expected.headers[name.lower()]

    # Requests that the gateway rejects before the function gets them
    key = {"x-api-key": str(client.key)}
    for body, headers, rejection in (
        ("{}", key, (415, "unsupported_media_type")),
        (" " * 10_485_761, {**key, "Content-Type": "application/json"}, (413, "payload_too_large")),
    ):
        reply = _send(client, "POST", "/predict", body, headers)
        assert (reply.status, reply.json()["error"]["code"]) == rejection


def check_open_pages(client: ApiClient) -> None:
    """Check that the pages that need no key do not contain the names of the features."""
    names = [feature["name"] for feature in client.get("/model")["features"]]
    for path in ("/openapi.json", "/docs", "/health"):
        for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": str(client.key)}):
            reply = _send(client, "GET", path, None, headers)
            assert reply.status == 200
            text = reply.data.decode()
            assert [name for name in names if json.dumps(name) in text] == []


def _send(client: ApiClient, method: str, path: str, body: str | None, headers: dict[str, str]) -> Any:
    return client.pool.request(method, client.url + path, body=body, headers=headers)
