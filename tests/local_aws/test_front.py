"""The front of local AWS turns unexpected errors of every part into AWS errors."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from local_aws.front import Front


def faulty(_environ: Any, _start_response: Any) -> Any:
    raise ValueError("broken within")


@pytest.mark.parametrize(
    "path", ["/restapis/abc/prod/_user_request_/predict", "/endpoints/e/invocations", "/anything"]
)
def test_an_unexpected_error_is_an_aws_error(path: str) -> None:
    changed: list[str] = []
    front = Front(moto=faulty, invocations=faulty, stages=faulty, changed=changed.append, reset=lambda: None)
    answer = Client(front).post(path, base_url="http://127.0.0.1:4600")
    assert answer.status_code == 500
    assert answer.headers["x-amzn-ErrorType"] == "InternalFailure"
    assert "ValueError: broken within" in answer.json["message"]
    # Only a request to the control plane can change an API.
    assert changed == ([""] if path == "/anything" else [])
