"""Two local AWS in processes and regions of their own, as two accounts that share nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.local_aws.environment import VARIABLES
from support.permissions.people import create_person

from benchmarks.common.cloud import BANKRUPTCY, separate_process
from local_aws.base.clients import client_environment


@dataclass(frozen=True)
class Account:
    """A local AWS that enforces permissions."""

    url: str
    region: str

    def environment(self) -> dict[str, str]:
        """Return the environment variables of its root user."""
        return client_environment(self.url, self.region)


@contextmanager
def two_accounts(folder: Path, project: str, regions: Mapping[str, str]) -> Iterator[None]:
    """Run a local AWS in each region, and write two profiles for each name: `NAME` and `NAME-deployer`.

    The first has the credentials of the root user, the second the deployer's policies for a project.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        lines = []
        for name, region in regions.items():
            _, url = stack.enter_context(separate_process(BANKRUPTCY, "--enforce-iam", region=region))
            account = Account(url, region)
            deployer = create_person(account, "deployer", project)
            for profile, keys in ((name, account.environment()), (f"{name}-deployer", deployer)):
                lines += [
                    f"[profile {profile}]",
                    f"endpoint_url = {account.url}",
                    f"region = {account.region}",
                    f"aws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}",
                    f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}",
                ]
        (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name in (*VARIABLES, "AWS_PROFILE", "AWS_REGION"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        yield
