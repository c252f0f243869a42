"""A machine whose local AWS keeps its state in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.local_aws.cloud import (
    Cloud,
)
from support.local_aws.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        made = Machine(tmp_path / "state", stack)
        stack.callback(made.stop)
        yield made


@pytest.fixture(params=["stop", "crash"])
def again(request: pytest.FixtureRequest, machine: Machine) -> Callable[[], Cloud]:
    """Stop or crash local AWS and start it again."""
    return machine.start if request.param == "stop" else machine.crash
