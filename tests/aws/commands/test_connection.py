"""Connecting to local AWS: through a proxy in the environment, and in another region."""

from __future__ import annotations

import pytest

from local_aws.server import LocalAws
from scripts.aws.session import ConnectionFailedError, connect

VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "NO_PROXY", "no_proxy")


@pytest.fixture
def environment(running_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.setenv(name, "set by the fixture")  # so that monkeypatch undoes what connect sets
        monkeypatch.delenv(name)
    for name, value in running_aws.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("local", [True, False], ids=["--local", "AWS_ENDPOINT_URL alone"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_not_used_for_local_aws(
    environment: pytest.MonkeyPatch, name: str, local: bool
) -> None:
    environment.setenv(name, "http://127.0.0.1:9")
    environment.setenv("NO_PROXY", "intranet.example")
    assert connect("bankruptcy", local=local).project.account == "123456789012"


@pytest.mark.parametrize("local", [True, False], ids=["--local", "AWS_ENDPOINT_URL alone"])
def test_another_region_is_refused_at_the_first_call(environment: pytest.MonkeyPatch, local: bool) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        connect("bankruptcy", local=local, region="us-east-1")
    assert str(caught.value) == (
        "Local AWS runs in eu-west-1; the request is for us-east-1. Use eu-west-1, "
        "or start local AWS in us-east-1."
    )
