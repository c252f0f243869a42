"""Sessions without IAM, for tests of single parts of local AWS: every role has the permissions of root."""

from __future__ import annotations

from local_aws.base.clients import ROOT, Credentials
from local_aws.iam.sessions import Sessions


def root_sessions(url: str, region: str) -> Sessions:
    """Return sessions in which every role has the credentials of the root user."""

    def assume(_role: str, _service: str) -> Credentials:
        return ROOT

    return Sessions(url, region, assume)
