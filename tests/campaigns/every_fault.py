"""Interrupts `deploy` and `destroy` at each of their requests and runs them again: `make test-faults`.

An interruption either kills the process before the request, or carries the request out and loses its response
and every later one. SIZE=20 tries only twenty requests, drawn with SEED.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from botocore.exceptions import BotoCoreError
from support.campaign import SEED, size
from support.deployment.disturbed import REST, Service, disturbed_service
from support.deployment.faults import Fault, Killed, interrupt_at, killed, lost

from local_aws.server import LocalAws

MOST = 1000  # neither command sends as many requests
TRIED = sorted(random.Random(SEED).sample(range(1, MOST), size(MOST - 1)))


@pytest.fixture(scope="module")
def service(running_aws: LocalAws) -> Iterator[Service]:
    with disturbed_service(running_aws) as disturbed:
        yield disturbed


@pytest.mark.parametrize("fault", [killed, lost])
def test_deploy(service: Service, fault: Fault) -> None:
    service.deploy()
    whole = service.holds()
    for number in TRIED:
        service.reset()
        try:
            with service.faults.where(interrupt_at(number, fault)):
                service.deploy()
        except (Killed, BotoCoreError):
            service.deploy()
            assert service.holds() == whole, f"interrupted at {service.faults.requests[-1]}"
            assert not service.deploy().changed
        else:
            assert number > 10
            return  # it sent fewer requests


@pytest.mark.parametrize("fault", [killed, lost])
def test_destroy(service: Service, fault: Fault) -> None:
    for number in TRIED:
        service.reset()
        service.deploy()
        service.use()
        try:
            with service.faults.where(interrupt_at(number, fault)):
                service.destroy_all()
        except (Killed, BotoCoreError):
            service.destroy_all()
            assert service.holds() == REST, f"interrupted at {service.faults.requests[-1]}"
        else:
            assert number > 10
            return
