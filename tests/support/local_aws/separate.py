"""Runs local AWS in a process of its own, whose memory can be measured."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.models.small import register

from benchmarks.common.cloud import local_aws
from benchmarks.common.processes import resident_mib
from scripts.aws.session import LOCAL_REGION, Aws, connect
from scripts.deploy.deployment import deploy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served

# The command, with a signal that collects garbage: full collections are rare in local AWS.
PROGRAM = """
import gc, signal
signal.signal(signal.SIGUSR1, lambda *_: gc.collect())
from scripts.entry import main
main()
"""
COLLECTION_SECONDS = 5


@dataclass(frozen=True)
class SeparateAws:
    """A project that is deployed to a local AWS in another process."""

    server: int
    aws: Aws

    def memory_mib(self) -> int:
        """Return the memory that local AWS itself holds after a garbage collection."""
        os.kill(self.server, signal.SIGUSR1)
        time.sleep(COLLECTION_SECONDS)
        return resident_mib(self.server)

    def serve_model(self, folder: Path, names: Sequence[str]) -> None:
        """Register and approve a small model with these features, and wait until it is in service."""
        version, _ = register(self.aws, folder, names, seed=0)
        set_approval(self.aws, find_version(self.aws, int(version)), "Approved")
        wait_until_served(self.aws, int(version), Waiting(timeout=120))


@contextmanager
def separate_aws(project: str) -> Iterator[SeparateAws]:
    """Run local AWS while the block runs, point this process at it, and deploy a project."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "set by the fixture")  # recorded, so that the patch undoes use_local_aws
        patch.setenv("AWS_DEFAULT_REGION", LOCAL_REGION)
        with local_aws((sys.executable, "-c", PROGRAM)) as server:
            aws = connect(project)
            deploy(aws, confirm=lambda _: True)
            yield SeparateAws(server, aws)


def write_portfolio(path: Path, names: Sequence[str], companies: int, seed: int) -> None:
    """Write a portfolio of companies with figures between 0 and 1."""
    generator = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"id,{','.join(names)}\n")
        for number in range(companies):
            file.write(f"c{number},{','.join(map(repr, generator.random(len(names)).tolist()))}\n")
