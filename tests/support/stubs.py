"""A connection to AWS with one service, whose answers a test writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipeline.project import Project
from scripts.aws.session import Aws


@contextmanager
def stubbed_aws(service: str, region: str = "eu-central-1") -> Iterator[tuple[Aws, Stubber]]:
    """Yield a connection and its stubber; the block must read all answers."""
    session: Any = boto3.Session("x", "x", region_name=region)
    client = session.client(service)
    with Stubber(client) as stubber, pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "client", lambda name, **_: {service: client}[name])
        yield Aws(session, Project("bankruptcy", "123456789012", region)), stubber
        stubber.assert_no_pending_responses()
