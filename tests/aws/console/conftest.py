"""The console runs on local AWS, and on an account: a second local AWS in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_aws.account import Account, only_account, running_account

from local_aws.server import LocalAws


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running_account(tmp_path_factory.mktemp("account")) as found:
        yield found


@pytest.fixture(scope="module", params=["local AWS", "an account"], autouse=True)
def place(request: pytest.FixtureRequest, running_aws: LocalAws) -> Iterator[LocalAws | Account]:
    """Where the project is. A local AWS runs beside the account, and must get no request."""
    if request.param == "local AWS":
        yield running_aws
    else:
        account = request.getfixturevalue("account")
        with only_account(account):
            yield account


@pytest.fixture
def local_aws(place: LocalAws | Account) -> Iterator[LocalAws | Account]:
    place.reset()
    yield place
    place.reset()
